// Makes a server's access control from its settings, and refuses to listen where strangers could come in (X1).
import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import { AccessControl, type AccessControlOptions } from '../access/access-control.js'
import type { Authorize } from '../access/authorize.js'
import type { IdentityOfClaims, TokenKey } from '../access/json-web-tokens.js'
import { KeySet } from '../access/key-set.js'
import { isLoopbackHost } from '../access/origins.js'
import type { SessionEvents } from '../access/session-registry.js'
import { settingsUnder } from '../config/program-options.js'
import type { LiveSettings } from './live-settings.js'

export type AccessSettings = ReturnType<typeof settingsUnder<'access'>>

interface ProgramOptions {
  readonly authorize?: Authorize
  readonly access?: { readonly identityOf?: IdentityOfClaims }
}

type Environment = Pick<AccessControlOptions, 'clock' | 'random' | 'logger' | 'counters' | 'limits'>

/** Rejects with `invalid-configuration`. */
export async function accessControlOf(
  live: LiveSettings,
  options: ProgramOptions,
  environment: Environment,
  sessionEvents: readonly SessionEvents[],
): Promise<AccessControl> {
  const settings = live.current
  const access = settingsUnder(settings, 'access')
  const key = await tokenKeyOf(access, environment)
  const clusterSecret = settings['cluster.secret']
  const { identityOf } = options.access ?? {}
  if (key === null && identityOf !== undefined)
    throw new WeftError(
      'invalid-configuration',
      'access.identityOf is set, and no key to check tokens with: set a secret, a public key or the address of a key set.',
    )
  return new AccessControl({
    ...environment,
    jsonWebTokens:
      key === null
        ? null
        : {
            key,
            issuer: access.jwtIssuer,
            audience: access.jwtAudience,
            clockToleranceMs: access.jwtClockToleranceMs,
            ...(identityOf === undefined ? {} : { identityOf }),
          },
    adminKey: access.adminKey,
    authorize: options.authorize ?? null,
    // Nodes take each other's tickets. Alone, a ticket is good until the next start.
    ticketKey: clusterSecret === null ? environment.random.bytes(32) : createHmac('sha256', clusterSecret).update('weft tickets').digest(),
    tokenCookie: access.tokenCookie,
    get allowedOrigin() {
      return live.allowedOrigin
    },
    trustedProxies: live.trustedProxies,
    insecureOpen: access.insecureOpen,
    sessionEvents,
  })
}

async function tokenKeyOf({ jwtSecret, jwtPublicKey, jwksUrl }: AccessSettings, { clock, logger }: Environment): Promise<TokenKey | null> {
  if (jwtSecret !== null) return { kind: 'secret', secret: jwtSecret }
  if (jwksUrl !== null) return { kind: 'key-set', keys: new KeySet({ url: jwksUrl, clock, logger }).find }
  if (jwtPublicKey === null) return null
  if (jwtPublicKey.includes('-----BEGIN')) return { kind: 'public-key', pem: jwtPublicKey }
  try {
    return { kind: 'public-key', pem: await readFile(jwtPublicKey, 'utf8') }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new WeftError('invalid-configuration', `The public key for tokens cannot be read from its file: ${reason}.`, { cause })
  }
}

/** What decides where a server may listen. */
export interface Exposure {
  readonly access: Pick<AccessControl, 'isConfigured' | 'isOpen'>
  readonly settings: Pick<AccessSettings, 'jwtSecret' | 'adminKey' | 'publishedAt'>
  readonly clusterSecret: string | null
}

/** The secrets that come with examples begin so, and everybody can read them. */
const EXAMPLE = /^example-/

/** Throws `invalid-configuration` for an address that others reach, if anybody could come in there. */
export function checkExposure(host: string, { access, settings, clusterSecret }: Exposure, logger: Logger): void {
  const { jwtSecret, adminKey, publishedAt } = settings
  const reachedAt = publishedAt ?? host
  if (access.isOpen) logger.warn({ host }, 'everybody who can reach this server may read and write everything (insecureOpen)')
  if (isLoopbackHost(reachedAt.includes(':') && !reachedAt.startsWith('[') ? `[${reachedAt}]` : reachedAt)) return
  if (!access.isConfigured && !access.isOpen)
    throw new WeftError(
      'invalid-configuration',
      `Nobody has configured who may do what, and others could reach the server at ${reachedAt}. Set a key for tokens (--jwt-secret-file, --jwt-public-key, ` +
        '--jwks-url), an --admin-key-file, or authorize in your program; listen on 127.0.0.1; or add --insecure-open to let everybody read and write everything.',
    )
  if ([jwtSecret, adminKey, clusterSecret].some((secret) => secret !== null && EXAMPLE.test(secret)))
    throw new WeftError(
      'invalid-configuration',
      `A secret is one of the examples, which everybody can read, and others could reach the server at ${reachedAt}. Make your own with: openssl rand -hex 32`,
    )
}

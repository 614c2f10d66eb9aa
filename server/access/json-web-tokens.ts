// JSON Web Tokens: who somebody is, and what they may do, as another server signed it. The algorithms follow from the key, never from the
// token.
import { createPublicKey, type KeyObject } from 'node:crypto'
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { Clock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { isUserId } from '../../core/user-id.js'
import type { Authenticator, Identity } from './identity.js'
import { type Grants, grantsIn, Rights } from './rights.js'

/** What the claims of a token say, where the application has claims of its own. What is left out is as without it. */
export interface ClaimedIdentity {
  readonly user?: string | null
  readonly name?: string | null
  readonly documents?: Grants
  readonly cursor?: boolean
}

export type IdentityOfClaims = (claims: JWTPayload) => ClaimedIdentity | Promise<ClaimedIdentity>

export interface JsonWebTokenOptions {
  readonly key: TokenKey
  readonly issuer: string | null
  /** Any one of them. */
  readonly audience: readonly string[]
  readonly clockToleranceMs: number
  readonly clock: Clock
  /** Default: `sub`, `name`, and the claim `weft`. */
  readonly identityOf?: IdentityOfClaims
}

/** What signatures are checked with. */
export type TokenKey =
  | { readonly kind: 'secret'; readonly secret: string }
  /** SPKI or a certificate, as PEM. */
  | { readonly kind: 'public-key'; readonly pem: string }
  | { readonly kind: 'key-set'; readonly keys: JWTVerifyGetKey }

const SECRET_ALGORITHMS = ['HS256', 'HS384', 'HS512']
const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const EDWARDS_ALGORITHMS = ['EdDSA', 'Ed25519']
const CURVE_ALGORITHMS: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }
const KEY_SET_ALGORITHMS = [...RSA_ALGORITHMS, ...EDWARDS_ALGORITHMS, ...Object.values(CURVE_ALGORITHMS)]

const LOOKS_LIKE_ONE = /^[\w-]+\.[\w-]+\.[\w-]*$/

export class JsonWebTokens implements Authenticator {
  readonly #options: JsonWebTokenOptions
  readonly #key: Uint8Array | KeyObject | JWTVerifyGetKey
  readonly #algorithms: string[]

  /** Throws `invalid-configuration` for a public key that is none. */
  constructor(options: JsonWebTokenOptions) {
    this.#options = options
    const { key } = options
    if (key.kind === 'secret') {
      this.#key = new TextEncoder().encode(key.secret)
      this.#algorithms = SECRET_ALGORITHMS
    } else if (key.kind === 'key-set') {
      this.#key = key.keys
      this.#algorithms = KEY_SET_ALGORITHMS
    } else {
      const publicKey = publicKeyIn(key.pem)
      this.#key = publicKey
      this.#algorithms = algorithmsOf(publicKey)
    }
  }

  async authenticate(token: string): Promise<Identity | null> {
    if (!LOOKS_LIKE_ONE.test(token)) return null
    const claims = await this.#verify(token)
    const { identityOf } = this.#options
    const claimed = identityOf === undefined ? claimedBy(claims) : { ...claimedBy(claims), ...(await identityOf(claims)) }
    const { user, name, documents, cursor } = claimed
    if (user !== null && (user === undefined || !isUserId(user)))
      throw new WeftError('unauthenticated', 'Your token names a user of no or of more than 256 bytes; it takes 1 to 256.')
    return {
      user,
      name: name ?? null,
      rights: rightsIn(documents ?? {}),
      cursor: cursor ?? true,
      issuedAt: (claims.iat ?? 0) * 1000,
      expiresAt: claims.exp === undefined ? null : claims.exp * 1000 + this.#options.clockToleranceMs,
      tokenId: claims.jti ?? null,
    }
  }

  async #verify(token: string): Promise<JWTPayload> {
    const { issuer, audience, clock, clockToleranceMs } = this.#options
    const key = this.#key
    const options = {
      algorithms: this.#algorithms,
      clockTolerance: clockToleranceMs / 1000,
      currentDate: new Date(clock.now()),
      ...(issuer === null ? {} : { issuer }),
      ...(audience.length === 0 ? {} : { audience: [...audience] }),
    }
    try {
      const verified = typeof key === 'function' ? await jwtVerify(token, key, options) : await jwtVerify(token, key, options)
      return verified.payload
    } catch (thrown) {
      // The keys cannot be had now: that says nothing about the token.
      if (thrown instanceof WeftError) throw thrown
      throw new WeftError('unauthenticated', refusalOf(thrown))
    }
  }
}

/** Why, without anything of the token. */
function refusalOf(thrown: unknown): string {
  if (thrown instanceof errors.JWTExpired) return 'Your token has expired; sign in again.'
  if (thrown instanceof errors.JWTClaimValidationFailed)
    return thrown.claim === 'nbf'
      ? 'Your token is not valid yet; the clock of this server or of the one that issued it is wrong.'
      : thrown.claim === 'aud' || thrown.claim === 'iss'
        ? `Your token is for something else: its ${thrown.claim === 'aud' ? 'audience' : 'issuer'} is not the one that this server takes.`
        : 'A claim of your token is not what this server takes.'
  if (thrown instanceof errors.JOSEAlgNotAllowed || thrown instanceof errors.JOSENotSupported)
    return 'Your token is signed in a way that this server does not take.'
  if (thrown instanceof errors.JWKSNoMatchingKey) return 'Your token is signed with a key that this server does not know.'
  return 'Your token is not good: its signature or its form is wrong.'
}

function claimedBy(claims: JWTPayload): ClaimedIdentity {
  const { sub, name, weft } = claims as JWTPayload & { readonly name?: unknown; readonly weft?: unknown }
  const { documents, cursor } = typeof weft === 'object' && weft !== null ? (weft as Readonly<Record<string, unknown>>) : {}
  const grants = documents === undefined ? {} : grantsIn(documents)
  if (grants === null)
    throw new WeftError('unauthenticated', 'The claim weft.documents of your token is not patterns with read, write or admin for each.')
  return { user: sub ?? null, name: typeof name === 'string' ? name : null, documents: grants, cursor: cursor !== false }
}

function rightsIn(documents: Grants): Rights {
  try {
    return new Rights(documents)
  } catch (thrown) {
    throw new WeftError('unauthenticated', `Your token is not good. ${thrown instanceof Error ? thrown.message : ''}`)
  }
}

function publicKeyIn(pem: string): KeyObject {
  try {
    return createPublicKey(pem)
  } catch (cause) {
    throw new WeftError('invalid-configuration', 'The public key for tokens is no PEM of a public key or certificate.', { cause })
  }
}

function algorithmsOf(key: KeyObject): string[] {
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      return RSA_ALGORITHMS
    case 'ed25519':
      return EDWARDS_ALGORITHMS
    case 'ec': {
      const algorithm = CURVE_ALGORITHMS[key.asymmetricKeyDetails?.namedCurve ?? '']
      if (algorithm !== undefined) return [algorithm]
      break
    }
    default:
  }
  throw new WeftError(
    'invalid-configuration',
    'The public key for tokens is of a kind that no token is signed with; take RSA, EC (P-256, P-384, P-521) or Ed25519.',
  )
}

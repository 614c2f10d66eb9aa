// Who may use the API, and for what: asked of `authorize`, as for any client. A server on which nobody configured that answers its own machine only.
import type { Context } from 'hono'
import { WeftError } from '../../../core/errors.js'
import type { Permission } from '../../../core/permission.js'
import { clientAddressOf, type TrustedProxies } from '../../access/addresses.js'
import type { Authorization, AuthorizeRequest } from '../../access/authorize.js'
import type { ApiEnvironment } from './environment.js'

/** What a request does: `admin` is history, restoring and deleting. */
export type Right = 'read' | 'write' | 'admin'

export interface ApiAccess {
  /** Null: nobody configured who may do what. */
  readonly authorize: ((request: AuthorizeRequest) => Promise<Authorization>) | null
  readonly trustedProxies: TrustedProxies
}

/** Who asks, once it is known that they may. */
export interface Asker {
  /** As `authorize` answered; null when nobody knows. */
  readonly user: string | null
  readonly permission: Permission
}

/**
 * Rejects with `unauthenticated`, `forbidden`, or what `authorize` says. `documentId` empty: it is about no single document. Outsiders were refused before, see
 * `refuseOutsiders`.
 */
export async function admit(access: ApiAccess, context: Context<ApiEnvironment>, documentId: string, right: Right): Promise<Asker> {
  const { authorize } = access
  if (authorize === null) return { user: null, permission: 'read-write' }
  const parameters = new URL(context.req.url).searchParams
  const bearer = /^Bearer +(\S+)$/i.exec(context.req.header('authorization') ?? '')?.[1]
  const answer = await authorize({
    documentId,
    token: bearer ?? parameters.get('token') ?? '',
    parameters,
    protocols: [],
    origin: context.req.header('origin') ?? null,
  })
  if (right === 'admin' && answer.admin !== true)
    throw new WeftError('forbidden', 'This takes the right to administer the document, which authorize grants with admin: true.')
  if (right === 'write' && answer.permission !== 'read-write')
    throw new WeftError('forbidden', 'You may read this document, and not change it.')
  return answer
}

/** Whoever may use no part of the API, whatever it is about: found out before anything of a body is read. Throws `forbidden`. */
export function refuseOutsiders(access: ApiAccess, context: Context<ApiEnvironment>): void {
  refuseOtherSites(context)
  if (access.authorize === null) refuseStrangers(access, context)
}

/** X6: a page of somebody else's, open in the browser of somebody who may, does nothing here. */
function refuseOtherSites(context: Context<ApiEnvironment>): void {
  if (context.req.header('sec-fetch-site') === 'cross-site')
    throw new WeftError('forbidden', 'Pages of other sites may not use this API; let your own server ask it.')
}

const LOOPBACK_HOST = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i

/** X1. A name that leads here and is not this machine's may be a page's way around its origin. */
function refuseStrangers({ trustedProxies }: ApiAccess, context: Context<ApiEnvironment>): void {
  const request = context.env.incoming
  // Called in the process: whoever mounted the application answers for it.
  if (request === undefined) return
  // A proxy on this machine that nobody said to trust may speak for anybody.
  const isForwarded = request.headers['x-forwarded-for'] !== undefined || request.headers.forwarded !== undefined
  const { remoteAddress } = request.socket
  // Of a socket that is gone meanwhile nobody knows whose it was.
  const believed = remoteAddress !== undefined && (!isForwarded || trustedProxies(remoteAddress, 0))
  const fromHere = believed && clientAddressOf(request, trustedProxies) === null
  if (fromHere && LOOPBACK_HOST.test(request.headers.host ?? '')) return
  throw new WeftError(
    'forbidden',
    'Nobody has configured who may do what on this server (authorize), so its API answers requests from its own machine only, to localhost.',
  )
}

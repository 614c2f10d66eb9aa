// Who may use the API, and for what: asked of the same place as for any client.
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { WeftError } from '../../../core/errors.js'
import type { Permission } from '../../../core/permission.js'
import type { AccessControl } from '../../access/access-control.js'
import { clientAddressOf, type TrustedProxies } from '../../access/addresses.js'
import { refusedUserOf } from '../../access/identity.js'
import type { Right } from '../../access/rights.js'
import type { Visit } from '../../access/visit.js'
import type { ApiEnvironment } from './environment.js'

export interface ApiAccess extends Pick<AccessControl, 'authorize' | 'refusalOf' | 'isAllowedOrigin' | 'servesOperators'> {
  readonly trustedProxies: TrustedProxies
}

/** Who asks, once it is known that they may. */
export interface Asker {
  /** Null when nobody knows. */
  readonly user: string | null
  readonly permission: Permission
}

/**
 * Rejects with `unauthenticated` or `forbidden`, or with what the program's hook says. Outsiders were refused before, see
 * `refuseOutsiders`.
 */
export function admit(access: ApiAccess, context: Context<ApiEnvironment>, documentId: string, right: Right): Promise<Asker> {
  return admitTo(access, context, documentId, 'document', right)
}

/** The same for all documents whose ids begin so; empty for all. */
export function admitToAll(access: ApiAccess, context: Context<ApiEnvironment>, prefix: string, right: Right): Promise<Asker> {
  return admitTo(access, context, prefix, 'prefix', right)
}

async function admitTo(
  access: ApiAccess,
  context: Context<ApiEnvironment>,
  documentId: string,
  scope: 'document' | 'prefix',
  right: Right,
): Promise<Asker> {
  const answer = await access.authorize({ ...visitOf(access, context), documentId, scope, token: '' }).catch((thrown: unknown) => {
    askers.set(context.req.raw, { user: refusedUserOf(thrown) })
    throw thrown
  })
  askers.set(context.req.raw, answer)
  if (right === 'admin' && answer.admin !== true)
    throw new WeftError(
      'forbidden',
      `This takes the right "admin" on ${scope === 'document' ? 'the document' : `the pattern "${documentId}**"`}.`,
    )
  if (right === 'write' && answer.permission !== 'read-write')
    throw new WeftError('forbidden', 'You may read this document, and not change it.')
  return answer
}

/** Whoever may use no part of the API, whatever it is about: found out before anything of a body is read. Throws `forbidden`. */
export function refuseOutsiders(access: ApiAccess, context: Context<ApiEnvironment>): void {
  const visit = visitOf(access, context)
  // X6: a page of somebody else's, open in the browser of somebody who may, does nothing here.
  if (context.req.header('sec-fetch-site') === 'cross-site' && !(visit.origin !== null && access.isAllowedOrigin(visit.origin)))
    throw new WeftError(
      'forbidden',
      'Pages of other sites may not use this API: let your own server ask it, or its operator allow them with allowedOrigins.',
    )
  const refusal = access.refusalOf(visit, context.env.incoming)
  if (refusal !== null) throw refusal
}

/** Who a request was found to be of. */
const askers = new WeakMap<Request, Pick<Asker, 'user'>>()

/** Null while that is not known. */
export function askerOf(context: Context<ApiEnvironment>): Pick<Asker, 'user'> | null {
  return askers.get(context.req.raw) ?? null
}

/** Of the client, or of a proxy or program on this machine; null for a program in this process. */
export function addressOf(access: ApiAccess, context: Context<ApiEnvironment>): string | null {
  return visitOf(access, context).address ?? context.env.incoming?.socket.remoteAddress ?? null
}

/** One for each request: what it shows is looked at once, and a ticket is spent once. */
const visits = new WeakMap<Request, Visit>()

function visitOf({ trustedProxies }: ApiAccess, context: Context<ApiEnvironment>): Visit {
  const known = visits.get(context.req.raw)
  if (known !== undefined) return known
  const { incoming } = context.env
  const visit: Visit = {
    parameters: new URL(context.req.url).searchParams,
    protocols: [],
    origin: context.req.header('origin') ?? null,
    headers: incoming?.headers ?? Object.fromEntries(context.req.raw.headers),
    address: incoming === undefined ? null : clientAddressOf(incoming, trustedProxies),
  }
  visits.set(context.req.raw, visit)
  return visit
}

/** All of what lies below these paths takes the right "admin" on everything: whoever lacks it hears nothing of what else is wrong with their request. */
export function onlyForAdmins(app: OpenAPIHono<ApiEnvironment>, access: ApiAccess, paths: readonly string[]): void {
  for (const path of paths)
    app.use(`${path}/*`, async (context, next) => {
      await admitToAll(access, context, '', 'admin')
      return next()
    })
}

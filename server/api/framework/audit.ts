// Notes in the audit trail what the API did, and what it refused: every change, and whatever takes documents along. Reading what may be
// read is not noted.
import type { Context, MiddlewareHandler } from 'hono'
import type { Clock } from '../../../core/clock.js'
import { percentDecoded } from '../../../core/document-path.js'
import type { AuditEntry, AuditTrail } from '../../access/audit-trail.js'
import { type ApiAccess, addressOf, askerOf } from './api-access.js'
import { encodedDocumentIn } from './document-parameter.js'
import type { ApiEnvironment } from './environment.js'
import type { Problem } from './problems.js'

const takesAlong = /\/(archive|backup)$/
const REFUSED: ReadonlySet<number> = new Set([401, 403])
/** Of a path that leads nowhere. */
const ACT_LENGTH_MAX = 300

/** The route is as it is described, with `{id}` in the place of what was asked for. */
export function auditing(trail: AuditTrail, access: ApiAccess, clock: Clock): MiddlewareHandler<ApiEnvironment> {
  return async (context, next) => {
    await next()
    const { method, path } = context.req
    const { status } = context.res
    const isRead = method === 'GET' || method === 'HEAD'
    if (method === 'OPTIONS' || (isRead && !takesAlong.test(path) && !REFUSED.has(status))) return
    const encoded = encodedDocumentIn(path)
    const entry: AuditEntry = {
      at: new Date(clock.now()).toISOString(),
      user: askerOf(context)?.user ?? null,
      address: addressOf(access, context),
      act: `${method} ${encoded === null ? path : path.replace(encoded, '{id}')}`.slice(0, ACT_LENGTH_MAX),
      documentId: encoded === null ? null : decoded(encoded),
      status,
      code: status < 400 ? null : await codeOf(context),
    }
    if (REFUSED.has(status)) trail.recordRefusal(entry)
    else trail.record(entry)
  }
}

/** What is no id is noted as it was sent. */
function decoded(encoded: string): string {
  try {
    return percentDecoded(encoded)
  } catch {
    return encoded.slice(0, 2_000)
  }
}

async function codeOf(context: Context<ApiEnvironment>): Promise<string | null> {
  try {
    return ((await context.res.clone().json()) as Partial<Problem>).code ?? null
  } catch {
    return null
  }
}

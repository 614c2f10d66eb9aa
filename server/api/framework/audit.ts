// Notes in the audit trail what the API did, and what it refused: every change, and whatever takes documents along. Reading what may be read is not noted.
import type { Context, MiddlewareHandler } from 'hono'
import type { Clock } from '../../../core/clock.js'
import { percentDecoded } from '../../../core/document-path.js'
import { type ApiAccess, addressOf, askerOf } from './api-access.js'
import { encodedDocumentIn } from './document-parameter.js'
import type { ApiEnvironment } from './environment.js'
import type { Problem } from './problems.js'

type AuditEntry = {
  /** When it was answered: ISO 8601, by this node's clock. */
  readonly at: string
  /** Null when nobody knows. */
  readonly user: string | null
  /** Of the client; null for a program in this process. */
  readonly address: string | null
  /** Method and route, such as `POST /api/v1/documents/{id}/restore`. */
  readonly act: string
  /** Null where it is about no single document. */
  readonly documentId: string | null
  /** Of HTTP. */
  readonly status: number
  /** Why it was refused; null if it was done. */
  readonly code: string | null
  /** Refusals before this one that were not noted, since there were too many. */
  readonly leftOut?: number
}

export interface AuditTrail {
  record(entry: AuditEntry): void
}

const takesAlong = /\/(archive|backup)$/
const REFUSED: ReadonlySet<number> = new Set([401, 403])
/** Whoever is refused decides how often: they must not fill the disk (G1). */
const REFUSALS_PER_SECOND_MAX = 20
/** Of a path that leads nowhere. */
const ACT_LENGTH_MAX = 300

/** The route is as it is described, with `{id}` in the place of what was asked for. */
export function auditing(trail: AuditTrail, access: ApiAccess, clock: Clock): MiddlewareHandler<ApiEnvironment> {
  const refusals = { second: 0, noted: 0, leftOut: 0 }
  const hasRoom = (): boolean => {
    const second = Math.floor(clock.monotonic() / 1000)
    if (second !== refusals.second) Object.assign(refusals, { second, noted: 0 })
    refusals.noted += 1
    if (refusals.noted > REFUSALS_PER_SECOND_MAX) refusals.leftOut += 1
    return refusals.noted <= REFUSALS_PER_SECOND_MAX
  }
  return async (context, next) => {
    await next()
    const { method, path } = context.req
    const { status } = context.res
    const isRead = method === 'GET' || method === 'HEAD'
    if (method === 'OPTIONS' || (isRead && !takesAlong.test(path) && !REFUSED.has(status))) return
    const isRefusal = REFUSED.has(status)
    if (isRefusal && !hasRoom()) return
    const encoded = encodedDocumentIn(path)
    const leftOut = isRefusal ? refusals.leftOut : 0
    if (isRefusal) refusals.leftOut = 0
    trail.record({
      at: new Date(clock.now()).toISOString(),
      user: askerOf(context)?.user ?? null,
      address: addressOf(access, context),
      act: `${method} ${encoded === null ? path : path.replace(encoded, '{id}')}`.slice(0, ACT_LENGTH_MAX),
      documentId: encoded === null ? null : decoded(encoded),
      status,
      code: status < 400 ? null : await codeOf(context),
      ...(leftOut === 0 ? {} : { leftOut }),
    })
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

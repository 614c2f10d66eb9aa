// What the audit trail is told: who did what over the API, who was let in to a document, and who was not. No tokens, nothing of documents.
import type { Clock } from '../../core/clock.js'
import { asWeftError } from '../../core/errors.js'
import type { Authorization, AuthorizeRequest } from './authorize.js'
import { refusedUserOf } from './identity.js'
import type { RegisteredSession, SessionEvents } from './session-registry.js'

export interface AuditEntry {
  /** ISO 8601, by this node's clock. */
  readonly at: string
  /** Null when nobody knows. */
  readonly user: string | null
  /** Of the client; null for this machine, and for a program in this process. */
  readonly address: string | null
  /**
   * Method and route, such as `POST /api/v1/documents/{id}/restore`, or what became of a session: `session opened`, `session closed`,
   * `session refused`.
   */
  readonly act: string
  /** Null where it is about no single document. */
  readonly documentId: string | null
  /** Of HTTP; null for sessions. */
  readonly status: number | null
  /** Why it was refused; null if it was done. */
  readonly code: string | null
  /** Of sessions: as the API and revocations call it. */
  readonly sessionId?: string
}

export interface AuditTrail {
  record(entry: AuditEntry): void
  /** Whoever is refused decides how often: not all of these are kept. */
  recordRefusal(entry: AuditEntry): void
}

/** Notes each session that begins and ends. */
export function auditedSessions(trail: AuditTrail, clock: Clock): SessionEvents {
  const note = (act: string, { user, address, documentId, sessionId }: RegisteredSession): void =>
    trail.record({ at: timeOf(clock), user, address, act, documentId, status: null, code: null, sessionId })
  return { opened: (session) => note('session opened', session), closed: (session) => note('session closed', session) }
}

/** Notes whom `authorize` does not let in, or not any longer. */
export function auditedAuthorize(
  authorize: (request: AuthorizeRequest) => Promise<Authorization>,
  trail: AuditTrail,
  clock: Clock,
): (request: AuthorizeRequest) => Promise<Authorization> {
  return async (request) => {
    try {
      return await authorize(request)
    } catch (thrown) {
      const { address, documentId } = request
      const { code } = asWeftError(thrown)
      trail.recordRefusal({
        at: timeOf(clock),
        user: refusedUserOf(thrown),
        address,
        act: 'session refused',
        documentId,
        status: null,
        code,
      })
      throw thrown
    }
  }
}

function timeOf(clock: Clock): string {
  return new Date(clock.now()).toISOString()
}

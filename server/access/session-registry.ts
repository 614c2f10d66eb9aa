// The sessions of this node, so that those whose right ends can be found and ended.
import type { WeftError } from '../../core/errors.js'
import type { Permission } from '../../core/permission.js'
import type { Holder } from './revocations.js'

/** One client on one document, once it was let in. */
export interface RegisteredSession extends Holder {
  readonly sessionId: string
  readonly documentId: string
  readonly name: string | null
  readonly permission: Permission
  /** The client's address, as the limits for each address see it; null for this machine. */
  readonly address: string | null
  /** Milliseconds since the Unix epoch. */
  readonly since: number
  end(error: WeftError): void
}

/** Told when a client was let in, and when it is gone. */
export interface SessionEvents {
  opened(session: RegisteredSession): void
  closed(session: RegisteredSession): void
}

export class SessionRegistry {
  readonly #sessions = new Map<string, RegisteredSession>()
  #lastNumber = 0
  #isRevoked: (session: RegisteredSession) => WeftError | null

  readonly #events: readonly SessionEvents[]

  /** `isRevoked` says why a session may not go on; null if it may. */
  constructor(isRevoked: (session: RegisteredSession) => WeftError | null = () => null, events: readonly SessionEvents[] = []) {
    this.#isRevoked = isRevoked
    this.#events = events
  }

  /** For a session's name. */
  nextNumber(): number {
    this.#lastNumber += 1
    return this.#lastNumber
  }

  /** A session was let in, or found out again who it is. It ends at once if it was revoked while that was asked. */
  set(session: RegisteredSession): void {
    const isNew = !this.#sessions.has(session.sessionId)
    this.#sessions.set(session.sessionId, session)
    if (isNew) for (const events of this.#events) events.opened(session)
    this.#check(session)
  }

  delete(sessionId: string): void {
    const session = this.#sessions.get(sessionId)
    if (session === undefined) return
    this.#sessions.delete(sessionId)
    for (const events of this.#events) events.closed(session)
  }

  get all(): IterableIterator<RegisteredSession> {
    return this.#sessions.values()
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Ends those that may not go on. Answers how many. */
  endRevoked(): number {
    let ended = 0
    for (const session of [...this.#sessions.values()]) if (this.#check(session)) ended += 1
    return ended
  }

  #check(session: RegisteredSession): boolean {
    const error = this.#isRevoked(session)
    if (error === null) return false
    session.end(error)
    return true
  }
}

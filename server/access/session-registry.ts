// The sessions of this node, so that those whose right ends can be found and ended.
import type { WeftError } from '../../core/errors.js'
import type { Permission } from '../../core/permission.js'
import type { Holder } from './revocations.js'

/** What an application says to others: no edit, delivered at most once, never stored. */
export interface AppMessage {
  readonly payload: string
  /** Who says it, as authorization said; null when nobody knows. */
  readonly user: string | null
  /** Of the client that says it; null: the server's program, or the API. */
  readonly sessionId: string | null
  /** One encoded frame per dialect. */
  readonly frames: Map<string, Uint8Array>
}

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
  /** Sessions with the same one are on one socket. */
  readonly connectionId: number
  /** Dropped while the session is behind, or not open yet. False: it was. */
  tell(message: AppMessage): boolean
  end(error: WeftError): void
}

/** Told when a client was let in, and when it is gone. */
export interface SessionEvents {
  opened(session: RegisteredSession): void
  closed(session: RegisteredSession): void
}

export class SessionRegistry {
  readonly #sessions = new Map<string, RegisteredSession>()
  readonly #byDocument = new Groups()
  readonly #byUser = new Groups()
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
    const before = this.#sessions.get(session.sessionId)
    const isNew = before === undefined
    this.#sessions.set(session.sessionId, session)
    if (before !== undefined && before.user !== session.user) this.#byUser.delete(before.user, before.sessionId)
    this.#byUser.set(session.user, session)
    this.#byDocument.set(session.documentId, session)
    if (isNew) for (const events of this.#events) events.opened(session)
    this.#check(session)
  }

  delete(sessionId: string): void {
    const session = this.#sessions.get(sessionId)
    if (session === undefined) return
    this.#sessions.delete(sessionId)
    this.#byUser.delete(session.user, sessionId)
    this.#byDocument.delete(session.documentId, sessionId)
    for (const events of this.#events) events.closed(session)
  }

  find(sessionId: string): RegisteredSession | null {
    return this.#sessions.get(sessionId) ?? null
  }

  onDocument(documentId: string): Iterable<RegisteredSession> {
    return this.#byDocument.get(documentId)
  }

  /** The one that was opened first comes first. */
  ofUser(user: string): Iterable<RegisteredSession> {
    return this.#byUser.get(user)
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

/** Sessions by what they have in common, each by its name. */
class Groups {
  readonly #groups = new Map<string, Map<string, RegisteredSession>>()

  get(key: string): Iterable<RegisteredSession> {
    return this.#groups.get(key)?.values() ?? []
  }

  set(key: string | null, session: RegisteredSession): void {
    if (key === null) return
    const group = this.#groups.get(key)
    if (group === undefined) this.#groups.set(key, new Map([[session.sessionId, session]]))
    else group.set(session.sessionId, session)
  }

  delete(key: string | null, sessionId: string): void {
    if (key === null) return
    const group = this.#groups.get(key)
    if (group?.delete(sessionId) === true && group.size === 0) this.#groups.delete(key)
  }
}

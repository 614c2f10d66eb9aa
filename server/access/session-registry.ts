// The sessions of this node, so that those whose right ends can be found and ended.
import type { WeftError } from '../../core/errors.js'
import type { Permission } from '../../core/permission.js'
import type { Holder } from './revocations.js'
import { UserConnections } from './user-connections.js'

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

/** How far a client is behind its document. */
export interface SessionLag {
  /** `unsynced`: it has not asked for the document. `syncing`, `taking`: it is being brought up to date. `lagging`: it takes too little to be sent anything new. */
  readonly state: 'unsynced' | 'syncing' | 'live' | 'taking' | 'lagging'
  /** Rows of the log that it has not been sent, as far as this node knows. */
  readonly edits: number
  /** What waits to be taken by its socket, which other sessions may share. */
  readonly waitingBytes: number
}

/** One client on one document, once it was let in. */
export interface RegisteredSession extends Holder {
  readonly sessionId: string
  readonly name: string | null
  readonly permission: Permission
  /** Whether it may also use the history of the document. */
  readonly admin: boolean
  /** When its right ends, in milliseconds since the Unix epoch; null: it does not. */
  readonly expiresAt: number | null
  /** The client's address, as the limits for each address see it; null for this machine. */
  readonly address: string | null
  /** Milliseconds since the Unix epoch. */
  readonly since: number
  /** Sessions with the same one are on one socket. */
  readonly connectionId: number
  /** Dropped while the session is behind, or not open yet. False: it was. */
  tell(message: AppMessage): boolean
  lag(): SessionLag
  end(error: WeftError): void
}

/** Told when a client was let in, and when it is gone. */
export interface SessionEvents {
  opened(session: RegisteredSession): void
  closed(session: RegisteredSession): void
}

/** Of the newest sessions, so many are found without walking through all. */
const NEWEST_KEPT = 500

export class SessionRegistry {
  readonly #sessions = new Map<string, RegisteredSession>()
  readonly #byDocument = new Groups()
  readonly #byUser = new Groups()
  readonly #connections = new UserConnections()
  readonly #lagging = new Map<string, RegisteredSession>()
  /** The last one is the newest. */
  readonly #newest = new Map<string, RegisteredSession>()
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
    if (before !== undefined) this.#connections.delete(before.user, before.connectionId)
    this.#connections.add(session.user, session.connectionId)
    this.#byUser.set(session.user, session)
    this.#byDocument.set(session.documentId, session)
    if (this.#lagging.has(session.sessionId)) this.#lagging.set(session.sessionId, session)
    if (isNew || this.#newest.has(session.sessionId)) this.#newest.set(session.sessionId, session)
    const [oldest] = this.#newest.keys()
    if (this.#newest.size > NEWEST_KEPT && oldest !== undefined) this.#newest.delete(oldest)
    if (isNew) for (const events of this.#events) events.opened(session)
    this.#check(session)
  }

  delete(sessionId: string): void {
    const session = this.#sessions.get(sessionId)
    if (session === undefined) return
    this.#sessions.delete(sessionId)
    this.#lagging.delete(sessionId)
    this.#newest.delete(sessionId)
    this.#byUser.delete(session.user, sessionId)
    this.#connections.delete(session.user, session.connectionId)
    this.#byDocument.delete(session.documentId, sessionId)
    for (const events of this.#events) events.closed(session)
  }

  /** A session that is there began or ceased to take too little. */
  setLagging(sessionId: string, lagging: boolean): void {
    const session = this.#sessions.get(sessionId)
    if (lagging && session !== undefined) this.#lagging.set(sessionId, session)
    else this.#lagging.delete(sessionId)
  }

  /** Those that take too little now come first, then the newest. At most so many; costs no more than that, and at most 500 steps. */
  latest(countMax: number): readonly RegisteredSession[] {
    const found = new Map<string, RegisteredSession>()
    const newest = [...this.#newest.values()].reverse()
    for (const sessions of [this.#lagging.values(), newest, this.#sessions.values()])
      for (const session of sessions) {
        if (found.size >= countMax) return [...found.values()]
        found.set(session.sessionId, session)
      }
    return [...found.values()]
  }

  /** Those with this session id, of this user, or on this document; at most so many. */
  search(id: string, countMax: number): ReadonlySet<RegisteredSession> {
    const found = new Set<RegisteredSession>()
    const one = this.#sessions.get(id)
    for (const sessions of [one === undefined ? [] : [one], this.ofUser(id), this.onDocument(id)])
      for (const session of sessions) {
        if (found.size >= countMax) return found
        found.add(session)
      }
    return found
  }

  /** How many there are on a document. */
  countOn(documentId: string): number {
    return this.#byDocument.sizeOf(documentId)
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

  /** How many connections a user has besides this one. */
  connectionsOf(user: string, connectionId: number): number {
    return this.#connections.besides(user, connectionId)
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

  sizeOf(key: string): number {
    return this.#groups.get(key)?.size ?? 0
  }

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

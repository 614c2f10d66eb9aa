// One document over a connection, as the application sees it.

import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { Doc } from 'yjs'
import type { Permission } from '../core/permission.js'
import { Backoff } from './backoff.js'
import { deferred } from './deferred.js'
import {
  type DocumentVersion,
  HistoryClient,
  type KeepOptions,
  type Restored,
  type RestoreOptions,
  type VersionsQuery,
} from './document-history.js'
import { DocumentSync } from './document-sync.js'
import type { ReceivedMessage } from './document-sync-events.js'
import { Draft } from './draft.js'
import { Emitter } from './emitter.js'
import type { Refusal } from './errors.js'
import type { OpenOptions, Settings } from './options.js'
import type { DocumentPersistence, LocalCopy } from './persistence.js'
import { type PresenceOptions, SessionPresence } from './session-presence.js'
import { awarenessOf, SharedAwareness } from './shared-awareness.js'
import { type SessionStatus, sameStatus } from './status.js'

/** What `session.on` tells of, with the value that each event carries. */
export type SessionEvents = {
  /** The new status. */
  status: SessionStatus
  /** How many local updates are not acknowledged. */
  unsaved: number
  /** Everything that the server had is in the document: the first time, and after each reconnect. */
  synced: undefined
  /** What this client may do with the document: as the server said at first, and whenever that changes. */
  permission: Permission
  /** Something that this client sent had to be left out, such as a cursor that is too large. Everything else goes on. */
  notice: Refusal
  /** Somebody on this document, or the server's program, said something with `broadcast` or `send`. */
  message: ReceivedMessage
}

/** Who hears it, of those who have the document open. Default: everybody else. */
export interface BroadcastOptions {
  readonly to?: { readonly user: string } | { readonly session: string }
}

/** What a session needs of the connection that made it. */
export interface SessionHost {
  readonly settings: Settings
  /** Of the WebSocket. */
  readonly url: string
  /** Hands the session's inner part over, so that it is told about the socket. */
  attach(sync: DocumentSync, session: DocumentSession<Awareness | null>): void
  detach(sync: DocumentSync): void
  /** The server answered with a document: it is well. */
  succeeded(): void
}

const events = ['status', 'unsaved', 'synced', 'permission', 'notice', 'message'] as const satisfies readonly (keyof SessionEvents)[]

const listenerThrew = 'A listener of a session threw.'

/** A local store that does not answer must neither keep the document from the server nor a session from its end. */
const copyMsMax = 5_000

/** Made by `connection.open`. Remote changes are applied with the session as their transaction's origin. */
export class DocumentSession<Presence extends Awareness | null = Awareness> {
  readonly documentId: string
  readonly doc: Y.Doc
  /** Who else is here; null if the session was opened without it. */
  readonly awareness: Presence
  /**
   * Resolves when everything that the server had is in the document for the first time. Waits while offline.
   * Rejects with RefusedError if the server refuses the document, with SessionClosedError if the session is closed before.
   */
  readonly synced: Promise<void>
  /** Resolves when what was stored on this device is in the document, or is known to be unreadable; at once without persistence. */
  readonly loaded: Promise<void>
  readonly #host: SessionHost
  readonly #sync: DocumentSync
  readonly #history: HistoryClient
  readonly #emitter: Emitter<SessionEvents>
  readonly #sharedAwareness: SharedAwareness | null
  #presence: SessionPresence<never> | null = null
  readonly #copy: LocalCopy | null
  #status: SessionStatus = { state: 'connecting' }
  #unsaved = 0
  #closing: Promise<void> | null = null
  readonly #ended = deferred()

  constructor(host: SessionHost, documentId: string, doc: Y.Doc, options: OpenOptions<Presence>) {
    const { settings } = host
    this.#host = host
    this.documentId = documentId
    this.doc = doc
    this.#emitter = new Emitter(events, (error) => settings.logger.error({ error }, listenerThrew))

    const synced = deferred()
    this.synced = synced.promise
    // Not everybody awaits it; a refusal is in the status too.
    this.synced.catch(() => {})

    this.#history = new HistoryClient({ url: host.url, documentId, token: options.token ?? settings.token })
    const awareness = options.awareness === undefined ? awarenessOf(doc) : options.awareness
    this.awareness = awareness as Presence
    this.#sync = new DocumentSync({
      documentId,
      doc,
      origin: this,
      // Empty: the token that the connection showed. A function is asked again, since that one may have expired.
      token: options.token ?? (typeof settings.token === 'string' ? '' : settings.token),
      backoff: new Backoff(settings.backoff, settings.random),
      clock: settings.clock,
      logger: settings.logger,
      events: {
        changed: () => this.#changed(),
        opened: () => this.#sharedAwareness?.announce(),
        synced: () => {
          host.succeeded()
          synced.resolve()
          this.#changed()
          this.#emitter.emit('synced', undefined)
        },
        disconnected: () => this.#sharedAwareness?.forgetOthers(),
        permission: (permission) => this.#emitter.emit('permission', permission),
        notice: (notice) => {
          settings.logger.warn({ documentId, code: notice.code }, notice.reason)
          this.#emitter.emit('notice', notice)
        },
        message: (message) => this.#emitter.emit('message', message),
        awareness: (update) => this.#sharedAwareness?.receive(update),
        failed: (error) => synced.reject(error),
      },
    })
    const send = (update: Uint8Array): void => this.#sync.sendAwareness(update)
    const owned = options.awareness === undefined
    this.#sharedAwareness = awareness === null ? null : new SharedAwareness(awareness, owned, this, settings.logger, send)
    this.#unsaved = this.#sync.unsaved
    doc.on('destroy', this.#onDestroy)

    const persistence = options.persistence === undefined ? settings.persistence : options.persistence
    this.#copy = persistence === null ? null : openCopy(persistence, documentId, doc, settings)
    this.loaded = this.#copy === null ? Promise.resolve() : this.#load(this.#copy)
    if (this.#copy === null) this.#sync.loaded()
    host.attach(this.#sync, this)
  }

  /** Truthful at any time: `saved` only when the server has acknowledged, from disk, all that this client knows of. */
  get status(): SessionStatus {
    return this.#status
  }

  /** Local updates that the server has not acknowledged. What the document held before it was opened counts as one until the server was asked. */
  get unsaved(): number {
    return this.#sync.unsaved
  }

  /** What the server lets this client do; null until it said so. */
  get permission(): Permission | null {
    return this.#sync.permission
  }

  /** Listens until the returned function is called, or the session is closed. */
  on<Name extends keyof SessionEvents>(name: Name, listener: (value: SessionEvents[Name]) => void): () => void {
    return this.#emitter.on(name, listener)
  }

  /**
   * Resolves when everything in the document so far is on the server's disk. Waits while offline.
   * Rejects with RefusedError if the server refuses it, with SessionClosedError if the session is closed before.
   */
  saved(): Promise<void> {
    return this.#sync.saved()
  }

  /**
   * Says something to everybody else who has the document open, or to some of them: no edit. It arrives at most once, is never stored, and is the first to be dropped
   * where too much is said. Takes the right to write. At most 16 KiB, and 20 a second. False: there is no connection, and nobody hears it.
   */
  broadcast(payload: string, { to }: BroadcastOptions = {}): boolean {
    if (to === undefined) return this.#sync.sendMessage(payload, { kind: 'document' })
    return this.#sync.sendMessage(payload, 'user' in to ? { kind: 'user', id: to.user } : { kind: 'session', id: to.session })
  }

  /**
   * Who is here, where they look, and where their cursors are. The same object each time, with the options of the first. Throws where the session was opened
   * without awareness, or is closed.
   */
  presence<State extends object = Readonly<Record<string, unknown>>, Cursor = unknown>(
    options: PresenceOptions<State> = {},
  ): SessionPresence<State, Cursor> {
    const { clock, logger } = this.#host.settings
    if (this.awareness === null || this.#closing !== null) throw new Error('The session is closed, or shares no awareness.')
    this.#presence ??= new SessionPresence<never>(
      this.awareness,
      clock,
      (error) => logger.error({ error }, listenerThrew),
      options as PresenceOptions<never>,
    )
    return this.#presence as unknown as SessionPresence<State, Cursor>
  }

  /**
   * A copy to try something out in: what others edit comes in, what is edited in it stays in it until `merge()`. `doc`: a draft that was kept, to go on with. Default: a
   * new one.
   */
  fork(doc: Y.Doc = new Doc()): Draft {
    return new Draft(this, doc)
  }

  /** The versions of the document, newest first. Takes the right `admin`. Rejects with RefusedError, and with an Error while the server cannot be asked. */
  versions(query: VersionsQuery = {}): Promise<{ readonly items: readonly DocumentVersion[]; readonly next: number | null }> {
    return this.#history.versions(query)
  }

  /** Keeps a moment as a version, by default the present: what was edited here is saved before. Rejects as `versions` and `saved` do. */
  async keep(name: string, options: KeepOptions = {}): Promise<DocumentVersion> {
    await this.saved()
    return this.#history.keep(name, options)
  }

  /**
   * Makes the document read as it did at a moment, such as `v48`, `"First draft"` or `-15m`, for everybody, by one edit: what others type meanwhile is merged. What was
   * edited here is saved before, so that it is taken back with the rest; a version is kept before. Rejects as `versions` and `saved` do.
   */
  async restore(at: string, options: RestoreOptions = {}): Promise<Restored> {
    await this.saved()
    return this.#history.restore(at, options)
  }

  /** After `refused`: asks the server again, for what it refused. Elsewhere it does nothing. */
  retry(): void {
    this.#sync.retry()
  }

  /** Sends what waits, says goodbye and stops. What is not saved by then is only in the document: await `saved()` first. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.doc.off('destroy', this.#onDestroy)
    this.#presence?.close()
    this.#sharedAwareness?.close()
    this.#sync.close()
    this.#host.detach(this.#sync)
    this.#emitter.clear()
    this.#ended.resolve()
    if (this.#copy !== null) await this.#inTime(this.#copy.close())
  }

  async #load(copy: LocalCopy): Promise<void> {
    try {
      // What is still being read when the session is closed does not matter any more.
      await this.#inTime(Promise.race([copy.loaded, this.#ended.promise]))
    } catch (error) {
      this.#host.settings.logger.warn({ error, documentId: this.documentId }, 'The copy on this device cannot be used.')
    } finally {
      this.#sync.loaded()
    }
  }

  /** What `work` comes to, or an error when the local store does not answer. */
  async #inTime(work: Promise<void>): Promise<void> {
    const tooLate = deferred()
    const timer = this.#host.settings.clock.after(copyMsMax, () => tooLate.reject(new Error('The local store did not answer in time.')))
    try {
      await Promise.race([work, tooLate.promise])
    } finally {
      timer.cancel()
    }
  }

  /** Both are brought up to date before anybody hears of either, so that a listener of one reads the truth of the other. */
  #changed(): void {
    const { unsaved, status } = this.#sync
    const unsavedChanged = unsaved !== this.#unsaved
    const statusChanged = !sameStatus(status, this.#status)
    this.#unsaved = unsaved
    this.#status = statusChanged ? status : this.#status
    if (unsavedChanged) this.#emitter.emit('unsaved', unsaved)
    if (statusChanged) this.#emitter.emit('status', status)
  }

  readonly #onDestroy = (): void => {
    this.close().catch((error: unknown) => this.#host.settings.logger.warn({ error }, 'The copy on this device could not be closed.'))
  }
}

/** Null if the store throws: that must not keep the document from the server either. */
function openCopy(persistence: DocumentPersistence, documentId: string, doc: Y.Doc, { logger }: Settings): LocalCopy | null {
  try {
    return persistence.open(documentId, doc)
  } catch (error) {
    logger.warn({ error, documentId }, 'The copy on this device cannot be opened.')
    return null
  }
}

// One document that components have open: the Y.Doc, its session, and what is shown of both as snapshots that change only when there is
// something new.
import type * as Y from 'yjs'
import type { WeftConnection } from '../connection.js'
import type { DocumentSession } from '../document-session.js'
import type { OpenOptions } from '../options.js'
import type { PresenceOptions, SessionPresence } from '../session-presence.js'
import type { SessionStatus } from '../status.js'
import { type DocumentStatus, notOpenYet, refusalIn } from './document-status.js'
import { Listeners } from './listeners.js'
import { People } from './people.js'

/** As for `connection.open`. They count when the document is opened; who finds it open gets it as it is. */
export type DocumentOptions = Omit<OpenOptions, 'awareness'>

/** Belongs to the components that have it open: neither close the session nor destroy the doc. */
export class OpenDocument {
  readonly name: string
  readonly doc: Y.Doc
  readonly session: DocumentSession
  /** @internal */
  readonly people: People
  readonly #connection: WeftConnection
  readonly #listeners = new Listeners()
  readonly #removals: readonly (() => void)[]
  #synced = false
  #status: DocumentStatus = notOpenYet
  /** What the session said, of which that was made. */
  #said: SessionStatus | null = null
  #presence: unknown = null
  /** What this client shared when the last component left; null while one has the document open. */
  #hidden: Record<string, unknown> | null = null

  /** @internal */
  constructor(connection: WeftConnection, name: string, doc: Y.Doc, options: DocumentOptions) {
    this.name = name
    this.doc = doc
    this.#connection = connection
    this.session = connection.open(name, this.doc, options)
    this.people = new People(this.session.awareness)
    const { session } = this
    this.#removals = [
      session.on('status', this.#changed),
      session.on('unsaved', this.#changed),
      session.on('permission', this.#changed),
      session.on('synced', () => {
        this.#synced = true
        this.#changed()
      }),
      connection.on('status', this.#changed),
    ]
    this.doc.once('destroy', () => {
      for (const remove of this.#removals) remove()
    })
    this.#changed()
  }

  /** @internal */
  readonly status = (): DocumentStatus => this.#status

  /** @internal */
  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener)

  /** Null where the session has ended before anybody asked. @internal */
  presence<State extends object, Cursor>(options: PresenceOptions<State>): SessionPresence<State, Cursor> | null {
    const hasEnded = this.doc.isDestroyed || this.#connection.status.state === 'closed'
    if (this.#presence === null && !hasEnded) this.#presence = this.session.presence<State, Cursor>(options)
    return this.#presence as SessionPresence<State, Cursor> | null
  }

  /** Takes this client's cursor from the others' view, for as long as nobody here looks at the document. @internal */
  hide(): void {
    const { awareness } = this.session
    const shared = awareness.getLocalState()
    if (shared === null) return
    this.#hidden = shared
    awareness.setLocalState(null)
  }

  /** @internal */
  show(): void {
    const { awareness } = this.session
    if (this.#hidden !== null && awareness.getLocalState() === null) awareness.setLocalState(this.#hidden)
    this.#hidden = null
  }

  /** @internal */
  close(): void {
    // Which closes the session, and logs what goes wrong.
    this.doc.destroy()
  }

  readonly #changed = (): void => {
    const before = this.#status
    const { status, unsaved, permission } = this.session
    const saved = status.state === 'saved' && unsaved === 0
    const connection = this.#connection.status.state
    const same =
      this.#said === status &&
      before.saved === saved &&
      before.synced === this.#synced &&
      before.unsaved === unsaved &&
      before.connection === connection &&
      before.permission === permission
    if (same) return
    // The same object for the same refusal.
    const refusal = this.#said === status ? before.refusal : refusalIn(status)
    this.#said = status
    this.#status = { ...status, saved, synced: this.#synced, unsaved, connection, refusal, permission }
    this.#listeners.tell()
  }
}

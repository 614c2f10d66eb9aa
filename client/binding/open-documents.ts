// The documents that components have open over one connection: each is opened once, and closed when the last component has left and all is saved.
import type { WeftConnection } from '../connection.js'
import { Listeners } from './listeners.js'
import { type DocumentOptions, OpenDocument } from './open-document.js'
import { nothingOpen, type SavedState, together } from './saved-state.js'
import { unlessEqual } from './selection.js'

interface Entry {
  readonly document: OpenDocument
  /** How many components have it open. */
  users: number
}

export class OpenDocuments {
  /** Null where the connection is the application's, which then closes it. */
  readonly #connect: (() => WeftConnection) | null
  readonly #entries = new Map<string, Entry>()
  readonly #listeners = new Listeners()
  #connection: WeftConnection | null
  /** Null until somebody needs the connection. */
  #stopListening: (() => void) | null = null
  #providers = 0
  #checkQueued = false
  #summary: SavedState = nothingOpen

  /** Nothing is opened before a component asks: not by a server that renders, and not for a component that the framework throws away. */
  constructor(connection: WeftConnection | (() => WeftConnection)) {
    const made = typeof connection === 'function'
    this.#connect = made ? connection : null
    this.#connection = made ? null : connection
  }

  readonly connection = (): WeftConnection | null => this.#connection

  /** Of all documents, those included that no component has open any more and that are not saved yet. */
  readonly summary = (): SavedState => {
    const states = [...this.#entries.values()].map(({ document }) => document.state())
    this.#summary = unlessEqual(this.#summary, together(states, this.#connection?.status.state ?? 'connecting'))
    return this.#summary
  }

  /** Told when there may be another connection or another summary. */
  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener)

  get(name: string): OpenDocument | null {
    return this.#entries.get(name)?.document ?? null
  }

  /** There is a connection until the returned function is called, documents or not. */
  retain(): () => void {
    this.#connected()
    this.#providers += 1
    return once(() => {
      this.#providers -= 1
      this.#check()
    })
  }

  /** The document is open until the returned function is called. Throws what `connection.open` throws. */
  acquire(name: string, options: DocumentOptions): () => void {
    const entry = this.#entries.get(name) ?? this.#open(name, options)
    entry.users += 1
    entry.document.show()
    return once(() => {
      entry.users -= 1
      this.#check()
    })
  }

  #open(name: string, options: DocumentOptions): Entry {
    // One that cannot be opened must not keep a connection.
    this.#check()
    const document = new OpenDocument(this.#connected(), name, options)
    const entry: Entry = { document, users: 0 }
    this.#entries.set(name, entry)
    document.subscribe(() => {
      if (entry.users === 0) this.#check()
      this.#listeners.tell()
    })
    // Also by somebody else's hand: who comes next gets a new one.
    document.doc.once('destroy', () => {
      if (this.#entries.get(name) === entry) this.#entries.delete(name)
      this.#check()
      this.#listeners.tell()
    })
    this.#listeners.tell()
    return entry
  }

  #connected(): WeftConnection {
    const connection = this.#connection ?? this.#connect?.()
    if (connection === undefined) throw new Error('There is no connection.')
    this.#connection = connection
    if (this.#stopListening === null) {
      this.#stopListening = connection.on('status', () => {
        this.#check()
        this.#listeners.tell()
      })
      this.#listeners.tell()
    }
    return connection
  }

  /**
   * Closes what nobody needs any more. At the end of this turn: what is taken down is often put up again at once, since React's strict mode mounts twice
   * and a page gives way to another that shows the same document.
   */
  #check(): void {
    if (this.#checkQueued) return
    this.#checkQueued = true
    queueMicrotask(() => {
      this.#checkQueued = false
      for (const entry of this.#entries.values()) if (entry.users === 0) this.#leave(entry.document)
      if (this.#providers === 0 && this.#entries.size === 0) this.#disconnect()
    })
  }

  /** A document that holds unsaved work stays until the server has it, or the application has closed the connection. */
  #leave(document: OpenDocument): void {
    if (document.session.unsaved === 0 || this.#connection?.status.state === 'closed') document.close()
    else document.hide()
  }

  #disconnect(): void {
    this.#stopListening?.()
    this.#stopListening = null
    if (this.#connect === null || this.#connection === null) return
    const connection = this.#connection
    this.#connection = null
    // What fails is logged by the connection; it is gone in any case.
    connection.close().catch(() => {})
    this.#listeners.tell()
  }
}

function once(run: () => void): () => void {
  let done = false
  return () => {
    if (done) return
    done = true
    run()
  }
}

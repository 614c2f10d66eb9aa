// The documents that components have open over one connection: each is opened once, and closed when the last component has left and all is saved.
import * as Y from 'yjs'
import { type Clock, systemClock, type Timer } from '../../core/clock.js'
import type { WeftConnection } from '../connection.js'
import { nothingOpen, type SavedState, together } from './document-status.js'
import { Listeners } from './listeners.js'
import { type DocumentOptions, OpenDocument } from './open-document.js'
import { unlessEqual } from './selection.js'

/** A document by its name, a subdocument by its Y.Doc: whose name may be that of a document, too. */
type DocumentKey = string | Y.Doc

interface Entry {
  readonly document: OpenDocument
  /** How many components have it open. */
  users: number
  /** Of a component that waits for it and has not been mounted: nobody tells when it is given up. Null: none does, or one has the document open by now. */
  held: Timer | null
  /** Resolves when it is worth looking again; null: nobody waits. */
  again: { readonly promise: Promise<void>; resolve(): void } | null
}

/** How long a document that a component waits for stays open without anybody asking again, and when those who wait are asked whether they still do. */
const HELD_MS = 20_000
const ASKED_MS = 10_000

export class OpenDocuments {
  /** Null where the connection is the application's, which then closes it. */
  readonly #connect: (() => WeftConnection) | null
  readonly #entries = new Map<DocumentKey, Entry>()
  readonly #listeners = new Listeners()
  #connection: WeftConnection | null
  /** Null until somebody needs the connection. */
  #stopListening: (() => void) | null = null
  #providers = 0
  #checkQueued = false
  #drawing = false
  #summary: SavedState = nothingOpen

  readonly #clock: Clock

  /** Nothing is opened before a component asks: not by a server that renders, and not for a component that the framework throws away. */
  constructor(connection: WeftConnection | (() => WeftConnection), clock: Clock = systemClock) {
    this.#clock = clock
    const made = typeof connection === 'function'
    this.#connect = made ? connection : null
    this.#connection = made ? null : connection
  }

  readonly connection = (): WeftConnection | null => this.#connection

  /** Of all documents, those included that no component has open any more and that are not saved yet. */
  readonly summary = (): SavedState => {
    const states = [...this.#entries.values()].map(({ document }) => document.status())
    this.#summary = unlessEqual(this.#summary, together(states, this.#connection?.status.state ?? 'connecting'))
    return this.#summary
  }

  /** Told when there may be another connection or another summary. */
  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener)

  get(key: DocumentKey): OpenDocument | null {
    return this.#entries.get(key)?.document ?? null
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
    return this.#use(this.#entries.get(name) ?? this.#open(name, name, new Y.Doc(), options))
  }

  /**
   * As `acquire`, for a document in a document: it is loaded, and the other stays open with it, since a document that is destroyed takes those in it along. Throws what
   * `connection.open` throws.
   */
  acquireSubdocument(
    parent: OpenDocument,
    doc: Y.Doc,
    name: string,
    options: DocumentOptions,
  ): { readonly document: OpenDocument; readonly leave: () => void } {
    const known = this.#entries.get(doc)
    const entry = known ?? this.#open(doc, name, doc, options)
    if (known === undefined) {
      doc.load()
      const parentEntry = [...this.#entries.values()].find(({ document }) => document === parent)
      if (parentEntry !== undefined) doc.once('destroy', this.#use(parentEntry))
    }
    return { document: entry.document, leave: this.#use(entry) }
  }

  #use(entry: Entry): () => void {
    entry.users += 1
    entry.held?.cancel()
    entry.held = null
    entry.document.show()
    return once(() => {
      entry.users -= 1
      this.#check()
    })
  }

  /**
   * For a component that cannot be mounted before the document is there: opens it, and keeps it open while the component waits. Answers null where the document
   * has all that the server had, or was refused; else what resolves when the component has to look again. Throws what `connection.open` throws.
   */
  awaited(name: string, options: DocumentOptions): { readonly document: OpenDocument; readonly again: Promise<void> | null } {
    // Frameworks call this while they draw: others are told when that is over.
    this.#drawing = true
    try {
      const entry = this.#entries.get(name) ?? this.#open(name, name, new Y.Doc(), options)
      if (entry.users === 0) this.#hold(entry)
      const { document } = entry
      const isSettled = (): boolean => document.status().synced || document.status().refusal !== null
      if (isSettled()) return { document, again: null }
      entry.again ??= this.#nextLook(document, isSettled)
      return { document, again: entry.again.promise }
    } finally {
      this.#drawing = false
    }
  }

  #hold(entry: Entry): void {
    entry.held?.cancel()
    entry.held = this.#clock.after(
      ASKED_MS,
      () => {
        entry.again?.resolve()
        entry.held = this.#clock.after(
          HELD_MS - ASKED_MS,
          () => {
            entry.held = null
            this.#check()
          },
          { unref: true },
        )
      },
      { unref: true },
    )
  }

  #nextLook(document: OpenDocument, isSettled: () => boolean): NonNullable<Entry['again']> {
    let resolve = (): void => {}
    const promise = new Promise<void>((resolved) => {
      resolve = resolved
    })
    const look = {
      promise,
      resolve: () => {
        const entry = this.#entries.get(document.name)
        if (entry?.again === look) entry.again = null
        stop()
        resolve()
      },
    }
    const stop = document.subscribe(() => {
      if (isSettled()) look.resolve()
    })
    document.doc.once('destroy', look.resolve)
    return look
  }

  #tell(): void {
    if (this.#drawing) queueMicrotask(() => this.#listeners.tell())
    else this.#listeners.tell()
  }

  #open(key: DocumentKey, name: string, doc: Y.Doc, options: DocumentOptions): Entry {
    // One that cannot be opened must not keep a connection.
    this.#check()
    const document = new OpenDocument(this.#connected(), name, doc, options)
    const entry: Entry = { document, users: 0, held: null, again: null }
    this.#entries.set(key, entry)
    document.subscribe(() => {
      if (entry.users === 0) this.#check()
      this.#tell()
    })
    // Also by somebody else's hand: who comes next gets a new one.
    document.doc.once('destroy', () => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key)
      entry.held?.cancel()
      this.#check()
      this.#tell()
    })
    this.#tell()
    return entry
  }

  #connected(): WeftConnection {
    const connection = this.#connection ?? this.#connect?.()
    if (connection === undefined) throw new Error('There is no connection.')
    this.#connection = connection
    if (this.#stopListening === null) {
      this.#stopListening = connection.on('status', () => {
        this.#check()
        this.#tell()
      })
      this.#tell()
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
      for (const entry of this.#entries.values()) if (entry.users === 0 && entry.held === null) this.#leave(entry.document)
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

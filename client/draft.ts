// A copy of a document in which something is tried out: what others edit comes in, and what is edited here stays here until it is merged.
import * as Y from 'yjs'

/** Of a session: what the draft is taken from, and whether it can be merged. */
interface DraftSource {
  readonly doc: Y.Doc
  readonly permission: 'read-write' | 'read-only' | null
}

/** Made by `session.fork()`. Its document is like any other: bind editors to it, or keep it on the device. */
export class Draft {
  readonly doc: Y.Doc
  readonly #source: DraftSource
  #changed: boolean

  /** @internal */
  constructor(source: DraftSource, doc: Y.Doc) {
    this.#source = source
    this.doc = doc
    // One that is gone on with may have anything in it.
    this.#changed = doc.store.clients.size > 0
    this.#follow(Y.encodeStateAsUpdate(source.doc))
    doc.on('update', this.#edited)
    source.doc.on('update', this.#follow)
    source.doc.on('destroy', this.#leave)
    doc.on('destroy', this.#leave)
  }

  /** Whether something was edited here since the beginning, or since it was merged last. */
  get changed(): boolean {
    return this.#changed
  }

  /**
   * Puts what was edited here into the session's document, as one transaction whose origin is this draft; it is then saved like any edit. The draft goes on. Throws
   * where this client may only read.
   */
  merge(): void {
    const { doc, permission } = this.#source
    if (permission === 'read-only') throw new Error('The draft cannot be merged: this client may only read.')
    this.#changed = false
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(this.doc, Y.encodeStateVector(doc)), this)
  }

  /** Gives it up: its document is destroyed. Idempotent. */
  close(): void {
    this.doc.destroy()
  }

  readonly #edited = (_update: Uint8Array, origin: unknown): void => {
    if (origin !== this) this.#changed = true
  }

  readonly #follow = (update: Uint8Array): void => Y.applyUpdate(this.doc, update, this)

  readonly #leave = (): void => {
    this.#source.doc.off('update', this.#follow)
    this.#source.doc.off('destroy', this.#leave)
  }
}

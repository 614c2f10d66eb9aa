// One document's awareness over the wire: local changes go out, merged per turn; remote ones come in and are never sent back.
import { Observable } from 'lib0/observable'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { Logger } from '../core/log.js'

interface AwarenessChange {
  readonly added: readonly number[]
  readonly updated: readonly number[]
  readonly removed: readonly number[]
}

/**
 * The clock of each document's last goodbye. An Awareness made anew begins at 0, and the others would take its states for older than that
 * goodbye: a document that is opened again, as React does when it mounts twice, goes on from here.
 */
const goodbyes = new WeakMap<Y.Doc, { readonly clientId: number; readonly clock: number }>()

/**
 * An Awareness of this document. Its own listener for the end of the document, which it would never take off, is left out: the session
 * listens.
 */
export function awarenessOf(doc: Y.Doc): Awareness {
  const awareness = new Awareness(Object.create(doc, { on: { value: () => {} } }))
  awareness.doc = doc
  return awareness
}

export class SharedAwareness {
  readonly #awareness: Awareness
  /** Whether the session made it, and so destroys it. */
  readonly #owned: boolean
  readonly #origin: object
  readonly #send: (update: Uint8Array) => void
  readonly #logger: Logger
  #queued = false
  #closed = false

  /** `origin` marks what came from the server; `send` drops what it is given while there is no channel. */
  constructor(awareness: Awareness, owned: boolean, origin: object, logger: Logger, send: (update: Uint8Array) => void) {
    this.#awareness = awareness
    this.#owned = owned
    this.#origin = origin
    this.#send = send
    this.#logger = logger
    awareness.on('update', this.#onUpdate)
    awareness.doc.on('afterTransactionCleanup', this.#followClientId)
    this.#followClientId()
    const { clientID, meta } = awareness
    const goodbye = goodbyes.get(awareness.doc)
    const known = meta.get(clientID)
    if (goodbye?.clientId === clientID && known !== undefined && known.clock < goodbye.clock)
      meta.set(clientID, { ...known, clock: goodbye.clock })
  }

  /** A channel was opened: the local state is sent with a newer clock, since the others may have it as removed. */
  announce(): void {
    const state = this.#awareness.getLocalState()
    if (state !== null) this.#guarded(() => this.#awareness.setLocalState(state))
  }

  receive(update: Uint8Array): void {
    this.#guarded(() => applyAwarenessUpdate(this.#awareness, update, this.#origin))
  }

  /** The connection is gone, and with it all knowledge of who is there. */
  forgetOthers(): void {
    const others = [...this.#awareness.meta.keys()].filter((id) => id !== this.#awareness.clientID)
    this.#guarded(() => removeAwarenessStates(this.#awareness, others, this.#origin))
    // Their clocks too: the server sends the same states again, which would count as known.
    for (const id of others) this.#awareness.meta.delete(id)
  }

  /** Tells the others that this client is gone, while the channel is still there. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    const { clientID, meta } = this.#awareness
    const known = meta.get(clientID)
    if (known !== undefined && this.#awareness.getLocalState() !== null) {
      // The application's Awareness keeps its state; only its clock moves on, so that a later session is newer than this removal.
      meta.set(clientID, { ...known, clock: known.clock + 1 })
      this.#send(encodeAwarenessUpdate(this.#awareness, [clientID], new Map()))
      goodbyes.set(this.#awareness.doc, { clientId: clientID, clock: known.clock + 1 })
    }
    this.#awareness.off('update', this.#onUpdate)
    this.#awareness.doc.off('afterTransactionCleanup', this.#followClientId)
    this.forgetOthers()
    if (this.#owned) this.#destroy()
  }

  #destroy(): void {
    this.#guarded(() => this.#awareness.destroy())
    // A listener that threw would have kept it from stopping its timer: again, without listeners.
    Observable.prototype.destroy.call(this.#awareness)
    this.#awareness.destroy()
  }

  /** The application's listeners run inside; one that throws must not disturb the document. */
  #guarded(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#logger.error({ error }, 'A listener of the awareness threw, or the server sent awareness that cannot be read.')
    }
  }

  /**
   * Yjs gives a document another client id when somebody else writes under its own. The state moves along: editors take states under other
   * ids for other people, and the old id is somebody else's now.
   */
  readonly #followClientId = (): void => {
    const { clientID: before, doc, meta, states } = this.#awareness
    if (doc.clientID === before) return
    const state = this.#awareness.getLocalState()
    const known = meta.get(before)
    this.#awareness.clientID = doc.clientID
    states.delete(before)
    if (known !== undefined && state !== null) {
      meta.set(before, { ...known, clock: known.clock + 1 })
      this.#send(encodeAwarenessUpdate(this.#awareness, [before]))
      const removal = { added: [], updated: [], removed: [before] }
      this.#guarded(() => this.#awareness.emit('change', [removal, 'local']))
      this.#guarded(() => this.#awareness.emit('update', [removal, 'local']))
    }
    // Whoever has the id now counts on from its own clock.
    meta.delete(before)
    // A first state at clock 0 would not be taken by the others.
    if (!meta.has(doc.clientID)) meta.set(doc.clientID, { clock: 0, lastUpdated: 0 })
    if (state !== null) this.#guarded(() => this.#awareness.setLocalState(state))
  }

  readonly #onUpdate = ({ added, updated, removed }: AwarenessChange, origin: unknown): void => {
    const id = this.#awareness.clientID
    const ours = added.includes(id) || updated.includes(id) || removed.includes(id)
    // Other clients' states are theirs to send. Ours may come back as removed by somebody: then it is renewed, and must be sent.
    if (!ours || (origin === this.#origin && !removed.includes(id))) return
    if (this.#queued) return
    this.#queued = true
    queueMicrotask(() => {
      this.#queued = false
      if (!this.#closed) this.#send(encodeAwarenessUpdate(this.#awareness, [this.#awareness.clientID]))
    })
  }
}

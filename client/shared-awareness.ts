// One document's awareness over the wire: local changes go out, merged per turn; remote ones come in and are never sent back.
import { Observable } from 'lib0/observable'
import { type Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness.js'
import type { Logger } from '../core/log.js'

interface AwarenessChange {
  readonly added: readonly number[]
  readonly updated: readonly number[]
  readonly removed: readonly number[]
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
    }
    this.#awareness.off('update', this.#onUpdate)
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

  readonly #onUpdate = ({ added, updated, removed }: AwarenessChange, origin: unknown): void => {
    const id = this.#awareness.clientID
    const ours = added.includes(id) || updated.includes(id) || removed.includes(id)
    // Other clients' states are theirs to send. Ours may come back as removed by somebody: then it is renewed, and must be sent.
    if (!ours || (origin === this.#origin && !removed.includes(id))) return
    if (this.#queued) return
    this.#queued = true
    queueMicrotask(() => {
      this.#queued = false
      if (!this.#closed) this.#send(encodeAwarenessUpdate(this.#awareness, [id]))
    })
  }
}

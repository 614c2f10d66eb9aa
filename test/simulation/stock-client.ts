// A client that behaves like the stock y-websocket provider: the real sync and awareness protocols, one document per socket, every received
// awareness state sent back. On the simulated clock and network.
import { strict as assert } from 'node:assert'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness.js'
import { messageYjsSyncStep2, readSyncMessage, writeSyncStep1, writeUpdate } from 'y-protocols/sync.js'
import type { Random } from '../../core/random.js'
import { Participant, type SimulatedClient } from './participant.js'
import { ProviderSocket } from './provider-socket.js'
import type { HostClock } from './time.js'
import type { ClientOptions } from './weft-client.js'

const MESSAGE_SYNC = 0
const MESSAGE_AWARENESS = 1

type AwarenessChange = Record<'added' | 'updated' | 'removed', readonly number[]>

export class StockClient implements SimulatedClient {
  readonly clock: HostClock
  readonly random: Random
  readonly participants: readonly Participant[]
  readonly #participant: Participant
  readonly #socket: ProviderSocket
  #synced = false
  /** An update that the network of this client delivers after the next one (S4). */
  #held: Uint8Array | null = null

  constructor(options: ClientOptions, documentId: string, clientId: number) {
    this.clock = options.clock
    this.random = options.random
    this.#participant = new Participant(documentId, clientId, this.clock)
    this.participants = [this.#participant]
    this.#participant.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== this) this.#sendUpdate(update)
    })
    this.#participant.awareness.on('update', ({ added, updated, removed }: AwarenessChange) =>
      this.#sendAwareness([...added, ...updated, ...removed]),
    )
    const { time, clock, network, url } = options
    this.#socket = new ProviderSocket({
      time,
      clock,
      network,
      url: `${url}/${documentId}`,
      opened: () => this.#opened(),
      received: (bytes) => this.#received(bytes),
      lost: (wasOpen) => this.#lost(wasOpen),
    })
  }

  check(): void {}

  checkQuiet(): void {
    assert.ok(this.#synced, `${this.clock.name} is not in step with ${this.#participant.documentId}`)
  }

  /** What the page does when it is left: says goodbye, and closes. */
  async close(): Promise<void> {
    removeAwarenessStates(this.#participant.awareness, [this.#participant.doc.clientID], 'window unload')
    this.#socket.close()
    this.#participant.destroy()
  }

  /** Sends a message as it is, as a client with ill intent would. */
  sendAwarenessAs(update: Uint8Array): void {
    this.#send(MESSAGE_AWARENESS, (encoder) => encoding.writeVarUint8Array(encoder, update))
  }

  #opened(): void {
    const { doc, awareness } = this.#participant
    this.#send(MESSAGE_SYNC, (encoder) => writeSyncStep1(encoder, doc))
    if (awareness.getLocalState() !== null) this.#sendAwareness([doc.clientID])
  }

  #received(bytes: Uint8Array): void {
    const { doc, awareness } = this.#participant
    const decoder = decoding.createDecoder(bytes)
    switch (decoding.readVarUint(decoder)) {
      case MESSAGE_SYNC: {
        const reply = encoding.createEncoder()
        encoding.writeVarUint(reply, MESSAGE_SYNC)
        const type = readSyncMessage(decoder, reply, doc, this)
        if (type === messageYjsSyncStep2) {
          this.#synced = true
          this.#socket.proven()
        }
        if (encoding.length(reply) > 1) this.#socket.send(encoding.toUint8Array(reply))
        return
      }
      case MESSAGE_AWARENESS:
        applyAwarenessUpdate(awareness, decoding.readVarUint8Array(decoder), this)
        return
      default:
    }
  }

  #lost(wasOpen: boolean): void {
    const { doc, awareness } = this.#participant
    this.#held = null
    this.#synced = false
    if (!wasOpen) return
    removeAwarenessStates(
      awareness,
      [...awareness.getStates().keys()].filter((id) => id !== doc.clientID),
      this,
    )
  }

  #sendUpdate(update: Uint8Array): void {
    const held = this.#held
    if (held === null && this.#socket.isOpen && this.random.below(8) === 0) {
      this.#held = update
      // It comes in any case, even if nobody types any more.
      this.#socket.after(2_000, () => this.#release())
      return
    }
    this.#send(MESSAGE_SYNC, (encoder) => writeUpdate(encoder, update))
    this.#release()
  }

  #release(): void {
    const held = this.#held
    this.#held = null
    if (held !== null) this.#send(MESSAGE_SYNC, (encoder) => writeUpdate(encoder, held))
  }

  #sendAwareness(clientIds: number[]): void {
    const { awareness } = this.#participant
    this.#send(MESSAGE_AWARENESS, (encoder) => encoding.writeVarUint8Array(encoder, encodeAwarenessUpdate(awareness, clientIds)))
  }

  #send(type: number, write: (encoder: encoding.Encoder) => void): void {
    if (!this.#socket.isOpen) return
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, type)
    write(encoder)
    this.#socket.send(encoding.toUint8Array(encoder))
  }
}

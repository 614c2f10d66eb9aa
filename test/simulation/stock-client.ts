// A client that behaves like the stock y-websocket provider: the real sync and awareness protocols, one document per socket, every received
// awareness state sent back, reconnects after up to 2.5 s, gives up a socket on which nothing came for 30 s. On the simulated clock and network.
import { strict as assert } from 'node:assert'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness.js'
import { messageYjsSyncStep2, readSyncMessage, writeSyncStep1, writeUpdate } from 'y-protocols/sync.js'
import type { Timer } from '../../core/clock.js'
import type { Random } from '../../core/random.js'
import { Participant, type SimulatedClient } from './participant.js'
import type { HostClock } from './time.js'
import { SimulatedWebSocket } from './web-socket.js'
import type { ClientOptions } from './weft-client.js'

const MESSAGE_SYNC = 0
const MESSAGE_AWARENESS = 1
const CHECK_MS = 3_000
const SILENCE_MS = 30_000
const BACKOFF_MS_MAX = 2_500

type AwarenessChange = Record<'added' | 'updated' | 'removed', readonly number[]>

export class StockClient implements SimulatedClient {
  readonly clock: HostClock
  readonly random: Random
  readonly participants: readonly Participant[]
  readonly #options: ClientOptions
  readonly #participant: Participant
  #socket: SimulatedWebSocket | null = null
  #connected = false
  #synced = false
  #attempts = 0
  #heardAt = 0
  #timers: Timer[] = []
  /** An update that the network of this client delivers after the next one (S4). */
  #held: Uint8Array | null = null

  constructor(options: ClientOptions, documentId: string, clientId: number) {
    this.clock = options.clock
    this.random = options.random
    this.#options = options
    this.#participant = new Participant(documentId, clientId, this.clock)
    this.participants = [this.#participant]
    this.#participant.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== this) this.#sendUpdate(update)
    })
    this.#participant.awareness.on('update', ({ added, updated, removed }: AwarenessChange) =>
      this.#sendAwareness([...added, ...updated, ...removed]),
    )
    this.#check()
    this.#connect()
  }

  check(): void {}

  checkQuiet(): void {
    assert.ok(this.#synced, `${this.clock.name} is not in step with ${this.#participant.documentId}`)
  }

  /** What the page does when it is left: says goodbye, and closes. */
  async close(): Promise<void> {
    removeAwarenessStates(this.#participant.awareness, [this.#participant.doc.clientID], 'window unload')
    for (const timer of this.#timers) timer.cancel()
    const socket = this.#socket
    this.#socket = null
    socket?.close()
    this.#participant.destroy()
  }

  /** Sends a message as it is, as a client with ill intent would. */
  sendAwarenessAs(update: Uint8Array): void {
    this.#send(MESSAGE_AWARENESS, (encoder) => encoding.writeVarUint8Array(encoder, update))
  }

  #connect(): void {
    const { network, url } = this.#options
    const { doc, awareness, documentId } = this.#participant
    const socket = new SimulatedWebSocket(network, this.clock, `${url}/${documentId}`, [])
    this.#socket = socket
    this.#synced = false
    socket.addEventListener('open', () => {
      if (this.#socket !== socket) return
      this.#connected = true
      this.#heardAt = this.clock.monotonic()
      this.#send(MESSAGE_SYNC, (encoder) => writeSyncStep1(encoder, doc))
      if (awareness.getLocalState() !== null) this.#sendAwareness([doc.clientID])
    })
    socket.addEventListener('message', ({ data }: { readonly data: unknown }) => {
      if (this.#socket === socket) this.#received(new Uint8Array(data as ArrayBuffer))
    })
    socket.addEventListener('close', ({ code }: { readonly code: number }) => {
      if (this.#socket === socket) this.#lost(code)
    })
  }

  #received(bytes: Uint8Array): void {
    this.#heardAt = this.clock.monotonic()
    const { doc, awareness } = this.#participant
    const decoder = decoding.createDecoder(bytes)
    switch (decoding.readVarUint(decoder)) {
      case MESSAGE_SYNC: {
        const reply = encoding.createEncoder()
        encoding.writeVarUint(reply, MESSAGE_SYNC)
        const type = readSyncMessage(decoder, reply, doc, this)
        if (type === messageYjsSyncStep2) {
          this.#synced = true
          this.#attempts = 0
        }
        if (encoding.length(reply) > 1) this.#socket?.send(encoding.toUint8Array(reply))
        return
      }
      case MESSAGE_AWARENESS:
        applyAwarenessUpdate(awareness, decoding.readVarUint8Array(decoder), this)
        return
      default:
    }
  }

  #lost(code: number): void {
    const { doc, awareness } = this.#participant
    this.#socket = null
    this.#held = null
    this.#synced = false
    if (this.#connected) {
      this.#connected = false
      removeAwarenessStates(
        awareness,
        [...awareness.getStates().keys()].filter((id) => id !== doc.clientID),
        this,
      )
    }
    if (code >= 4400 && code <= 4499) {
      this.#options.time.fail(new Error(`G5: ${this.clock.name} was refused for good with ${code}`))
      return
    }
    const delayMs = Math.min(BACKOFF_MS_MAX, 100 * 2 ** this.#attempts)
    this.#attempts += 1
    this.#timers.push(this.clock.after(delayMs, () => this.#connect()))
  }

  #check(): void {
    const timer = this.clock.after(CHECK_MS, () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
      const socket = this.#socket
      if (socket !== null && this.#connected && this.clock.monotonic() - this.#heardAt > SILENCE_MS) {
        this.#lost(1006)
        socket.close()
      }
      this.#check()
    })
    this.#timers.push(timer)
  }

  #sendUpdate(update: Uint8Array): void {
    const held = this.#held
    if (held === null && this.#connected && this.random.below(8) === 0) {
      this.#held = update
      // It comes in any case, even if nobody types any more.
      this.#timers.push(this.clock.after(2_000, () => this.#release()))
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
    if (!this.#connected || this.#socket?.isOpen !== true) return
    const encoder = encoding.createEncoder()
    encoding.writeVarUint(encoder, type)
    write(encoder)
    this.#socket.send(encoding.toUint8Array(encoder))
  }
}

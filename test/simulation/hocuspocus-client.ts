// A client that behaves like Hocuspocus' provider 4, one document on a socket of its own: it counts what is not synced, keeps what is typed while it is away and sends it
// when the first message has come, and gives up a socket on which nothing came for 30 s. On the simulated clock and network.
import { strict as assert } from 'node:assert'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness.js'
import * as Y from 'yjs'
import type { Timer } from '../../core/clock.js'
import type { Random } from '../../core/random.js'
import { authTypes, messageTypes, syncTypes } from './hocuspocus-wire.js'
import { Participant, type SimulatedClient } from './participant.js'
import type { HostClock } from './time.js'
import { SimulatedWebSocket } from './web-socket.js'
import type { ClientOptions } from './weft-client.js'

const CHECK_MS = 3_000
const SILENCE_MS = 30_000
const BACKOFF_MS_MAX = 2_500

type AwarenessChange = Record<'added' | 'updated' | 'removed', readonly number[]>

export class HocuspocusClient implements SimulatedClient {
  readonly clock: HostClock
  readonly random: Random
  readonly participants: readonly Participant[]
  readonly #options: ClientOptions
  readonly #participant: Participant
  #socket: SimulatedWebSocket | null = null
  /** Whether the socket was said to be open. */
  #isOpen = false
  /** Whether something has come on it. */
  #heard = false
  #synced = false
  #unsynced = 0
  #queue: Uint8Array[] = []
  #attempts = 0
  #heardAt = 0
  #timers: Timer[] = []

  constructor(options: ClientOptions, documentId: string, clientId: number) {
    this.clock = options.clock
    this.random = options.random
    this.#options = options
    this.#participant = new Participant(documentId, clientId, this.clock)
    this.participants = [this.#participant]
    this.#participant.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin === this) return
      this.#unsynced += 1
      this.#sendSync(syncTypes.update, update)
    })
    this.#participant.awareness.on('update', ({ added, updated, removed }: AwarenessChange, origin: unknown) => {
      if (origin !== this) this.#sendAwareness([...added, ...updated, ...removed])
    })
    this.#check()
    this.#connect()
  }

  /** D1: what the provider has as synced is on the disk. */
  check(): void {
    if (this.#unsynced > 0 || !this.#options.shownIsDurable) return
    const { documentId, doc } = this.#participant
    assert.ok(
      this.#options.ledger.holdsDocument(documentId, doc),
      `D1: ${this.clock.name} has nothing of ${documentId} as unsynced, and it is not on the disk`,
    )
  }

  checkQuiet(): void {
    const { documentId } = this.#participant
    assert.ok(this.#synced, `${this.clock.name} is not in step with ${documentId}`)
    assert.equal(this.#unsynced, 0, `${this.clock.name} is not in step with ${documentId}: changes are unsynced`)
    this.check()
  }

  /** What the page does when it is left: says goodbye, and closes. */
  async close(): Promise<void> {
    removeAwarenessStates(this.#participant.awareness, [this.#participant.doc.clientID], 'provider destroy')
    this.#send(messageTypes.close, (encoder) => encoding.writeVarString(encoder, 'closed'))
    for (const timer of this.#timers) timer.cancel()
    const socket = this.#socket
    this.#socket = null
    socket?.close()
    this.#participant.destroy()
  }

  #connect(): void {
    const { network, url } = this.#options
    const socket = new SimulatedWebSocket(network, this.clock, `${url}/`, [])
    this.#socket = socket
    this.#isOpen = false
    this.#heard = false
    socket.addEventListener('open', () => {
      if (this.#socket === socket) this.#opened()
    })
    socket.addEventListener('message', ({ data }: { readonly data: unknown }) => {
      if (this.#socket === socket) this.#received(new Uint8Array(data as ArrayBuffer))
    })
    socket.addEventListener('close', ({ code }: { readonly code: number }) => {
      if (this.#socket === socket) this.#lost(code)
    })
  }

  #opened(): void {
    const { doc, awareness } = this.#participant
    this.#isOpen = true
    this.#heardAt = this.clock.monotonic()
    this.#send(messageTypes.auth, (encoder) => {
      encoding.writeVarUint(encoder, authTypes.token)
      encoding.writeVarString(encoder, '')
    })
    // All that it has is one change.
    this.#unsynced = 1
    this.#sendSync(syncTypes.stepOne, Y.encodeStateVector(doc))
    if (awareness.getLocalState() !== null) this.#sendAwareness([doc.clientID])
  }

  #received(bytes: Uint8Array): void {
    this.#heardAt = this.clock.monotonic()
    if (!this.#heard) {
      this.#heard = true
      this.#attempts = 0
      for (const message of this.#queue.splice(0)) this.#socket?.send(message)
    }
    // A pong, of somebody who never pings.
    if (bytes.length === 1) return
    const { awareness, documentId } = this.#participant
    const decoder = decoding.createDecoder(bytes)
    assert.equal(decoding.readVarString(decoder), documentId)
    switch (decoding.readVarUint(decoder)) {
      case messageTypes.sync:
        this.#receivedSync(decoding.readVarUint(decoder), decoding.readVarUint8Array(decoder))
        return
      case messageTypes.awareness:
        applyAwarenessUpdate(awareness, decoding.readVarUint8Array(decoder), this)
        return
      case messageTypes.queryAwareness:
        this.#sendAwareness([...awareness.getStates().keys()])
        return
      case messageTypes.syncStatus:
        if (decoding.readVarUint(decoder) === 1 && this.#unsynced > 0) this.#unsynced -= 1
        if (this.#unsynced === 0) this.#synced = true
        try {
          this.check()
        } catch (error) {
          this.#options.time.fail(error)
        }
        return
      case messageTypes.auth:
        if (decoding.readVarUint(decoder) === authTypes.denied)
          this.#options.time.fail(new Error(`G5: ${this.clock.name} was refused: ${decoding.readVarString(decoder)}`))
        return
      default:
    }
  }

  #receivedSync(type: number, bytes: Uint8Array): void {
    const { doc } = this.#participant
    if (type === syncTypes.stepOne) {
      this.#sendSync(syncTypes.stepTwo, Y.encodeStateAsUpdate(doc, bytes))
      return
    }
    Y.applyUpdate(doc, bytes, this)
    if (type === syncTypes.stepTwo) this.#synced = true
  }

  #lost(code: number): void {
    const { doc, awareness } = this.#participant
    this.#socket = null
    this.#isOpen = false
    this.#synced = false
    removeAwarenessStates(
      awareness,
      [...awareness.getStates().keys()].filter((id) => id !== doc.clientID),
      this,
    )
    if (code >= 4400 && code <= 4499) {
      this.#options.time.fail(new Error(`G5: ${this.clock.name} was refused with ${code}`))
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
      if (socket !== null && this.#isOpen && this.clock.monotonic() - this.#heardAt > SILENCE_MS) {
        this.#queue = []
        this.#lost(1006)
        socket.close()
      }
      this.#check()
    })
    this.#timers.push(timer)
  }

  #sendSync(type: number, bytes: Uint8Array): void {
    this.#send(messageTypes.sync, (encoder) => {
      encoding.writeVarUint(encoder, type)
      encoding.writeVarUint8Array(encoder, bytes)
    })
  }

  #sendAwareness(clientIds: number[]): void {
    const { awareness } = this.#participant
    this.#send(messageTypes.awareness, (encoder) => encoding.writeVarUint8Array(encoder, encodeAwarenessUpdate(awareness, clientIds)))
  }

  /** What is sent while the socket is not open is queued. */
  #send(type: number, write: (encoder: encoding.Encoder) => void): void {
    const encoder = encoding.createEncoder()
    encoding.writeVarString(encoder, this.#participant.documentId)
    encoding.writeVarUint(encoder, type)
    write(encoder)
    const message = encoding.toUint8Array(encoder)
    // A socket that is lost is open until the page hears of it.
    if (this.#isOpen) {
      if (this.#socket?.isOpen === true) this.#socket.send(message)
    } else if (type === messageTypes.sync) this.#queue.push(message)
  }
}

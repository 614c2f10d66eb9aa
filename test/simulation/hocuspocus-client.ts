// A client that behaves like Hocuspocus' provider 4, one document on a socket of its own: it counts what is not synced, keeps what is typed while it is away and sends it
// when the first message has come. On the simulated clock and network.
import { strict as assert } from 'node:assert'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness.js'
import * as Y from 'yjs'
import type { Random } from '../../core/random.js'
import { authTypes, messageTypes, syncTypes } from './hocuspocus-wire.js'
import { Participant, type SimulatedClient } from './participant.js'
import { ProviderSocket } from './provider-socket.js'
import type { HostClock } from './time.js'
import type { ClientOptions } from './weft-client.js'

type AwarenessChange = Record<'added' | 'updated' | 'removed', readonly number[]>

export class HocuspocusClient implements SimulatedClient {
  readonly clock: HostClock
  readonly random: Random
  readonly participants: readonly Participant[]
  readonly #options: ClientOptions
  readonly #participant: Participant
  readonly #socket: ProviderSocket
  /** Whether something has come on the socket. */
  #heard = false
  #synced = false
  #unsynced = 0
  #queue: Uint8Array[] = []

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
    const { time, clock, network, url } = options
    this.#socket = new ProviderSocket({
      time,
      clock,
      network,
      url: `${url}/`,
      opened: () => this.#opened(),
      received: (bytes) => this.#received(bytes),
      lost: (_wasOpen, why) => this.#lost(why),
    })
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
    this.#socket.close()
    this.#participant.destroy()
  }

  #opened(): void {
    const { doc, awareness } = this.#participant
    this.#heard = false
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
    if (!this.#heard) {
      this.#heard = true
      this.#socket.proven()
      for (const message of this.#queue.splice(0)) this.#socket.send(message)
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

  #lost(why: 'silent' | 'closed'): void {
    const { doc, awareness } = this.#participant
    if (why === 'silent') this.#queue = []
    this.#synced = false
    removeAwarenessStates(
      awareness,
      [...awareness.getStates().keys()].filter((id) => id !== doc.clientID),
      this,
    )
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
    if (this.#socket.isOpen) this.#socket.send(message)
    else if (type === messageTypes.sync) this.#queue.push(message)
  }
}

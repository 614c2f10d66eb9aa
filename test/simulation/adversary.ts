// A client that sends what the protocol permits and a decent client never would, and now and then what it forbids: forged structs, gaps that never close,
// other content for clocks that are taken, repeats, states of clients that nobody is, old seqs, channels that come and go. It has no copy to compare: what
// counts is that nobody else notices it.
import type { Random } from '../../core/random.js'
import { encodeAwareness } from '../../protocol/awareness.js'
import {
  decodeWeftServer,
  encodeWeftClient,
  type KnownOnWire,
  type WeftClientMessage,
  weftSubprotocol,
} from '../../protocol/dialects/weft.js'
import { decodeYWebsocket, encodeYWebsocket, type YWebsocketMessage } from '../../protocol/dialects/y-websocket.js'
import { alternatingGaps, deleteRanges, gcStructs, manyClients, nested, oneString, stateVector } from '../attack/shapes.js'
import type { SimulatedNetwork } from './network.js'
import type { HostClock } from './time.js'
import { SimulatedWebSocket } from './web-socket.js'

/** Part of the URL of an adversary's connection, so that whoever stands at a node's door knows whom to trust with nothing. */
export const adversaryMark = 'adversary'

const FORGED_CLIENTS = 5_000
const FORGED_STATES = 6_000_000
const HEARD_MAX = 12
const CHANNELS_MAX = 6
const HEARSAY_MS = 3_000

interface Channel {
  readonly number: number
  submissions: number
}

export interface AdversaryOptions {
  readonly network: SimulatedNetwork
  readonly clock: HostClock
  readonly random: Random
  readonly documentIds: readonly string[]
  readonly url: () => string
}

export class Adversary {
  readonly clock: HostClock
  readonly #options: AdversaryOptions
  #socket: SimulatedWebSocket | null = null
  #dialect: 'weft' | 'y-websocket' = 'weft'
  #opened = false
  #channels: Channel[] = []
  #lastChannel = 0
  #incarnation = ''
  /** Updates of others, to be sent again. */
  #heard: Uint8Array[] = []

  constructor(options: AdversaryOptions) {
    this.#options = options
    this.clock = options.clock
  }

  /** Does one thing that it should not. */
  act(): void {
    const { random } = this.#options
    if (this.#socket === null) this.#connect(random.below(3) === 0 ? 'y-websocket' : 'weft')
    else if (!this.#opened || !this.#socket.isOpen) return
    else if (random.below(25) === 0) this.leave()
    else if (this.#dialect === 'weft') this.#actWeft()
    else this.#actStock()
  }

  leave(): void {
    const socket = this.#socket
    this.#socket = null
    if (this.#options.random.below(2) === 0) socket?.terminate()
    else socket?.close()
  }

  /** Claims that these clients are somewhere else, and then that they are gone (A2). */
  speakFor(documentId: string, clientIds: readonly number[]): void {
    this.leave()
    this.#connect('weft', () => {
      this.#open(documentId, { kind: 'nothing' })
      // A node that has just opened the document needs a moment to hear who is there on the others.
      this.clock.after(HEARSAY_MS, () => this.#claim(clientIds))
    })
  }

  #claim(clientIds: readonly number[]): void {
    const state = new TextEncoder().encode(JSON.stringify({ id: FORGED_STATES }))
    const gone = new TextEncoder().encode('null')
    for (const [clock, what] of [
      [1_000, state],
      [2 ** 31, state],
      [1_001, gone],
    ] as const)
      this.#say({
        type: 'awareness',
        channel: this.#lastChannel,
        update: encodeAwareness(clientIds.map((clientId) => ({ clientId, clock, state: what }))),
      })
  }

  #connect(dialect: 'weft' | 'y-websocket', then: () => void = () => {}): void {
    const { network, random, documentIds, url } = this.#options
    this.#dialect = dialect
    this.#opened = false
    this.#channels = []
    this.#lastChannel = 0
    const documentId = documentIds[random.below(documentIds.length)] ?? ''
    const path = dialect === 'weft' ? '' : documentId
    const protocols = dialect === 'weft' ? [weftSubprotocol] : []
    const socket = new SimulatedWebSocket(network, this.clock, `${url()}/${path}?${adversaryMark}=1`, protocols)
    this.#socket = socket
    socket.addEventListener('open', () => {
      if (this.#socket !== socket) return
      this.#opened = true
      if (dialect === 'weft') this.#say({ type: 'hello', agent: 'adversary', token: '' })
      then()
    })
    socket.addEventListener('message', ({ data }: { readonly data: unknown }) => {
      if (this.#socket === socket) this.#received(new Uint8Array(data as ArrayBuffer))
    })
    socket.addEventListener('close', () => {
      if (this.#socket === socket) this.#socket = null
    })
  }

  #received(bytes: Uint8Array): void {
    if (this.#dialect === 'weft') {
      const message = decodeWeftServer(bytes)
      if (message.type === 'opened') this.#incarnation = message.incarnation
      else if (message.type === 'update') this.#hear(message.update)
      else if (message.type === 'state') for (const update of message.updates) this.#hear(update)
      else if (message.type === 'closed') this.#channels = this.#channels.filter(({ number }) => number !== message.channel)
      return
    }
    const message = decodeYWebsocket(bytes)
    if (message.type === 'update' || message.type === 'sync-step-2') this.#hear(message.update)
  }

  #hear(update: Uint8Array): void {
    this.#heard.push(Uint8Array.from(update))
    if (this.#heard.length > HEARD_MAX) this.#heard.shift()
  }

  #actWeft(): void {
    const { random, documentIds } = this.#options
    const channel = this.#channels[random.below(this.#channels.length)]
    if (channel === undefined || (this.#channels.length < CHANNELS_MAX && random.below(8) === 0)) {
      this.#open(documentIds[random.below(documentIds.length)] ?? '', this.#known())
      return
    }
    const { number } = channel
    const choice = random.below(100)
    if (choice < 55) this.#submit(channel, this.#forgery())
    else if (choice < 65) this.#say({ type: 'sync', channel: number, known: this.#known() })
    else if (choice < 80) this.#say({ type: 'awareness', channel: number, update: this.#awareness() })
    else if (choice < 86) {
      this.#channels = this.#channels.filter((other) => other !== channel)
      this.#say({ type: 'close', channel: number })
      // What follows on a channel that is closed is ignored.
      if (random.below(2) === 0) this.#submit(channel, this.#forgery())
    } else if (choice < 90) for (let count = 0; count < 40; count++) this.#say({ type: 'ping' })
    else if (choice < 92) this.#say({ type: 'token', channel: number, token: 'x' })
    else if (choice < 95) this.#submitInParts(channel)
    else if (choice < 97) this.#submit(channel, random.bytes(1 + random.below(30)))
    else this.#socket?.send(random.bytes(1 + random.below(12)))
  }

  #actStock(): void {
    const { random } = this.#options
    const choice = random.below(100)
    if (choice < 25) this.#sayY({ type: 'sync-step-1', stateVector: this.#vector() })
    else if (choice < 65) this.#sayY({ type: random.below(2) === 0 ? 'update' : 'sync-step-2', update: this.#forgery() })
    else if (choice < 80) this.#sayY({ type: 'awareness', update: this.#awareness() })
    else if (choice < 95) for (let count = 0; count < 20; count++) this.#sayY({ type: 'query-awareness' })
    else this.#socket?.send(random.bytes(1 + random.below(12)))
  }

  #open(documentId: string, known: KnownOnWire): void {
    this.#lastChannel += 1 + this.#options.random.below(3)
    this.#channels.push({ number: this.#lastChannel, submissions: 0 })
    this.#say({ type: 'open', channel: this.#lastChannel, documentId, token: '', known })
  }

  /** An update cut anywhere; now and then its end never comes, or another's does. */
  #submitInParts(channel: Channel): void {
    const { random } = this.#options
    let rest = this.#forgery()
    for (let parts = 1 + random.below(4); parts > 0 && rest.length > 0; parts--) {
      const length = random.below(rest.length + 1)
      this.#say({ type: 'part', channel: channel.number, bytes: rest.subarray(0, length) })
      rest = rest.subarray(length)
    }
    const choice = random.below(4)
    if (choice === 0) return
    this.#submit(channel, choice === 1 ? this.#forgery() : rest)
  }

  #submit(channel: Channel, update: Uint8Array): void {
    channel.submissions += 1
    this.#say({ type: 'submit', channel: channel.number, submission: channel.submissions, update })
  }

  /** An update that is well formed, mostly. Of its own clients: what it forges for others it could only be kept from if it were known who it is. */
  #forgery(): Uint8Array {
    const { random } = this.#options
    const client = FORGED_CLIENTS + random.below(4)
    const clock = random.below(40)
    switch (random.below(11)) {
      case 0:
        return gcStructs(client, clock, 1 + random.below(50))
      case 1:
        return gcStructs(client, clock + 1_000 * (1 + random.below(3)), 1 + random.below(5))
      case 2:
        return alternatingGaps(client, 1 + random.below(30))
      case 3:
        return oneString(client, clock, 1 + random.below(80), random.below(4) === 0 ? '🙂' : 'x')
      case 4:
        return manyClients(FORGED_CLIENTS + 10, 1 + random.below(20), random.below(2))
      case 5:
        return deleteRanges(client, 1 + random.below(10), (index) => [3 * index + random.below(2), 1 + random.below(2)])
      case 6:
        return gcStructs(client, 2 ** 30 + random.below(100), 1)
      case 7:
        return nested(FORGED_CLIENTS + 40 + random.below(3), 0, 1 + random.below(30))
      case 8:
        return Uint8Array.of(0, 0)
      default:
        return this.#heard[random.below(this.#heard.length)] ?? Uint8Array.of(0, 0)
    }
  }

  #awareness(): Uint8Array {
    const { random } = this.#options
    const entries = Array.from({ length: 1 + random.below(20) }, () => {
      const clientId = FORGED_STATES + random.below(40)
      const gone = random.below(4) === 0
      const state = new TextEncoder().encode(gone ? 'null' : JSON.stringify({ id: clientId, padding: 'x'.repeat(random.below(200)) }))
      return { clientId, clock: random.below(3) === 0 ? 2 ** (20 + random.below(20)) : random.below(50), state }
    })
    return encodeAwareness(entries)
  }

  #known(): KnownOnWire {
    const { random } = this.#options
    const vector = this.#vector()
    const choice = random.below(4)
    if (choice === 0) return { kind: 'nothing' }
    if (choice === 1) return { kind: 'state-vector', stateVector: vector }
    return { kind: 'seq', incarnation: choice === 2 ? this.#incarnation : 'no such life', seq: random.below(60), stateVector: vector }
  }

  /** What it claims to have of others, and of nobody. */
  #vector(): Uint8Array {
    const { random } = this.#options
    const clients = Array.from({ length: random.below(4) }, (_, index): [number, number] => [1 + 3 * index, random.below(60)])
    return stateVector(...clients.toReversed())
  }

  #say(message: WeftClientMessage): void {
    this.#socket?.send(Buffer.concat(encodeWeftClient(message)))
  }

  #sayY(message: YWebsocketMessage): void {
    this.#socket?.send(Buffer.concat(encodeYWebsocket(message)))
  }
}

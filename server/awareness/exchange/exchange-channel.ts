// One document on the bus: what this node has said there and owes, and how far it has heard each of the others.
//
// A node that subscribes says hello with its own full states, and the others answer with theirs. A gap in somebody's numbers, or a frame of somebody
// unknown, is answered with another hello. Who does not answer a hello for long is taken as gone; membership usually says so first.
import type { Clock, Timer } from '../../../core/clock.js'
import type { AwarenessSubscriber, Origin } from '../bus.js'
import { isSameOrigin } from '../bus.js'
import type { BusFrame } from './bus-frame.js'

/** Several questions within this time get one answer. */
const ANSWER_MS = 10
/** The least time between two hellos because of gaps. */
const HELLO_PERIOD_MS = 1_000
/** When to ask those again who have not answered, and when to take them as gone, in milliseconds after the first hello. */
const RETRIES_MS = [2_000, 5_000] as const
const SILENT_MS_MAX = 10_000
/** Nodes heard on one document. Past it frames of further nodes still count, but their gaps go unnoticed. */
const PEERS_MAX = 1_000

interface Peer {
  readonly origin: Origin
  generation: number
  seq: number
  /** Whether its full states arrived since our last first hello. */
  answered: boolean
}

export interface ExchangeChannelOptions {
  readonly subscriber: AwarenessSubscriber
  readonly clock: Clock
  /** Answers whether the bus took the frame. */
  readonly send: (kind: BusFrame['kind'], seq: number, update: Uint8Array) => boolean
}

/** What the bus has of our states: nothing yet; all we said; or less, and the full states are owed. */
type Standing = 'unknown' | 'current' | 'owing'

export class ExchangeChannel {
  readonly #options: ExchangeChannelOptions
  readonly #peers = new Map<string, Peer>()
  #standing: Standing = 'unknown'
  #seq = 0
  #helloAtMs = Number.NEGATIVE_INFINITY
  #answerTimer: Timer | null = null
  #helloTimer: Timer | null = null
  #retryTimer: Timer | null = null

  constructor(options: ExchangeChannelOptions) {
    this.#options = options
  }

  get isIntroduced(): boolean {
    return this.#standing !== 'unknown'
  }

  nextSeq(): number {
    this.#seq += 1
    return this.#seq
  }

  /** The subscription holds, perhaps again: what was said meanwhile may be missing on both sides. */
  introduce(): void {
    for (const peer of this.#peers.values()) peer.answered = false
    this.#hello()
    this.#awaitAnswers(0)
  }

  publish(update: Uint8Array): void {
    // The first hello carries the full states.
    if (this.#standing === 'unknown') return
    if (!this.#options.send('states', this.nextSeq(), update)) this.owe()
  }

  /** A frame of ours was lost: the full states follow when the bus takes frames again. */
  owe(): void {
    if (this.#standing === 'current') this.#standing = 'owing'
  }

  /** The bus takes frames again. */
  pay(): void {
    if (this.#standing === 'owing') this.#sendFull('full')
  }

  /** Throws `malformed`. */
  receive(frame: BusFrame): void {
    const { subscriber } = this.#options
    const { kind, origin, generation, seq, update } = frame
    const peer = this.#peerOf(frame)
    const repeated = peer !== null && !isAfter(frame, peer)
    const missed = peer === null || generation !== peer.generation || seq > peer.seq + 1
    if (!repeated && peer !== null) {
      peer.generation = generation
      peer.seq = seq
    }
    switch (kind) {
      case 'states':
        subscriber.states(origin, update)
        if (!repeated && missed) this.#requestHello()
        return
      case 'hello':
      case 'full':
        if (kind === 'hello') this.#requestAnswer()
        // What is older than something heard already cannot say what is gone.
        if (repeated) {
          subscriber.states(origin, update)
        } else {
          subscriber.fullStates(origin, update)
          if (peer !== null) peer.answered = true
        }
        return
      case 'gone':
        if (repeated) return
        this.#peers.delete(origin.nodeId)
        subscriber.gone(origin)
        return
      case 'message':
    }
  }

  /** A node is gone, in all its boots or one. */
  forget(nodeId: string, boot?: string): void {
    const peer = this.#peers.get(nodeId)
    if (peer === undefined || (boot !== undefined && peer.origin.boot !== boot)) return
    this.#peers.delete(nodeId)
    this.#options.subscriber.gone(peer.origin)
  }

  close(): void {
    for (const timer of [this.#answerTimer, this.#helloTimer, this.#retryTimer]) timer?.cancel()
  }

  /** The sender of a frame; null when there is no room to remember it. A new boot of a node ends the old one. */
  #peerOf({ origin, generation }: BusFrame): Peer | null {
    const known = this.#peers.get(origin.nodeId)
    if (known !== undefined && isSameOrigin(known.origin, origin)) return known
    if (known !== undefined) this.forget(origin.nodeId)
    if (this.#peers.size >= PEERS_MAX) return null
    // Before its first frame, so that this one is news, and a gap unless it is full.
    const peer: Peer = { origin, generation: generation - 1, seq: 0, answered: false }
    this.#peers.set(origin.nodeId, peer)
    return peer
  }

  #hello(): void {
    this.#helloTimer?.cancel()
    this.#helloTimer = null
    this.#helloAtMs = this.#options.clock.monotonic()
    this.#sendFull('hello')
  }

  #sendFull(kind: 'hello' | 'full'): void {
    const { send, subscriber } = this.#options
    this.#standing = 'current'
    if (!send(kind, this.nextSeq(), subscriber.localStates())) this.#standing = 'owing'
  }

  #requestHello(): void {
    if (this.#helloTimer !== null) return
    const { clock } = this.#options
    const waitMs = Math.max(0, this.#helloAtMs + HELLO_PERIOD_MS - clock.monotonic())
    this.#helloTimer = clock.after(waitMs, () => {
      this.#hello()
      if (this.#retryTimer === null) this.#awaitAnswers(0)
    })
  }

  #requestAnswer(): void {
    if (this.#answerTimer !== null) return
    this.#answerTimer = this.#options.clock.after(ANSWER_MS, () => {
      this.#answerTimer = null
      this.#sendFull('full')
    })
  }

  #awaitAnswers(attempt: number): void {
    this.#retryTimer?.cancel()
    const askedAgainMs = attempt === 0 ? 0 : (RETRIES_MS[attempt - 1] ?? 0)
    const nextMs = RETRIES_MS[attempt] ?? SILENT_MS_MAX
    this.#retryTimer = this.#options.clock.after(nextMs - askedAgainMs, () => {
      this.#retryTimer = null
      const silent = [...this.#peers.values()].filter((peer) => !peer.answered)
      if (silent.length === 0) return
      if (attempt >= RETRIES_MS.length) {
        for (const { origin } of silent) this.forget(origin.nodeId, origin.boot)
        return
      }
      this.#hello()
      this.#awaitAnswers(attempt + 1)
    })
  }
}

function isAfter(frame: { readonly generation: number; readonly seq: number }, peer: Peer): boolean {
  return frame.generation === peer.generation ? frame.seq > peer.seq : frame.generation > peer.generation
}

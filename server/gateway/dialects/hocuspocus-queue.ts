// Where in what comes over a connection a provider of Hocuspocus may have put what it had queued while it was away.
//
// It sends its queue when the first message of the server comes, before it handles it, and counts none of it. So nothing that came before that message can have reached it is from the
// queue. A ping in front of the message tells: browsers answer it where they read it, and what the page sent before stands before the pong. And what stands behind the
// provider's first answer, its step 2, is not from the queue either.
import type { Clock } from '../../../core/clock.js'

/**
 * `not-yet`: the server has said nothing. `asked`: it has, and the pong is on its way, unless a proxy keeps pings to itself. `possible`: the pong is here, and the first step 2 is not.
 * `past`: that is here, too.
 */
export type QueuePhase = 'not-yet' | 'asked' | 'possible' | 'past'

/** In so short a time between pong and step 2 nobody types: what came between them came from the queue. */
const AT_ONCE_MS = 50

export class HocuspocusQueue {
  readonly #clock: Clock
  readonly #ping: () => void
  #phase: QueuePhase = 'not-yet'
  #pongAt: number | null = null
  #wasAtOnce = false

  /** `ping` is answered in the order of the messages. */
  constructor(clock: Clock, ping: () => void) {
    this.#clock = clock
    this.#ping = ping
  }

  get phase(): QueuePhase {
    return this.#phase
  }

  /** Whether the queue came so soon after the pong that nothing was typed in between. */
  get wasAtOnce(): boolean {
    return this.#wasAtOnce
  }

  /** The server is about to send something. */
  speaks(): void {
    if (this.#phase !== 'not-yet') return
    this.#phase = 'asked'
    this.#ping()
  }

  /** The pong came. False: too late to tell anything. */
  pong(): boolean {
    if (this.#phase !== 'asked') return false
    this.#phase = 'possible'
    this.#pongAt = this.#clock.monotonic()
    return true
  }

  /** A step 2 came, which answers something that the server said. False: it was not the first. */
  answered(): boolean {
    if (this.#phase === 'past' || this.#phase === 'not-yet') return false
    this.#phase = 'past'
    this.#wasAtOnce = this.#pongAt !== null && this.#clock.monotonic() - this.#pongAt <= AT_ONCE_MS
    return true
  }
}

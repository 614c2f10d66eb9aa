// The connections that were admitted and have not begun. Letting one in is dear (its handshake, its document, who it is), and as many as may come at once after a quiet
// time would hold up whoever is here for a second (G7), and whoever comes: the system hands over one connection in each turn of the event loop, and of those that wait
// too long it forgets some. So they begin a few at a time, and while others come these are heard, and refused, in between.
import type { Clock } from '../../core/clock.js'
import type { Limits } from '../../core/limits.js'

/** How long they have at a time. */
const TURN_MS = 4
/** What is left to others between two times: so long, and so many times as long while others come. Where more may come in a second it is less. */
const PAUSE_MS = 4
const PAUSES_MAX = 7
const PAUSES_AT_PER_SECOND = 500
/** So many seconds' worth may wait. */
const WAITING_S_MAX = 1

export class Handshakes {
  readonly #clock: Clock
  readonly #limits: Pick<Limits, 'connectionsPerSecondMax'>
  readonly #waiting: (() => void)[] = []
  #state: 'resting' | 'begun' = 'resting'
  #spentMs = 0
  /** Since the last pause began. */
  #came = 0

  constructor(clock: Clock, limits: Pick<Limits, 'connectionsPerSecondMax'>) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Whether so many wait that others had better come again. */
  get isFull(): boolean {
    return this.#waiting.length >= Math.max(1, this.#limits.connectionsPerSecondMax * WAITING_S_MAX)
  }

  /** Somebody has come, whatever becomes of it. */
  came(): void {
    this.#came += 1
  }

  /** Lets one in, now or in its turn. */
  add(letIn: () => void): void {
    this.#waiting.push(letIn)
    if (this.#state === 'resting') this.#begin()
    else this.#run()
  }

  #begin(): void {
    this.#state = 'begun'
    this.#spentMs = 0
    const { connectionsPerSecondMax } = this.#limits
    try {
      this.#run()
    } finally {
      // Also where one could not be let in: those behind it have their turn.
      this.#pause(Math.min(PAUSES_MAX, (PAUSES_MAX * PAUSES_AT_PER_SECOND) / connectionsPerSecondMax))
    }
  }

  #pause(pausesLeft: number): void {
    this.#came = 0
    const over = (): void => {
      if (this.#came > 0 && pausesLeft > 1) this.#pause(pausesLeft - 1)
      else if (this.#waiting.length > 0) this.#begin()
      else this.#state = 'resting'
    }
    this.#clock.after(PAUSE_MS, over, { unref: true })
  }

  #run(): void {
    while (this.#spentMs < TURN_MS) {
      const letIn = this.#waiting.shift()
      if (letIn === undefined) return
      const before = this.#clock.monotonic()
      letIn()
      this.#spentMs += this.#clock.monotonic() - before
    }
  }
}

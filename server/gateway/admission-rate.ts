// How many connections may come in a second: after a restart everybody is back at once, and whoever is here already must not wait for all of them.
import type { Clock } from '../../core/clock.js'

/** So many seconds' worth may come at once after a quiet time. */
const BURST_S = 2

export class AdmissionRate {
  readonly #clock: Clock
  readonly #perSecond: number
  #left: number
  #filledAt: number

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#left = perSecond * BURST_S
    this.#filledAt = clock.monotonic()
  }

  /** Whether one more may come now; it is counted if so. */
  take(): boolean {
    const now = this.#clock.monotonic()
    this.#left = Math.min(this.#perSecond * BURST_S, this.#left + ((now - this.#filledAt) / 1000) * this.#perSecond)
    this.#filledAt = now
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}

// How much of something may come in a second, with what may come at once after a quiet time: a token bucket, as one number.
import type { Clock } from './clock.js'

/** When everything that may come at once may come again, once `amount` more has come. Times are monotonic milliseconds; `fullAt` is what it was before. */
export function fullAfter(fullAt: number, amount: number, perSecond: number, now: number): number {
  return Math.max(fullAt, now) + (amount * 1000) / perSecond
}

export class Rate {
  readonly perSecond: number
  readonly #clock: Clock
  readonly #burstMs: number
  /** When everything that may come at once may come again; monotonic. */
  #fullAt = Number.NEGATIVE_INFINITY

  /** `burstS`: so many seconds' worth may come at once. */
  constructor(clock: Clock, perSecond: number, burstS: number) {
    this.#clock = clock
    this.perSecond = perSecond
    this.#burstMs = burstS * 1000
  }

  /** Whether one more may come now; it is counted if so. */
  admits(): boolean {
    const now = this.#clock.monotonic()
    const fullAt = fullAfter(this.#fullAt, 1, this.perSecond, now)
    // A fraction that floating point lost is no reason to refuse.
    if (fullAt - now > this.#burstMs + 1e-6) return false
    this.#fullAt = fullAt
    return true
  }
}

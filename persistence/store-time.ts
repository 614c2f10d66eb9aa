// How late it is, as far as a store that stamps its rows by the machine's clock may believe that clock when it decides what is old enough to go (H3).
import type { Clock } from '../core/clock.js'

/** How long a clock that jumped has to stay there until it is believed. */
const BELIEVED_AFTER_MS = 24 * 3_600_000
/** A clock that is adjusted a little, or whose readings lie apart by some work, did not jump. */
const JUMP_MS_MIN = 60_000

/** A clock that jumps ahead makes everything look old, and what is removed because of it does not come back when the clock is set right. */
export class StoreTime {
  readonly #clock: Clock
  /** What the clock showed beyond monotonic time when it was believed last. */
  #offsetMs: number
  /** Another offset that it shows by now, and since when by monotonic time. */
  #jump: { readonly offsetMs: number; readonly since: number } | null = null

  constructor(clock: Clock) {
    this.#clock = clock
    this.#offsetMs = clock.now() - clock.monotonic()
  }

  /** Milliseconds since the Unix epoch. Never later than the clock; a jump ahead counts once it has lasted for a day. */
  credible(): number {
    const monotonic = this.#clock.monotonic()
    const offsetMs = this.#clock.now() - monotonic
    if (isNear(offsetMs, this.#offsetMs)) this.#believe(offsetMs)
    else if (this.#jump === null || !isNear(offsetMs, this.#jump.offsetMs)) this.#jump = { offsetMs, since: monotonic }
    else if (monotonic - this.#jump.since >= BELIEVED_AFTER_MS) this.#believe(offsetMs)
    return monotonic + Math.min(offsetMs, this.#offsetMs)
  }

  #believe(offsetMs: number): void {
    this.#offsetMs = offsetMs
    this.#jump = null
  }
}

function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) < JUMP_MS_MIN
}

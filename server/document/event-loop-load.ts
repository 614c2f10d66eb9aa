// How much of its time this process uses, for the pace of documents and commits: what its event loop does, of the time that passes. Time in
// which other programs have the processor counts as used, since the loop waits for it.
import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import type { Clock } from '../../core/clock.js'

/** How often it is looked at. */
const LOOK_MS = 100
/** Of what was seen last, the share that the look before had. */
const MEMORY = 0.5
/** Up to this share of the time there is enough to spare; from that one on there is none. */
const SPARE_UNTIL = 0.35
const FULL_FROM = 0.7

export class EventLoopLoad {
  readonly #clock: Clock
  readonly #utilization: (since?: EventLoopUtilization) => EventLoopUtilization
  #last: EventLoopUtilization
  #lookedAt: number
  #share = 0

  /** `utilization` counts what the loop has done since the process began, or since it was asked before. */
  constructor(clock: Clock, utilization: (since?: EventLoopUtilization) => EventLoopUtilization = performance.eventLoopUtilization) {
    this.#clock = clock
    this.#utilization = utilization
    this.#last = utilization()
    this.#lookedAt = clock.monotonic()
  }

  /** See `Busyness`. */
  readonly busyness = (): number => {
    const now = this.#clock.monotonic()
    if (now - this.#lookedAt >= LOOK_MS) this.#look(now)
    return Math.min(1, Math.max(0, (this.#share - SPARE_UNTIL) / (FULL_FROM - SPARE_UNTIL)))
  }

  #look(now: number): void {
    const { utilization } = this.#utilization(this.#last)
    this.#last = this.#utilization()
    // What was seen long ago says nothing of now.
    const memory = now - this.#lookedAt < 2 * LOOK_MS ? MEMORY : 0
    this.#share = memory * this.#share + (1 - memory) * utilization
    this.#lookedAt = now
  }
}

// A clock that stands still until a test moves it: timers run in the order in which they fall due, with nothing left to chance.
import type { Clock, Timer } from '../../core/clock.js'

interface Scheduled {
  readonly dueAt: number
  readonly order: number
  readonly run: () => void
}

const EPOCH_MS = Date.UTC(2026, 0, 1)
const STEPS_MAX = 1_000_000

export class ManualClock implements Clock {
  #elapsedMs = 0
  #order = 0
  readonly #timers = new Set<Scheduled>()
  #soon: (() => void)[] = []

  now(): number {
    return EPOCH_MS + this.#elapsedMs
  }

  monotonic(): number {
    return this.#elapsedMs
  }

  after(delayMs: number, run: () => void): Timer {
    if (!(delayMs >= 0)) throw new Error(`A timer needs a delay of at least 0 ms, not ${delayMs}`)
    this.#order += 1
    const scheduled: Scheduled = { dueAt: this.#elapsedMs + delayMs, order: this.#order, run }
    this.#timers.add(scheduled)
    return { cancel: () => void this.#timers.delete(scheduled) }
  }

  soon(run: () => void): void {
    this.#soon.push(run)
  }

  /** Timers that have neither fired nor been cancelled: a test that closes something expects 0. */
  get timerCount(): number {
    return this.#timers.size
  }

  /** Milliseconds until the next timer, or null when there is none. */
  get nextTimerMs(): number | null {
    const next = this.#next()
    return next === null ? null : next.dueAt - this.#elapsedMs
  }

  /** Runs what `soon` queued, and what that queues, without moving time. */
  flush(): void {
    for (let steps = 0; this.#soon.length > 0; steps++) {
      if (steps > STEPS_MAX) throw new Error('ManualClock: the soon queue never empties')
      this.turn()
    }
  }

  /** One turn of the event loop: runs what `soon` queued, and not what that queues. */
  turn(): void {
    const queued = this.#soon
    this.#soon = []
    for (const run of queued) run()
  }

  /** Moves time on by `ms`: runs the soon queue, then every timer that falls due, each at its own time and followed by the soon queue. Promises stay unsettled. */
  advance(ms: number): void {
    const endAt = this.#elapsedMs + ms
    this.flush()
    for (let steps = 0; this.#runNextTimer(endAt); steps++) {
      if (steps > STEPS_MAX) throw new Error('ManualClock: timers never end')
      this.flush()
    }
    this.#elapsedMs = endAt
  }

  /** The process stands still for `ms`: time passes, and nothing runs. What fell due meanwhile runs late, with the next `advance`. */
  standStill(ms: number): void {
    this.#elapsedMs += ms
  }

  /** Runs the soon queue and lets promises settle until both are quiet, without moving time. */
  async settle(): Promise<void> {
    do {
      this.flush()
      // Everything that is already resolved runs before an immediate.
      await new Promise<void>((resolve) => void setImmediate(resolve))
    } while (this.#soon.length > 0)
  }

  /** As `advance`, with promises settled before the first timer and after each. */
  async advanceAsync(ms: number): Promise<void> {
    const endAt = this.#elapsedMs + ms
    await this.settle()
    for (let steps = 0; this.#runNextTimer(endAt); steps++) {
      if (steps > STEPS_MAX) throw new Error('ManualClock: timers never end')
      await this.settle()
    }
    this.#elapsedMs = endAt
  }

  #runNextTimer(endAt: number): boolean {
    const next = this.#next()
    if (next === null || next.dueAt > endAt) return false
    this.#timers.delete(next)
    this.#elapsedMs = Math.max(this.#elapsedMs, next.dueAt)
    next.run()
    return true
  }

  #next(): Scheduled | null {
    let next: Scheduled | null = null
    for (const timer of this.#timers) {
      if (next === null || timer.dueAt < next.dueAt || (timer.dueAt === next.dueAt && timer.order < next.order)) next = timer
    }
    return next
  }
}

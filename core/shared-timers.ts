// Timers that many hold at once and that need not be exact: those that are due at about the same time share one of the clock's. One of Node's takes
// some 350 bytes with what it runs, and each quiet connection has two that do nothing but wait.
import type { Clock, Timer } from './clock.js'

/** A timer is up to this part of its delay late. */
const LATE_PARTS = 250

/** Whose timer it is. */
export interface SharedTimerHost {
  due(): void
}

/** One timer of its host, set again and again. It does not keep the process alive. */
export class SharedTimer {
  readonly #timers: SharedTimers
  readonly #host: SharedTimerHost
  #dueAt: number | null = null

  constructor(clock: Clock, host: SharedTimerHost) {
    this.#timers = sharedTimersOf(clock)
    this.#host = host
  }

  /** Tells its host once, `delayMs` (≥ 0) from now or a little later, and not at the time that was set before. */
  set(delayMs: number): void {
    this.cancel()
    this.#dueAt = this.#timers.add(this, delayMs)
  }

  cancel(): void {
    if (this.#dueAt === null) return
    this.#timers.remove(this, this.#dueAt)
    this.#dueAt = null
  }

  /** For `SharedTimers`: it is `dueAt`. */
  run(dueAt: number): void {
    // It was cancelled, or set for later, by one that ran just now.
    if (this.#dueAt !== dueAt) return
    this.#dueAt = null
    this.#host.due()
  }
}

const timersOfClocks = new WeakMap<Clock, SharedTimers>()

function sharedTimersOf(clock: Clock): SharedTimers {
  let timers = timersOfClocks.get(clock)
  if (timers === undefined) {
    timers = new SharedTimers(clock)
    timersOfClocks.set(clock, timers)
  }
  return timers
}

class SharedTimers {
  readonly #clock: Clock
  readonly #byTime = new Map<number, Set<SharedTimer>>()
  /** Runs at the earliest of the times, or before. */
  #wake: { readonly timer: Timer; readonly at: number } | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Returns when it is due. */
  add(timer: SharedTimer, delayMs: number): number {
    const step = Math.max(1, Math.floor(delayMs / LATE_PARTS))
    const dueAt = Math.ceil((this.#clock.monotonic() + delayMs) / step) * step
    const others = this.#byTime.get(dueAt)
    if (others === undefined) this.#byTime.set(dueAt, new Set([timer]))
    else others.add(timer)
    if (this.#wake === null || dueAt < this.#wake.at) this.#wakeAt(dueAt)
    return dueAt
  }

  remove(timer: SharedTimer, dueAt: number): void {
    const timers = this.#byTime.get(dueAt)
    timers?.delete(timer)
    if (timers?.size === 0) this.#byTime.delete(dueAt)
    if (this.#byTime.size === 0) this.#sleep()
  }

  #wakeAt(at: number): void {
    this.#wake?.timer.cancel()
    const timer = this.#clock.after(Math.max(0, at - this.#clock.monotonic()), () => this.#woken(), { unref: true })
    this.#wake = { timer, at }
  }

  #sleep(): void {
    this.#wake?.timer.cancel()
    this.#wake = null
  }

  #woken(): void {
    const now = this.#clock.monotonic()
    this.#wake = null
    const due = [...this.#byTime.keys()].filter((at) => at <= now).sort((left, right) => left - right)
    const dueTimers = due.map((at) => ({ at, timers: this.#byTime.get(at) ?? [] }))
    for (const at of due) this.#byTime.delete(at)
    if (this.#byTime.size > 0) this.#wakeAt(Math.min(...this.#byTime.keys()))
    for (const { at, timers } of dueTimers) for (const timer of timers) this.#run(timer, at)
  }

  /** What one host throws is thrown as from a timer of its own: the others have their turn. */
  #run(timer: SharedTimer, at: number): void {
    try {
      timer.run(at)
    } catch (thrown) {
      this.#clock.soon(() => {
        throw thrown
      })
    }
  }
}

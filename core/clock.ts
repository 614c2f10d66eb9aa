// Time as an injected dependency: the wall clock, a monotonic clock and one-shot timers.
// Nothing else in server/, client/, persistence/ or protocol/ may touch the platform's timers (the linter checks it),
// so that a seeded simulation can run a whole server faster than real time.

export interface Timer {
  /** Stops the timer if it has not fired. Calling it again, or after it fired, does nothing. */
  cancel(): void
}

export interface Clock {
  /** Milliseconds since the Unix epoch. May jump; use it only for what people read and for stored timestamps. */
  now(): number
  /** Milliseconds from an arbitrary start. Never goes backwards; use it for every duration. */
  monotonic(): number
  /** Runs `run` once, `delayMs` (≥ 0) from now. The timer keeps the process alive unless `unref` is set. */
  after(delayMs: number, run: () => void, options?: { readonly unref?: boolean }): Timer
  /** Runs `run` once, after the callbacks that are already due in this turn of the event loop. */
  soon(run: () => void): void
}

// `setImmediate` is missing in browsers, where a zero timeout is the nearest thing.
const scheduleSoon: (run: () => void) => void =
  typeof setImmediate === 'function' ? (run) => void setImmediate(run) : (run) => void setTimeout(run, 0)

/** The platform's own clock, in Node and in browsers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, run, options) {
    const handle = setTimeout(run, delayMs)
    if (options?.unref === true && typeof handle === 'object') handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
  soon: scheduleSoon,
}

/** Whether `work` settles, either way, within `msMax`. It goes on in any case; nobody hears of it if it fails. */
export function settlesWithin(clock: Clock, msMax: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.after(msMax, () => resolve(false))
    const settled = (): void => {
      timer.cancel()
      resolve(true)
    }
    work.then(settled, settled)
  })
}

/** Resolves `delayMs` from now on the given clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve))
}

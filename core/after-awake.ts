// Waiting for somebody else's answer: a wait that a stop of our own process does not use up.
import type { Clock, Timer } from './clock.js'

/** A timer that runs later than due by more than this share of its delay was held up by our own process. */
const LATE_SHARE = 1 / 6
/** How often a late timer waits once more. A process that is always late must give somebody up in the end. */
const EXTRA_WAITS_MAX = 3

/**
 * As `clock.after`, for limits on what others take or answer. When our process stood still meanwhile (it was suspended, or busy), timers
 * run before sockets are read, so an answer may be there already: then it waits a sixth of the delay once more.
 */
export function afterAwake(clock: Clock, delayMs: number, run: () => void): Timer {
  let timer: Timer
  const wait = (ms: number, extraWaits: number): void => {
    const dueAt = clock.monotonic() + ms
    timer = clock.after(
      ms,
      () => {
        if (extraWaits < EXTRA_WAITS_MAX && clock.monotonic() - dueAt > delayMs * LATE_SHARE) wait(delayMs * LATE_SHARE, extraWaits + 1)
        else run()
      },
      { unref: true },
    )
  }
  wait(delayMs, 0)
  return { cancel: () => timer.cancel() }
}

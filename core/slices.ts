// Long computations in slices, so that what else the event loop has to do comes in between.
import type { Clock } from './clock.js'

/** A computation that stops now and then: what it does between two stops takes a millisecond or two. */
export type Sliced<Result> = Generator<void, Result, void>

const STOPS_PER_SLICE = 4
/** Code that has not run often yet takes several times as long between two stops. */
const SLICE_MS = 3

/** The whole computation at once. */
export function runAtOnce<Result>(computation: Sliced<Result>): Result {
  for (;;) {
    const { done, value } = computation.next()
    if (done === true) return value
  }
}

/**
 * A few stops' worth of it in each turn of the event loop. Rejects with what it throws; ends without a result, as null, once `abandoned`
 * says so.
 */
export function runInSlices<Result>(
  computation: Sliced<Result>,
  clock: Clock,
  abandoned: () => boolean = () => false,
): Promise<Result | null> {
  return new Promise((resolve, reject) => {
    const slice = (): void => {
      const endsAt = clock.monotonic() + SLICE_MS
      try {
        for (let stops = 0; stops < STOPS_PER_SLICE && (stops === 0 || clock.monotonic() < endsAt); stops++) {
          const step = abandoned() ? null : computation.next()
          if (step === null || step.done === true) {
            resolve(step === null ? null : (step.value as Result))
            return
          }
        }
        clock.soon(slice)
      } catch (thrown) {
        reject(thrown)
      }
    }
    slice()
  })
}

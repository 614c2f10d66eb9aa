// Requests that fail are made again, after longer and longer waits, until too much has failed.
import type { Clock, Timer } from '../../core/clock.js'

const waitMsMin = 50
const waitMsMax = 1_000
/** Without success for so long the connection counts as lost. */
const failingMsMax = 5_000

export class Retries {
  readonly #clock: Clock
  #waiting: { readonly timer: Timer; readonly end: () => void }[] = []
  #stopped = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Does it again and again until it says that it is done. Rejects with its last error once it has failed for too long since it last called `succeeded`. */
  async persist(once: (succeeded: () => void) => Promise<boolean>): Promise<void> {
    let failures = 0
    let failingSince: number | null = null
    const succeeded = (): void => {
      failures = 0
      failingSince = null
    }
    while (!this.#stopped) {
      try {
        if (await once(succeeded)) return
      } catch (error) {
        if (this.#stopped) return
        const now = this.#clock.monotonic()
        failingSince ??= now
        if (now - failingSince >= failingMsMax) throw error
        const waitMs = Math.min(waitMsMax, waitMsMin * 2 ** failures)
        failures += 1
        await new Promise<void>((end) => this.#waiting.push({ timer: this.#clock.after(waitMs, end), end }))
      }
    }
  }

  /** Nothing is done again. */
  stop(): void {
    this.#stopped = true
    for (const { timer, end } of this.#waiting.splice(0)) {
      timer.cancel()
      end()
    }
  }
}

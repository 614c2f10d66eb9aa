// How often, and how long, a session tries to attach to a document's owner.
import type { Clock } from '../../core/clock.js'
import { asWeftError, type WeftError } from '../../core/errors.js'
import type { Random } from '../../core/random.js'

export interface OwnerSearchOptions {
  readonly clock: Clock
  readonly random: Random
  /** Resolves after `delayMs`, or before that when who owns what may have changed. */
  readonly pause: (delayMs: number) => Promise<void>
}

const BACKOFF_MS_MIN = 20
const BACKOFF_MS_MAX = 500
/** An owner that held for this long was a good one: the next search starts without a pause. */
const HELD_MS_MIN = 1_000

export class OwnerSearch {
  readonly #options: OwnerSearchOptions
  /** Tries in a row that came to nothing, or to an owner that did not hold. */
  #failures = 0
  #foundAt = Number.NEGATIVE_INFINITY

  constructor(options: OwnerSearchOptions) {
    this.#options = options
  }

  found(): void {
    this.#foundAt = this.#options.clock.monotonic()
  }

  lost(): void {
    if (this.#options.clock.monotonic() - this.#foundAt >= HELD_MS_MIN) this.#failures = 0
    else this.#failures += 1
  }

  /**
   * Runs `attempt` until it resolves. Rejects with its last error once `msMax` are over, or with the first for which `mayHelp` is false.
   */
  async run(msMax: number, mayHelp: (error: WeftError) => boolean, attempt: () => Promise<void>): Promise<void> {
    const { clock, random, pause } = this.#options
    const deadline = clock.monotonic() + msMax
    for (;;) {
      if (this.#failures > 0) {
        const delayMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(this.#failures - 1, 10))
        await pause(delayMs * (0.5 + random.fraction() / 2))
      }
      try {
        await attempt()
        return
      } catch (thrown) {
        this.#failures += 1
        const error = asWeftError(thrown)
        if (!mayHelp(error) || clock.monotonic() >= deadline) throw error
      }
    }
  }
}

/** The owner is elsewhere now, or will be. */
export function isMove(error: WeftError): boolean {
  return error.code === 'owner-moved'
}

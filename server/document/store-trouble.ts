// What a failed commit says of the store: that it is away, that it does not take one document, or that it takes nothing any more.
import type { Clock } from '../../core/clock.js'
import { asWeftError, WeftError, type WeftErrorCode } from '../../core/errors.js'

/** Failures that are about what was asked rather than about a store that is away: repeating the batch as it is would fail in the same way. */
const refusals: ReadonlySet<WeftErrorCode> = new Set(['document-corrupt', 'store-refused', 'invalid-configuration', 'internal'])

/**
 * For how long a store may refuse every write before it is taken to have failed for good: an operator's step, or a server's passing
 * trouble, takes less.
 */
const REFUSED_MS_MAX = 30_000

export function isRefusal({ code }: WeftError): boolean {
  return refusals.has(code)
}

export class StoreTrouble {
  readonly #clock: Clock
  readonly #probe: () => Promise<void>
  /** Since when the store refuses everything that is asked of it, by the monotonic clock; null while it does not. */
  #refusedSince: number | null = null

  /** `probe`: as `DocumentStore.probe`. */
  constructor(clock: Clock, probe: () => Promise<void>) {
    this.#clock = clock
    this.#probe = probe
  }

  /** It took something. */
  over(): void {
    this.#refusedSince = null
  }

  /** Whether a store that took nothing of a batch takes anything at all. A document that is known to be corrupt needs no asking. */
  async judge(error: WeftError): Promise<'none' | 'passing' | 'fatal'> {
    if (error.code === 'document-corrupt') return 'none'
    const now = this.#clock.monotonic()
    try {
      await this.#probe()
      this.over()
      return 'none'
    } catch (thrown) {
      const answer = asWeftError(thrown)
      if (answer.code === 'store-failed') return 'fatal'
      // One that is away or full says nothing about later.
      if (!isRefusal(answer)) return 'passing'
      this.#refusedSince ??= now
      return now - this.#refusedSince >= REFUSED_MS_MAX ? 'fatal' : 'passing'
    }
  }
}

export function refusesEverything(cause: WeftError): WeftError {
  return new WeftError('store-failed', `The store has refused every write for ${REFUSED_MS_MAX / 1_000} s: ${cause.message}`, { cause })
}

// How long to wait before trying again: exponential with full jitter, so that clients which lost one server do not come back in step.
import type { Random } from '../core/random.js'

/** Bounds of the waits between attempts to connect: they double from one to the other, and each wait is a random part of its bound. */
export interface BackoffOptions {
  /** The upper bound of the first wait, in milliseconds. */
  readonly baseMs: number
  /** The upper bound of every wait, in milliseconds. */
  readonly capMs: number
}

export const defaultBackoff: BackoffOptions = { baseMs: 100, capMs: 30_000 }

export class Backoff {
  readonly #options: BackoffOptions
  readonly #random: Random
  #failures = 0

  constructor(options: BackoffOptions, random: Random) {
    this.#options = options
    this.#random = random
  }

  /** Counts one more failure and answers how long to wait: uniform in [0, min(cap, base · 2^failures)), in milliseconds. */
  next(): number {
    // 2^30 · 100 ms is years: past it the exponent only risks overflow.
    const bound = Math.min(this.#options.capMs, this.#options.baseMs * 2 ** Math.min(this.#failures, 30))
    this.#failures += 1
    return this.#random.fraction() * bound
  }

  /** A short wait that counts as no failure: for a server that announced its restart. */
  jitter(): number {
    return this.#random.fraction() * this.#options.baseMs
  }

  reset(): void {
    this.#failures = 0
  }
}

// Shows the server another token before the right that it had granted ends, so that the session goes on without a break.
import type { Clock, Timer } from '../core/clock.js'
import type { Logger } from '../core/log.js'
import { readToken, type TokenSource, tokenMsMax } from './options.js'

/** The last fifth of the time is for renewing, and never more than this. */
const AHEAD_MS_MAX = 60_000
const PAUSE_MS_MIN = 1_000
/** Timers of platforms count in 32 bits. What lasts longer is not renewed before. */
const TIMER_MS_MAX = 2 ** 31 - 1

export interface TokenRenewalOptions {
  readonly token: TokenSource
  readonly clock: Clock
  readonly logger: Logger
  /** Shows a token, if there is still somebody to show it to. */
  readonly show: (token: string) => void
}

export class TokenRenewal {
  readonly #options: TokenRenewalOptions
  #timer: Timer | null = null
  /** When the right ends, on the monotonic clock. */
  #endsAt = 0
  /** Counts what was asked for, so that only the last answer counts. */
  #asked = 0

  constructor(options: TokenRenewalOptions) {
    this.#options = options
  }

  /** The server said how long the right lasts. An application that gave one token for good has no other. */
  expires(inMs: number): void {
    this.stop()
    const { token, clock } = this.#options
    if (typeof token !== 'function' || inMs > TIMER_MS_MAX) return
    this.#endsAt = clock.monotonic() + inMs
    this.#askIn(Math.max(PAUSE_MS_MIN, inMs - Math.min(AHEAD_MS_MAX, inMs / 5)))
  }

  /** There is no session to renew for. Idempotent. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#asked += 1
  }

  #askIn(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => this.#ask())
  }

  #ask(): void {
    const { token, clock, logger, show } = this.#options
    this.#asked += 1
    const asked = this.#asked
    const failed = (error: unknown): void => {
      if (asked !== this.#asked) return
      logger.warn({ error }, 'The token for a document could not be renewed.')
      this.stop()
      const leftMs = this.#endsAt - clock.monotonic()
      // Afterwards the server ends the session, and the way back asks for a token too.
      if (leftMs > PAUSE_MS_MIN) this.#askIn(Math.max(PAUSE_MS_MIN, leftMs / 4))
    }
    this.#timer = clock.after(tokenMsMax, () => failed(new Error('The token could not be fetched in time.')))
    readToken(token).then((fresh) => {
      if (asked !== this.#asked) return
      this.stop()
      show(fresh)
    }, failed)
  }
}

// What a client may send in a second, over its connection and for each of its sessions: past it the connection is not read for as long as
// the excess takes, and one that goes on like that is closed. An honest paste, or the join of a large document, fits into what may come at
// once.
import type { Clock, Timer } from '../../core/clock.js'
import type { CounterName, Counters } from '../../core/counters.js'
import { WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import { fullAfter } from '../../core/rate.js'

/** So many seconds' worth may come at once. */
const BURST_S = 10
/** The shortest pause: many short ones would cost more than they are worth. */
const PAUSE_MS_MIN = 20
/** Whoever was read for so long without a pause has kept to its rates. */
const KEPT_MS = 5_000

const rateNames = ['messages', 'bytes', 'syncs', 'awareness', 'opens', 'requests'] as const
export type RateName = (typeof rateNames)[number]

const counterOf: Readonly<Record<RateName, CounterName>> = {
  messages: 'rates_exceeded_messages',
  bytes: 'rates_exceeded_bytes',
  syncs: 'rates_exceeded_syncs',
  awareness: 'rates_exceeded_awareness',
  opens: 'rates_exceeded_opens',
  requests: 'rates_exceeded_requests',
}

const inWords: Readonly<Record<RateName, string>> = {
  messages: 'messages',
  bytes: 'bytes',
  syncs: 'requests for the document',
  awareness: 'cursor messages',
  opens: 'requests to open documents',
  requests: 'requests without a message',
}

/** Whose rates they are. */
export interface RatesHost {
  readonly clock: Clock
  readonly limits: Limits
  /** Something came too fast; for so long nothing more should come. */
  tooFast(name: RateName, waitMs: number): void
}

/** Which limit says how much of something may come in a second; nothing for what is not bounded. */
type RateLimits = Readonly<Partial<Record<RateName, keyof Limits>>>

/** The rates of one connection, or of one session. */
export class Rates {
  readonly #host: RatesHost
  readonly #limits: RateLimits
  /** When everything that may come at once may come again, by the number of the rate; monotonic. Made at the first message: most clients are quiet. */
  #fullAt: number[] | null = null

  constructor(host: RatesHost, limits: RateLimits) {
    this.#host = host
    this.#limits = limits
  }

  /** A message came, with this many bytes. */
  message(bytes: number): void {
    const now = this.#host.clock.monotonic()
    this.#take('messages', 1, now)
    this.#take('bytes', bytes, now)
  }

  /** A message came that asks for more than its bytes show. */
  asked(name: 'syncs' | 'awareness' | 'opens'): void {
    this.#take(name, 1, this.#host.clock.monotonic())
  }

  /** A request came that brought no message. False: it came too fast. */
  requested(): boolean {
    return this.#take('requests', 1, this.#host.clock.monotonic())
  }

  /** Whether it keeps to the rate. */
  #take(name: RateName, amount: number, now: number): boolean {
    const limit = this.#limits[name]
    if (limit === undefined) return true
    const perSecond = this.#host.limits[limit]
    this.#fullAt ??= rateNames.map(() => 0)
    const index = rateNames.indexOf(name)
    const fullAt = fullAfter(this.#fullAt[index] ?? 0, amount, perSecond, now)
    this.#fullAt[index] = fullAt
    const waitMs = fullAt - now - BURST_S * 1000
    if (waitMs > 0) this.#host.tooFast(name, waitMs)
    return waitMs <= 0
  }
}

export const connectionRates = {
  messages: 'messagesPerSecondMax',
  bytes: 'bytesPerSecondMax',
  syncs: 'syncsPerSecondMax',
  awareness: 'awarenessPerSecondMax',
  opens: 'opensPerSecondMax',
  requests: 'requestsPerSecondMax',
} as const satisfies RateLimits

/** A session is opened once, and a request without a message is of no session. */
export const sessionRates = {
  messages: 'messagesPerSecondPerSessionMax',
  bytes: 'bytesPerSecondPerSessionMax',
  syncs: 'syncsPerSecondPerSessionMax',
  awareness: 'awarenessPerSecondPerSessionMax',
} as const satisfies RateLimits

export interface RatePauseOptions {
  readonly clock: Clock
  readonly counters: Counters
  readonly exceededMsMax: number
  /** The connection is to be read, or not, for the time being. */
  readonly hold: (held: boolean) => void
  /** A pause has begun that does not go on from the one before. */
  readonly began: (name: RateName) => void
  readonly goesOn: (error: WeftError) => void
}

/** One connection's pauses for what came too fast. */
export class RatePause {
  readonly #options: RatePauseOptions
  #timer: Timer | null = null
  #until = 0
  /** When the first of the pauses began that followed each other closely. */
  #since: number | null = null

  constructor(options: RatePauseOptions) {
    this.#options = options
  }

  exceeded(name: RateName, waitMs: number): void {
    const { clock, counters, exceededMsMax, hold, began, goesOn } = this.#options
    const now = clock.monotonic()
    if (this.#since === null || now - this.#until > KEPT_MS) {
      this.#since = now
      began(name)
    }
    const until = now + Math.max(waitMs, PAUSE_MS_MIN)
    if (now - this.#since > exceededMsMax) {
      counters.add('connections_too_fast')
      goesOn(
        new WeftError(
          'too-fast',
          `The connection has sent more ${inWords[name]} than this server takes, for longer than ${exceededMsMax} ms; send less, and connect again.`,
        ),
      )
      return
    }
    if (this.#timer === null) {
      counters.add(counterOf[name])
      hold(true)
    } else if (until <= this.#until) return
    this.#until = until
    this.#timer?.cancel()
    this.#timer = clock.after(until - now, () => {
      this.#timer = null
      hold(false)
    })
  }

  /** The connection is over. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }
}

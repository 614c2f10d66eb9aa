// What watches one connection: whether its other end is there, takes what it asked for, and sends no faster than it may.
import type { Clock } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import { Heartbeat, type HeartbeatOptions, type Traffic } from './heartbeat.js'
import { connectionRates, type RateName, RatePause, Rates, type RatesHost, sessionRates } from './rates.js'
import type { Socket } from './socket.js'
import { TransferWindows } from './transfer-windows.js'

export interface ConnectionWatchOptions {
  readonly id: number
  readonly socket: Socket
  readonly clock: Clock
  readonly limits: Limits
  readonly counters: Counters
  readonly logger: Logger
}

/** The connection that is watched. */
export interface WatchedConnection {
  readonly takenBytes: number
  readonly isReadingHeld: boolean
  /** Whether what comes too fast is held back: not once nothing more is to come. */
  readonly isPaced: boolean
  holdReading(): void
  releaseReading(): void
  fail(error: WeftError): void
}

/** Of the pings that drivers ask for; transfers count up from 1. */
const IN_ORDER_MARK = 2 ** 32 - 1

export class ConnectionWatch implements HeartbeatOptions, RatesHost {
  readonly heartbeat: Heartbeat
  /** What it may send in a second. */
  readonly rates: Rates
  readonly #options: ConnectionWatchOptions
  readonly #connection: WatchedConnection
  /** Made when they are needed: most connections carry nothing large, and keep to their rates. */
  #windows: TransferWindows | null = null
  #ratePause: RatePause | null = null

  constructor(options: ConnectionWatchOptions, connection: WatchedConnection) {
    this.#options = options
    this.#connection = connection
    this.rates = new Rates(this, connectionRates)
    this.heartbeat = new Heartbeat(this)
  }

  /** What is under way of large transfers. */
  get windows(): TransferWindows {
    this.#windows ??= this.#newWindows()
    return this.#windows
  }

  /** See `Connection`. */
  pingInOrder(): void {
    this.#options.socket.ping(IN_ORDER_MARK)
  }

  /** A pong came; says whether it answers `pingInOrder`. */
  pong(mark: number): 'in-order' | 'taken' {
    this.heartbeat.heard()
    if (mark === IN_ORDER_MARK) return 'in-order'
    if (mark > 0) this.#windows?.confirmed(mark)
    return 'taken'
  }

  /** What one of its sessions may send in a second. */
  ratesOfSession(): Rates {
    return new Rates(this, sessionRates)
  }

  /** Watches no more. Idempotent. */
  stop(): void {
    this.heartbeat.stop()
    this.#ratePause?.stop()
    this.#windows?.stop()
  }

  // For its parts.

  get clock(): Clock {
    return this.#options.clock
  }

  get limits(): Limits {
    return this.#options.limits
  }

  get pingPeriodMs(): number {
    return this.#options.limits.pingPeriodMs
  }

  get pongMsMax(): number {
    return this.#options.limits.pongMsMax
  }

  ping(): void {
    this.#options.socket.ping()
  }

  traffic(): Traffic {
    return { waiting: this.#options.socket.bufferedBytes, taken: this.#connection.takenBytes }
  }

  silent(): void {
    const { id, socket, counters, logger } = this.#options
    counters.add('connections_timed_out')
    logger.info({ connection: id }, 'the client no longer answers pings; dropping the connection')
    socket.terminate()
  }

  /** What the socket had delivered already waits, so this paces what is handled. */
  tooFast(name: RateName, waitMs: number): void {
    if (!this.#connection.isPaced) return
    this.#ratePause ??= this.#newRatePause()
    this.#ratePause.exceeded(name, waitMs)
  }

  #newRatePause(): RatePause {
    const { id, clock, limits, counters, logger } = this.#options
    return new RatePause({
      clock,
      counters,
      exceededMsMax: limits.rateExceededMsMax,
      hold: (held) => (held ? this.#connection.holdReading() : this.#connection.releaseReading()),
      began: (rate) => logger.info({ connection: id, rate }, 'a client sends faster than it may; it is read in pauses'),
      goesOn: (error) => this.#connection.fail(error),
    })
  }

  #newWindows(): TransferWindows {
    const { socket, clock, limits, counters } = this.#options
    return new TransferWindows({
      clock,
      stalledMsMax: limits.laggingMsMax,
      pingPeriodMs: limits.pingPeriodMs,
      ping: (mark) => socket.ping(mark),
      mayHear: () => !this.#connection.isReadingHeld,
      stalled: () => {
        counters.add('sessions_too_slow')
        this.#connection.fail(new WeftError('too-slow', 'The connection takes nothing of what was asked for; connect again to go on.'))
      },
    })
  }
}

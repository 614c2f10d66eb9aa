// What watches one connection: whether its other end is there, takes what it asked for, and sends no faster than it may.
import type { Clock } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import { Heartbeat } from './heartbeat.js'
import { connectionRates, type RateName, RatePause, Rates, sessionRates } from './rates.js'
import type { Socket } from './socket.js'
import { TransferWindows } from './transfer-windows.js'

export interface ConnectionWatchOptions {
  readonly id: number
  readonly socket: Socket
  readonly clock: Clock
  readonly limits: Limits
  readonly counters: Counters
  readonly logger: Logger
  readonly takenBytes: () => number
  readonly isReadingHeld: () => boolean
  /** Whether what comes too fast is held back: not once nothing more is to come. */
  readonly paces: () => boolean
  readonly holdReading: (held: boolean) => void
  readonly failed: (error: WeftError) => void
}

export class ConnectionWatch {
  readonly heartbeat: Heartbeat
  /** What is under way of large transfers. */
  readonly windows: TransferWindows
  /** What it may send in a second. */
  readonly rates: Rates
  readonly #options: ConnectionWatchOptions
  readonly #ratePause: RatePause

  constructor(options: ConnectionWatchOptions) {
    this.#options = options
    const { id, socket, clock, limits, counters, logger, failed } = options
    this.#ratePause = new RatePause({
      clock,
      counters,
      exceededMsMax: limits.rateExceededMsMax,
      hold: options.holdReading,
      began: (rate) => logger.info({ connection: id, rate }, 'a client sends faster than it may; it is read in pauses'),
      goesOn: failed,
    })
    this.rates = new Rates(clock, connectionRates(limits), (name, waitMs) => this.#tooFast(name, waitMs))
    this.windows = new TransferWindows({
      clock,
      stalledMsMax: limits.laggingMsMax,
      pingPeriodMs: limits.pingPeriodMs,
      ping: (mark) => socket.ping(mark),
      mayHear: () => !options.isReadingHeld(),
      stalled: () => {
        counters.add('sessions_too_slow')
        failed(new WeftError('too-slow', 'The connection takes nothing of what was asked for; connect again to go on.'))
      },
    })
    this.heartbeat = new Heartbeat({
      clock,
      pingPeriodMs: limits.pingPeriodMs,
      pongMsMax: limits.pongMsMax,
      ping: () => socket.ping(),
      traffic: () => ({ waiting: socket.bufferedBytes, taken: options.takenBytes() }),
      silent: () => {
        counters.add('connections_timed_out')
        logger.info({ connection: id }, 'the client no longer answers pings; dropping the connection')
        socket.terminate()
      },
    })
  }

  /** What one of its sessions may send in a second. */
  ratesOfSession(): Rates {
    const { clock, limits } = this.#options
    return new Rates(clock, sessionRates(limits), (name, waitMs) => this.#tooFast(name, waitMs))
  }

  /** Watches no more. Idempotent. */
  stop(): void {
    this.heartbeat.stop()
    this.#ratePause.stop()
    this.windows.stop()
  }

  /** What the socket had delivered already waits, so this paces what is handled. */
  #tooFast(name: RateName, waitMs: number): void {
    if (this.#options.paces()) this.#ratePause.exceeded(name, waitMs)
  }
}

// Keeps stock providers from closing a quiet connection: they do so when they have seen no message for 30 s.
import type { Clock } from '../../../core/clock.js'
import { SharedTimer, type SharedTimerHost } from '../../../core/shared-timers.js'
import type { Connection } from '../../transport/connection.js'

export interface KeepAliveOptions {
  readonly clock: Clock
  readonly silenceMsMax: number
  readonly connection: Pick<Connection, 'lastSentAt'>
}

/** Who speaks over the connection. */
export interface KeepAliveSpeaker {
  /** Sends a message that changes nothing, if one can be sent. */
  sendKeepAlive(): void
}

export class KeepAlive implements SharedTimerHost {
  readonly #options: KeepAliveOptions
  readonly #speaker: KeepAliveSpeaker
  readonly #timer: SharedTimer

  constructor(options: KeepAliveOptions, speaker: KeepAliveSpeaker) {
    this.#options = options
    this.#speaker = speaker
    this.#timer = new SharedTimer(options.clock, this)
  }

  start(): void {
    this.#timer.set(this.#options.silenceMsMax)
  }

  /** Idempotent. */
  stop(): void {
    this.#timer.cancel()
  }

  /** A message is due, unless others went out; for its timer. */
  due(): void {
    const { clock, silenceMsMax, connection } = this.#options
    const silentMs = clock.monotonic() - connection.lastSentAt
    if (silentMs >= silenceMsMax) this.#speaker.sendKeepAlive()
    this.#timer.set(Math.max(silenceMsMax - silentMs, 0) || silenceMsMax)
  }
}

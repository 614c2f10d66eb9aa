// Keeps Hocuspocus' provider from closing a quiet connection: it does so when it has seen no message for 30 s.
import type { Clock } from '../../../core/clock.js'
import { SharedTimer, type SharedTimerHost } from '../../../core/shared-timers.js'
import { encodeHocuspocus } from '../../../protocol/dialects/hocuspocus.js'
import type { Message } from '../../transport/outbox.js'

export interface KeepAliveOptions {
  readonly clock: Clock
  readonly silenceMsMax: number
  /** Monotonic time of the last message that was sent. */
  readonly lastSentAt: () => number
  /** An address that is open, and how a message is sent there unless its client lags; null if none is. */
  readonly open: () => { readonly address: string; send(message: Message): void } | null
}

/** An awareness update without entries: it changes nothing, and every version of the provider knows it. */
const noAwareness = Uint8Array.of(0)

export class HocuspocusKeepAlive implements SharedTimerHost {
  readonly #options: KeepAliveOptions
  readonly #timer: SharedTimer

  constructor(options: KeepAliveOptions) {
    this.#options = options
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
    const { clock, silenceMsMax, lastSentAt, open } = this.#options
    const silentMs = clock.monotonic() - lastSentAt()
    const one = silentMs >= silenceMsMax ? open() : null
    one?.send(encodeHocuspocus(one.address, { type: 'awareness', update: noAwareness }))
    this.#timer.set(Math.max(silenceMsMax - silentMs, 0) || silenceMsMax)
  }
}

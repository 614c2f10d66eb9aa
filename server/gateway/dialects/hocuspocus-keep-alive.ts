// Keeps Hocuspocus' provider from closing a quiet connection: it does so when it has seen no message for 30 s.
import type { Clock, Timer } from '../../../core/clock.js'
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

export class HocuspocusKeepAlive {
  readonly #options: KeepAliveOptions
  #timer: Timer | null = null

  constructor(options: KeepAliveOptions) {
    this.#options = options
  }

  start(): void {
    this.#lookAfter(this.#options.silenceMsMax)
  }

  /** Idempotent. */
  stop(): void {
    this.#timer?.cancel()
  }

  #lookAfter(delayMs: number): void {
    const { clock, silenceMsMax, lastSentAt, open } = this.#options
    const look = (): void => {
      const silentMs = clock.monotonic() - lastSentAt()
      const one = silentMs >= silenceMsMax ? open() : null
      one?.send(encodeHocuspocus(one.address, { type: 'awareness', update: noAwareness }))
      this.#lookAfter(Math.max(silenceMsMax - silentMs, 0) || silenceMsMax)
    }
    this.#timer = clock.after(delayMs, look, { unref: true })
  }
}

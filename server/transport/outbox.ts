// A session's bounded send queue. It counts bytes: above the high mark the session is lagging and must send nothing new but what it cannot
// leave out; below the low mark it may be brought up to date. A session that lags without progress for too long is given up (G2).
import { afterAwake } from '../../core/after-awake.js'
import type { Clock, Timer } from '../../core/clock.js'

/** One message, as buffers in a row. */
export type Message = readonly Uint8Array[]

/** The connection under an outbox, which several outboxes may share. */
export interface OutboxCarrier {
  send(message: Message, onSent: () => void): void
  /** Bytes of all outboxes of this connection that the network has not taken yet. */
  readonly waitingBytes: number
  /** Bytes that the network has ever taken. */
  readonly takenBytes: number
  /** Calls `run` once, when `waitingBytes` has fallen to `bytes` or less. */
  whenWaitingAtMost(bytes: number, run: () => void): void
}

export interface OutboxOptions {
  readonly clock: Clock
  readonly carrier: OutboxCarrier
  readonly limits: { readonly outboxBytesHigh: number; readonly outboxBytesLow: number; readonly laggingMsMax: number }
  /** The high mark was passed. */
  lagging(): void
  /** The low mark was reached after `lagging`. */
  drained(): void
  /** No progress for `laggingMsMax` while lagging, or far above the high mark. Called at most once; the outbox is closed. */
  tooSlow(): void
}

type OutboxState =
  | { readonly kind: 'flowing' }
  | { readonly kind: 'lagging'; readonly timer: Timer; readonly takenBytes: number; readonly progressAt: number }
  | { readonly kind: 'closed' }

/** All sessions of one connection together may hold this many times the high mark before they count as lagging. */
const CONNECTION_SHARE = 4
/** Past this many high marks of messages that may not be left out (refusals), the session is given up at once. */
const OVERFLOW_FACTOR = 4
/** How many times within `laggingMsMax` progress is looked for. */
const PROGRESS_CHECKS = 6

export class Outbox {
  readonly #options: OutboxOptions
  #state: OutboxState = { kind: 'flowing' }
  #ownBytes = 0
  /** Own bytes that were sent while lagging. */
  #extraBytes = 0

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  get isLagging(): boolean {
    return this.#state.kind === 'lagging'
  }

  /** Sends a message, also while lagging: what may be left out then, the session leaves out. */
  send(message: Message): void {
    if (this.#state.kind === 'closed') return
    let length = 0
    for (const part of message) length += part.length
    this.#ownBytes += length
    if (this.#state.kind === 'lagging') this.#extraBytes += length
    this.#options.carrier.send(message, () => {
      this.#ownBytes -= length
      this.#sent()
    })
    this.#check()
  }

  /** Looks at the marks without sending: whether the session may be brought up to date now. */
  check(): void {
    this.#check()
  }

  close(): void {
    if (this.#state.kind === 'lagging') this.#state.timer.cancel()
    this.#state = { kind: 'closed' }
  }

  #check(): void {
    const { limits, carrier } = this.#options
    switch (this.#state.kind) {
      case 'closed':
        return
      case 'lagging':
        if (this.#extraBytes > limits.outboxBytesHigh * OVERFLOW_FACTOR) this.#giveUp()
        return
      case 'flowing':
        if (this.#ownBytes <= limits.outboxBytesHigh && carrier.waitingBytes <= limits.outboxBytesHigh * CONNECTION_SHARE) return
        this.#extraBytes = 0
        this.#watch(carrier.takenBytes, this.#options.clock.monotonic())
        this.#awaitRoom()
        this.#options.lagging()
    }
  }

  #awaitRoom(): void {
    const { limits, carrier } = this.#options
    carrier.whenWaitingAtMost(limits.outboxBytesLow * CONNECTION_SHARE, () => this.#sent())
  }

  #sent(): void {
    if (this.#state.kind !== 'lagging') return
    const { limits, carrier } = this.#options
    if (this.#ownBytes > limits.outboxBytesLow) return
    if (carrier.waitingBytes > limits.outboxBytesLow * CONNECTION_SHARE) {
      this.#awaitRoom()
      return
    }
    this.#state.timer.cancel()
    this.#state = { kind: 'flowing' }
    this.#options.drained()
  }

  #watch(takenBytes: number, progressAt: number): void {
    const { clock, limits, carrier } = this.#options
    const timer = afterAwake(clock, limits.laggingMsMax / PROGRESS_CHECKS, () => {
      const now = clock.monotonic()
      if (carrier.takenBytes > takenBytes) this.#watch(carrier.takenBytes, now)
      else if (now - progressAt >= limits.laggingMsMax) this.#giveUp()
      else this.#watch(takenBytes, progressAt)
    })
    this.#state = { kind: 'lagging', timer, takenBytes, progressAt }
  }

  #giveUp(): void {
    this.close()
    this.#options.tooSlow()
  }
}

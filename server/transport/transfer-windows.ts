// How much of large transfers may be under way on one connection: a piece follows when an earlier one has been confirmed by a pong, and its
// size follows how long that took. So what the kernel holds in front of pings, acknowledgements and cursors stays short in time, whatever
// the link carries.
import { afterAwake } from '../../core/after-awake.js'
import type { Clock, Timer } from '../../core/clock.js'

const KiB = 1024
const FIRST_BYTES = 8 * KiB
const BYTES_MIN = 4 * KiB
/** Pieces under way at once, so that the link does not idle for a round trip between two. */
const IN_FLIGHT_MAX = 2
/** A piece is halved when it took so many times as long as a fast one may. */
const SLOW_FACTOR = 4
/** A piece that took so much less than a fast one may is followed by one of eight times its size: there are few steps on a fast network. */
const VERY_FAST_FACTOR = 10
/** How many times `stalledMsMax` a large piece may take that was sent before the link became slow. */
const PATIENCE_MAX = 10

export interface TransferWindowsOptions {
  readonly clock: Clock
  /** Without a confirmation for so long, for each 4 KiB that are under way, the client does not take anything. */
  readonly stalledMsMax: number
  /** What the heartbeat waits: pieces are to take a small part of it. */
  readonly pingPeriodMs: number
  /** Sends a ping that comes back with this mark. */
  ping(mark: number): void
  /** False while pongs are not read. */
  mayHear(): boolean
  /** The client takes nothing. */
  stalled(): void
}

interface Window {
  readonly mark: number
  readonly bytes: number
  readonly sentAt: number
  readonly fastMs: number
}

export class TransferWindows {
  readonly #options: TransferWindowsOptions
  #bytes = FIRST_BYTES
  #inFlight: Window[] = []
  #lastMark = 0
  #waiting: (() => void)[] = []
  #timer: Timer | null = null

  constructor(options: TransferWindowsOptions) {
    this.#options = options
  }

  /** About how many bytes the next piece may have, or 0: then wait for room. */
  get room(): number {
    const most = this.#bytes > BYTES_MIN ? IN_FLIGHT_MAX : 1
    return this.#inFlight.length < most ? this.#bytes : 0
  }

  /** Bytes that were sent and are not confirmed. */
  get inFlightBytes(): number {
    return this.#inFlight.reduce((sum, window) => sum + window.bytes, 0)
  }

  /** A piece was sent. Pieces grow while they are confirmed within this share of the ping period. */
  sent(bytes: number, fastShare: number): void {
    const { clock, ping, pingPeriodMs } = this.#options
    const fastMs = pingPeriodMs * fastShare
    const mark = ++this.#lastMark
    this.#inFlight.push({ mark, bytes, sentAt: clock.monotonic(), fastMs })
    ping(mark)
    if (this.#timer === null) this.#watch()
  }

  /** Calls `run` once, when there is room. Those who wait take turns. */
  whenRoom(run: () => void): void {
    this.#waiting.push(run)
  }

  /** The pong with this mark has come: what was sent before its ping has arrived. */
  confirmed(mark: number): void {
    const confirmed = this.#inFlight.filter((window) => window.mark <= mark)
    const last = confirmed.at(-1)
    if (last === undefined) return
    this.#inFlight = this.#inFlight.slice(confirmed.length)
    const tookMs = this.#options.clock.monotonic() - last.sentAt
    // A piece that was smaller than it might have been says nothing about how much the link takes.
    if (tookMs <= last.fastMs && last.bytes * 2 >= this.#bytes) this.#bytes *= tookMs * VERY_FAST_FACTOR <= last.fastMs ? 8 : 2
    else if (tookMs > last.fastMs * SLOW_FACTOR) this.#bytes = Math.max(BYTES_MIN, this.#bytes / 2)
    this.#timer?.cancel()
    this.#timer = null
    if (this.#inFlight.length > 0) this.#watch()
    const waiting = this.#waiting
    this.#waiting = []
    for (const run of waiting) {
      if (this.room > 0) run()
      else this.#waiting.push(run)
    }
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#inFlight = []
    this.#waiting = []
  }

  #watch(): void {
    const { clock, stalledMsMax, mayHear, stalled } = this.#options
    const patience = Math.min(PATIENCE_MAX, Math.max(1, this.inFlightBytes / BYTES_MIN))
    this.#timer = afterAwake(clock, stalledMsMax * patience, () => {
      if (mayHear()) stalled()
      else this.#watch()
    })
  }
}

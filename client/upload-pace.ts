// How much of what is submitted may be on its way over one socket, for all its documents together: little at first, twice as much whenever
// the link proves fast, half when it proves slow. So a slow link is never so full that pings, cursors and other documents' edits wait for
// long, and a browser's buffer does not fill with megabytes. What has arrived is known from the answers to pings that are sent behind it.
import type { Clock } from '../core/clock.js'

const KiB = 1024

/** What may be on its way before anything is known of the link, and what a slow link gets. */
export const windowBytesStart = 16 * KiB
const windowBytesMin = 4 * KiB
const windowBytesMax = 1024 * KiB
const messageBytesMax = 256 * KiB
/**
 * An answer that came this much later than the fastest lets the window grow, or shrink. So much, about, others wait behind what is under
 * way.
 */
const fastMsMax = 500
const slowMsMin = 2_000
/** The fastest answer on a link over satellites; a later one was late. */
const distanceMsMax = 1_000

/** A ping: what was sent before it, when it was sent, and whether the window was in use then. */
interface Asked {
  readonly sentBytes: number
  readonly at: number
  readonly wasBusy: boolean
}

export class UploadPace {
  readonly #clock: Clock
  readonly #ping: () => void
  #windowBytes = windowBytesStart
  #sentBytes = 0
  #arrivedBytes = 0
  /** The pings that were not answered yet, oldest first: each is, in order. */
  readonly #asked: Asked[] = []
  /** The fastest answer so far. */
  #distanceMs = distanceMsMax
  #waiting: (() => void)[] = []

  /** `ping` sends a ping; its answer is told by `answered`. */
  constructor(clock: Clock, ping: () => void) {
    this.#clock = clock
    this.#ping = ping
  }

  /** What was sent and may not have arrived. */
  get underWayBytes(): number {
    return this.#sentBytes - this.#arrivedBytes
  }

  /**
   * What is known of the link: `fast` when it has answered in time with more under way than an unknown one is given, `slow` when it was
   * late with that.
   */
  get link(): 'unknown' | 'fast' | 'slow' {
    if (this.#windowBytes === windowBytesStart) return 'unknown'
    return this.#windowBytes > windowBytesStart ? 'fast' : 'slow'
  }

  /** How large the next message may be; 0 when it has to wait for `whenRoom`. */
  get room(): number {
    const free = this.#windowBytes - this.underWayBytes
    // Not every byte that becomes free is worth a message.
    return free < this.#windowBytes / 4 ? 0 : Math.min(free, this.#windowBytes / 2, messageBytesMax)
  }

  /** Runs `run` once there is room: whoever waits longest comes first. */
  whenRoom(run: () => void): void {
    this.#waiting.push(run)
  }

  sent(bytes: number): void {
    this.#sentBytes += bytes
    this.#askIfBusy()
  }

  /** Sends a ping, for whatever reason. */
  ask(): void {
    this.#asked.push({ sentBytes: this.#sentBytes, at: this.#clock.monotonic(), wasBusy: this.#isBusy() })
    this.#ping()
  }

  /** A ping was answered. */
  answered(): void {
    const asked = this.#asked.shift()
    if (asked === undefined) return
    this.#arrivedBytes = asked.sentBytes
    const tookMs = this.#clock.monotonic() - asked.at
    this.#distanceMs = Math.min(this.#distanceMs, tookMs)
    const lateMs = tookMs - this.#distanceMs
    if (lateMs > slowMsMin) this.#windowBytes = Math.max(windowBytesMin, this.#windowBytes / 2)
    else if (lateMs <= fastMsMax && asked.wasBusy) this.#windowBytes = Math.min(windowBytesMax, this.#windowBytes * 2)
    this.#askIfBusy()
    while (this.room > 0) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      next()
    }
  }

  #isBusy(): boolean {
    return this.underWayBytes >= this.#windowBytes / 2
  }

  #askIfBusy(): void {
    if (this.#asked.length === 0 && this.#isBusy()) this.ask()
  }
}

// Finds out that a server is gone: it is asked after a period of silence, and given up when no sign of life comes in time.
import type { Clock, Timer } from '../core/clock.js'
import { readBytesOf, type WebSocketLike } from './transports/web-socket.js'
import { type UploadPace, windowBytesStart } from './upload-pace.js'

/** When something outside suggests that the network changed, silence is believed sooner. */
const probeMsMax = 5_000
/** A link that moves so many bytes in each ping period is alive (G9), though nothing whole arrives meanwhile. */
const periodBytesMin = 4 * 1024
/** What a server sends in one message while it does not know that the link is fast. */
const unprovenBytesMax = 16 * 1024

export interface SilenceWatchOptions {
  readonly clock: Clock
  readonly socket: WebSocketLike
  /** Sends the pings, and knows how fast the link is. */
  readonly pace: UploadPace
  /** How long an answer may take where nothing else is under way. */
  readonly answerMsMax: number
  /** Whether the server is to send a document, or what is left of one. */
  readonly isOwed: () => boolean
  /** The server is gone. Called at most once. */
  readonly silent: () => void
}

export class SilenceWatch {
  readonly #options: SilenceWatchOptions
  #pingPeriodMs = 0
  #receivedAt = 0
  #readBytes = 0
  #sentBytes = 0
  #timer: Timer | null = null
  /** A ping is under way, and nothing whole has arrived since. */
  #awaitsAnswer = false

  constructor(options: SilenceWatchOptions) {
    this.#options = options
  }

  start(pingPeriodMs: number): void {
    this.#pingPeriodMs = pingPeriodMs
    this.#receivedAt = this.#options.clock.monotonic()
    this.#awaitSilence()
  }

  /** A whole message arrived. */
  heard(): void {
    this.#receivedAt = this.#options.clock.monotonic()
    // The period of silence starts anew now, and not when the time for the answer would have been over: that may be much longer.
    if (this.#awaitsAnswer) this.#awaitSilence()
  }

  /** So many bytes were handed to the socket. */
  sent(bytes: number): void {
    this.#sentBytes += bytes
  }

  /** Asks for a sign of life now, and believes in silence soon. */
  probe(): void {
    this.#ping(Math.min(probeMsMax, this.#options.answerMsMax))
  }

  stop(): void {
    this.#awaitsAnswer = false
    this.#timer?.cancel()
  }

  /** Rearms the timer for the moment at which nothing will have been received for a whole period. */
  #awaitSilence(): void {
    this.stop()
    this.#timer = this.#options.clock.after(Math.max(0, this.#pingPeriodMs - this.#silentMs()), () => {
      if (this.#silentMs() < this.#pingPeriodMs) this.#awaitSilence()
      else this.#ping(this.#options.answerMsMax)
    })
  }

  /** An answer behind a transfer takes as long as that, and then as long as one may take without. */
  #ping(answerMsMax: number): void {
    const transferMs = this.#transferMs()
    this.#options.pace.ask()
    this.#awaitAnswer(transferMs > 0 ? transferMs + this.#options.answerMsMax : answerMsMax)
  }

  #awaitAnswer(answerMsMax: number): void {
    const receivedBefore = this.#receivedAt
    const waitingBefore = this.#waitingBytes()
    const takenBefore = this.#sentBytes - waitingBefore
    this.stop()
    this.#awaitsAnswer = true
    this.#timer = this.#options.clock.after(answerMsMax, () => {
      const waiting = this.#waitingBytes()
      this.#silentMs()
      // Bytes of a message that is not whole yet.
      if (this.#receivedAt !== receivedBefore) this.#awaitSilence()
      // The ping is behind data that the network is still taking.
      else if (waitingBefore > 0 && waiting > 0 && this.#sentBytes - waiting > takenBefore) this.#awaitAnswer(answerMsMax)
      else this.#options.silent()
    })
  }

  /** How long nothing was received. Some sockets tell of bytes before a message is whole. */
  #silentMs(): number {
    const now = this.#options.clock.monotonic()
    const readBytes = readBytesOf(this.#options.socket) ?? 0
    if (readBytes !== this.#readBytes) this.#receivedAt = now
    this.#readBytes = readBytes
    return now - this.#receivedAt
  }

  #waitingBytes(): number {
    return this.#options.socket.bufferedAmount ?? 0
  }

  /** How long a transfer that is under way may keep anything whole from coming, on a link of which nothing better is known. */
  #transferMs(): number {
    const { pace, socket, isOwed } = this.#options
    const { link, underWayBytes } = pace
    const up = link === 'fast' ? 0 : Math.min(underWayBytes, windowBytesStart)
    const owed = (isOwed() || link === 'slow') && readBytesOf(socket) === null
    const down = owed ? unprovenBytesMax : 0
    return (this.#pingPeriodMs * (up + down)) / periodBytesMin
  }
}

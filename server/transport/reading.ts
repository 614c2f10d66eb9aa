// What one connection reads: the socket is paused while a session holds it or something waits, and what came waits for its turn of the event loop.
import type { Counters } from '../../core/counters.js'
import { FairInbox, type InboxEvents, type LoopShare } from './fair-inbox.js'
import type { Socket } from './socket.js'

export interface ReadingOptions {
  readonly socket: Socket
  readonly share: LoopShare
  readonly counters: Counters
  /** See `ConnectionOptions`. */
  readonly mayHoldReading: boolean
}

/** The connection that reads. */
export interface ReadingConnection {
  readonly isOpen: boolean
  /** Its turn has come; null: a text message. Must not throw. */
  handle(message: Uint8Array | null): void
  /** The socket is not read any more, or again: while it is not, its silence says nothing. */
  readingHeld(held: boolean): void
  /** Nothing waits any more. */
  readingEmptied(): void
}

/** Behind less than this there is nothing more, as a rule. */
const LARGE_READ_BYTES = 16 * 1024

export class Reading implements InboxEvents {
  readonly #options: ReadingOptions
  readonly #connection: ReadingConnection
  readonly #inbox: FairInbox
  #holds = 0
  /** The present turn has taken in enough. */
  #pausing = false
  /** Whether the driver has as much under way as it wants. */
  #handlingHeld = false
  /** Whether what was received is handled however much the documents have. */
  #everything = false
  #waiters: (() => void)[] = []

  constructor(options: ReadingOptions, connection: ReadingConnection) {
    this.#options = options
    this.#connection = connection
    this.#inbox = new FairInbox(options.share, this)
  }

  get isHeld(): boolean {
    return this.#holds > 0
  }

  /** Whether everything that was received is handled now, since nothing more is to come. */
  get isEnding(): boolean {
    return this.#everything
  }

  get isEmpty(): boolean {
    return this.#inbox.isEmpty
  }

  /** So many bytes came. What is behind them waits in the network for the next turn if this one has taken in enough. */
  received(bytes: number): void {
    if (this.#pausing || bytes < LARGE_READ_BYTES || this.#options.share.takesIn(bytes)) return
    this.#pausing = true
    this.#updateSocket()
    this.#options.share.nextTurn(() => {
      this.#pausing = false
      this.#updateSocket()
    })
  }

  receive(data: Uint8Array | null): void {
    this.#inbox.receive(data)
  }

  /** Stops reading until as many `release` have followed; what the socket had delivered already waits, too. */
  hold(): void {
    this.#holds++
    const { mayHoldReading, counters } = this.#options
    if (this.#holds > 1 || !mayHoldReading || !this.#connection.isOpen) return
    counters.add('reads_held')
    this.#updateHandling()
    this.#updateSocket()
    this.#connection.readingHeld(true)
  }

  release(): void {
    this.#holds--
    if (this.#holds > 0 || !this.#options.mayHoldReading) return
    this.#updateHandling()
    if (!this.#connection.isOpen) return
    this.#updateSocket()
    this.#connection.readingHeld(false)
  }

  /** Handles nothing more until `releaseHandling`; then what came meanwhile is handled, in order. */
  holdHandling(): void {
    this.#handlingHeld = true
    this.#updateHandling()
  }

  releaseHandling(): void {
    this.#handlingHeld = false
    this.#updateHandling()
  }

  /** Nothing more is to come: what was received is handled, whoever holds the reading. */
  end(): void {
    this.#everything = true
    this.#updateHandling()
  }

  /** Drops what waits and is not worth handling: `choose` answers what is, or null for all of it, if anything waits. */
  keep(choose: (waiting: readonly Uint8Array[]) => ((message: Uint8Array) => boolean) | null): void {
    const counts = this.#inbox.isEmpty ? null : choose(this.#inbox.waiting)
    if (counts !== null) this.#inbox.keep(counts)
  }

  /** Drops all that waits. */
  clear(): void {
    this.#inbox.clear()
  }

  whenEmpty(run: () => void): void {
    if (this.#inbox.isEmpty) run()
    else this.#waiters.push(run)
  }

  /** Tells those who wait for it that nothing waits any more. */
  tellEmpty(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const run of waiters) run()
    this.#connection.readingEmptied()
  }

  // What the inbox says.

  handle(message: Uint8Array | null): void {
    this.#connection.handle(message)
  }

  full(): void {
    this.#updateSocket()
  }

  emptied(): void {
    this.#updateSocket()
    this.tellEmpty()
  }

  #updateHandling(): void {
    const waitsForDocument = this.#holds > 0 && this.#options.mayHoldReading && !this.#everything
    if (this.#handlingHeld || waitsForDocument) this.#inbox.hold()
    else this.#inbox.release()
  }

  #updateSocket(): void {
    const { socket, mayHoldReading } = this.#options
    if (!this.#connection.isOpen || !mayHoldReading) return
    if (this.#holds > 0 || this.#pausing || !this.#inbox.isEmpty) socket.pause()
    else socket.resume()
  }
}

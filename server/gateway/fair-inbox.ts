// Shares the event loop among connections: what one connection may have handled in one turn of the loop is bounded in time, and the rest waits for the next
// turns, so that a client that sends without pause does not make all others wait (G7). A socket hands over up to megabytes in one turn.
import type { Clock } from '../../core/clock.js'

/** What all connections with something waiting may take of one turn together. */
const TURN_MS = 8
/** Bounds of one connection's part of it. */
const SLICE_MS_MAX = 2
const SLICE_MS_MIN = 0.25

/** What the inboxes of a process share. */
export class LoopShare {
  readonly clock: Clock
  /** Inboxes in which something waits. */
  #waiting = 0
  #turn = 0
  #turnEnds: 'unseen' | 'awaited' = 'unseen'

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Names the present turn of the event loop. */
  get turn(): number {
    if (this.#turnEnds === 'unseen') {
      this.#turnEnds = 'awaited'
      this.clock.soon(() => {
        this.#turnEnds = 'unseen'
        this.#turn += 1
      })
    }
    return this.#turn
  }

  /** Milliseconds that one connection may take in one turn. */
  get sliceMs(): number {
    return Math.min(SLICE_MS_MAX, Math.max(SLICE_MS_MIN, TURN_MS / Math.max(1, this.#waiting)))
  }

  addWaiting(count: 1 | -1): void {
    this.#waiting += count
  }
}

type Work = () => void

export interface InboxEvents {
  /** Something waits: stop reading from the socket. */
  full(): void
  /** Nothing waits any more. */
  emptied(): void
}

/** What one connection has received and not handled. Each piece of work is handled once, in order. */
export class FairInbox {
  readonly #share: LoopShare
  readonly #events: InboxEvents
  #work: Work[] = []
  /** The first of `#work` that was not handled. */
  #next = 0
  #turn = -1
  #spentMs = 0

  constructor(share: LoopShare, events: InboxEvents) {
    this.#share = share
    this.#events = events
  }

  get isEmpty(): boolean {
    return this.#work.length === 0
  }

  /** Handles `work` now, or in a later turn if this one's time is used up. `work` must not throw. */
  receive(work: Work): void {
    if (this.isEmpty && this.#hasTime()) this.#handle(work)
    else this.#push(work)
  }

  /** Drops what waits. */
  clear(): void {
    if (this.isEmpty) return
    this.#work = []
    this.#next = 0
    this.#share.addWaiting(-1)
  }

  #hasTime(): boolean {
    const { turn } = this.#share
    if (turn !== this.#turn) {
      this.#turn = turn
      this.#spentMs = 0
    }
    return this.#spentMs < this.#share.sliceMs
  }

  #handle(work: Work): void {
    const { clock } = this.#share
    const startedAt = clock.monotonic()
    work()
    this.#spentMs += clock.monotonic() - startedAt
  }

  #push(work: Work): void {
    this.#work.push(work)
    if (this.#work.length > 1) return
    this.#share.addWaiting(1)
    this.#share.clock.soon(() => this.#go())
    this.#events.full()
  }

  #go(): void {
    // At least one, however little time there is.
    do {
      const work = this.#work[this.#next]
      if (work === undefined) return
      this.#next += 1
      this.#handle(work)
    } while (this.#next < this.#work.length && this.#hasTime())
    if (this.isEmpty) return
    if (this.#next < this.#work.length) {
      this.#share.clock.soon(() => this.#go())
      return
    }
    this.clear()
    this.#events.emptied()
  }
}

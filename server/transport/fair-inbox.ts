// Shares the event loop among connections: what all of them may have handled in one turn of the loop is bounded in time, and the rest waits for the next turns,
// where those who took least lately come first. So a client that sends without pause, or a thousand of them, do not make all others wait (G7). A socket hands over up
// to megabytes in one turn.
import type { Clock } from '../../core/clock.js'
import { SharedTurns } from '../../core/shared-turns.js'
import { RecentUse, Turns } from './turns.js'

/** What is handled of one turn as it comes in, and what of it after that, of all that waits. */
const AT_ONCE_MS = 4
const WAITING_MS = 6
/** What one connection may have handled in one turn as it comes in. */
const CONNECTION_AT_ONCE_MS = 2
/** What one that waits has handled before it is another one's turn. */
const SLICE_MS = 0.5
/** Who took less lately counts as having taken nothing. */
const LITTLE_MS = 1
/** What is read from sockets in one turn, some more for each socket: it is unmasked and copied before anything is known of it. */
const READ_BYTES = 2 * 1024 * 1024

/** What the connections of a process share. */
export class LoopShare {
  readonly clock: Clock
  /** For what is sent in pieces, and for sessions that leave. */
  readonly sending: SharedTurns
  readonly leaving: SharedTurns
  readonly #turns = new Turns<FairInbox>(LITTLE_MS)
  #turn = 0
  #turnEnds: 'unseen' | 'awaited' = 'unseen'
  #spentMs = 0
  #readBytes = 0
  #forNextTurn: (() => void)[] = []
  #running: 'resting' | 'scheduled' = 'resting'

  constructor(clock: Clock) {
    this.clock = clock
    this.sending = new SharedTurns(clock)
    this.leaving = new SharedTurns(clock)
  }

  /** Names the present turn of the event loop. */
  get turn(): number {
    this.#awaitNextTurn()
    return this.#turn
  }

  /** Whether what comes in may still be handled in the present turn. */
  get hasTime(): boolean {
    return this.#spentMs < AT_ONCE_MS
  }

  spend(ms: number): void {
    this.#spentMs += ms
  }

  /** So many bytes were read. False: that was enough for this turn. */
  takesIn(bytes: number): boolean {
    this.#awaitNextTurn()
    this.#readBytes += bytes
    return this.#readBytes < READ_BYTES
  }

  /** `run` must not throw. */
  nextTurn(run: () => void): void {
    this.#awaitNextTurn()
    this.#forNextTurn.push(run)
  }

  /** The inbox has something that waits. */
  wait(inbox: FairInbox): void {
    this.#turns.wait(inbox)
    this.#schedule()
  }

  #awaitNextTurn(): void {
    if (this.#turnEnds === 'awaited') return
    this.#turnEnds = 'awaited'
    this.clock.soon(() => {
      this.#turnEnds = 'unseen'
      this.#turn += 1
      this.#spentMs = 0
      this.#readBytes = 0
      for (const run of this.#forNextTurn.splice(0)) run()
    })
  }

  #schedule(): void {
    if (this.#running === 'scheduled') return
    this.#running = 'scheduled'
    this.clock.soon(() => {
      this.#running = 'resting'
      this.#run()
    })
  }

  #run(): void {
    const endsAt = this.clock.monotonic() + WAITING_MS
    // At least one, however little time there is.
    do {
      const inbox = this.#turns.next()
      if (inbox === null) return
      if (inbox.handleFor(SLICE_MS)) this.#turns.wait(inbox)
    } while (this.clock.monotonic() < endsAt)
    if (this.#turns.size > 0) this.#schedule()
  }
}

/** What came; null: a text message. */
type Received = Uint8Array | null

export interface InboxEvents {
  /** It is this one's turn. Must not throw. */
  handle(message: Received): void
  /** Something waits: stop reading from the socket. */
  full(): void
  /** Nothing waits any more. */
  emptied(): void
}

/** What one connection has received and not handled. Each piece of work is handled once, in order. */
export class FairInbox {
  readonly use: RecentUse
  readonly #share: LoopShare
  readonly #events: InboxEvents
  #work: Received[] = []
  /** The first of `#work` that was not handled. */
  #next = 0
  /** It waits with the others: once, also if it is cleared and filled again. */
  #queued = false
  #held = false
  #turn = -1
  #spentMs = 0

  constructor(share: LoopShare, events: InboxEvents) {
    this.#share = share
    this.#events = events
    this.use = new RecentUse(share.clock)
  }

  get isEmpty(): boolean {
    return this.#work.length === 0
  }

  /** The messages that wait, in order. */
  get waiting(): readonly Uint8Array[] {
    const messages: Uint8Array[] = []
    for (let index = this.#next; index < this.#work.length; index++) {
      const message = this.#work[index] ?? null
      if (message !== null) messages.push(message)
    }
    return messages
  }

  /** Drops those that wait and do not count. */
  keep(counts: (message: Uint8Array) => boolean): void {
    this.#work = this.#work.slice(this.#next).filter((message) => message !== null && counts(message))
    this.#next = 0
  }

  /** Has a message handled now, or in a later turn if this one's time is used up. */
  receive(message: Received): void {
    if (this.isEmpty && !this.#held && this.#hasTime()) this.#share.spend(this.#handle(message))
    else this.#push(message)
  }

  /** Handles nothing more until `release`. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
    this.#waitForTurn()
  }

  /** Drops what waits. */
  clear(): void {
    this.#work = []
    this.#next = 0
  }

  /** It is this one's turn among those who wait. True if something still waits. */
  handleFor(ms: number): boolean {
    let spentMs = 0
    while (spentMs < ms && !this.#held) {
      const message = this.#work[this.#next]
      // Cleared meanwhile.
      if (message === undefined) break
      this.#next += 1
      spentMs += this.#handle(message)
      if (this.#next < this.#work.length || this.isEmpty) continue
      this.clear()
      this.#events.emptied()
    }
    this.#queued = !this.isEmpty && !this.#held
    return this.#queued
  }

  #hasTime(): boolean {
    const { turn } = this.#share
    if (turn !== this.#turn) {
      this.#turn = turn
      this.#spentMs = 0
    }
    return this.#spentMs < CONNECTION_AT_ONCE_MS && this.#share.hasTime
  }

  #handle(message: Received): number {
    const { clock } = this.#share
    const startedAt = clock.monotonic()
    this.#events.handle(message)
    const ms = clock.monotonic() - startedAt
    this.#spentMs += ms
    this.use.add(ms)
    return ms
  }

  #push(message: Received): void {
    this.#work.push(message)
    this.#waitForTurn()
    if (this.#work.length === 1) this.#events.full()
  }

  #waitForTurn(): void {
    if (this.#queued || this.#held || this.isEmpty) return
    this.#queued = true
    this.#share.wait(this)
  }
}

// When rows of the journal are put into the LMDB file: when there are many, when nothing was written for a while, and when somebody waits for them.
import type { Clock, Timer } from '../../core/clock.js'
import type { WeftError } from '../../core/errors.js'
import type { JournaledRows } from './journaled-rows.js'
import type { Transactions } from './transactions.js'

/** A round begins when nothing was written for so long. */
const QUIET_MS = 500
/** Between two steps of a round that nobody waits for. */
const STEP_PERIOD_MS = 10
/** How long after a step without room the next one is tried that nobody waits for. */
const ROOM_RETRY_MS = 1_000

interface Waiter {
  readonly position: number
  resolve(): void
  reject(error: WeftError): void
}

export interface RoundsOptions {
  readonly rows: JournaledRows
  readonly transactions: Transactions
  readonly clock: Clock
  /** Why a step was not written. */
  readonly whyNot: () => WeftError
}

export class Rounds {
  readonly #options: RoundsOptions
  /** The mark is to come to this position. */
  #wantedThrough = 0
  #waiters: Waiter[] = []
  /** Set once for many writes: what it is for is looked at when it fires. */
  #timer: Timer | null = null
  /** What to run, by monotonic time, if nothing else is written until then; null while something is. */
  #asleep: { readonly dueAt: number; readonly isUnderWay: boolean; readonly run: () => void } | null = null
  /** Until then, by monotonic time, no step is due that nobody waits for. */
  #nextStepAt = Number.NEGATIVE_INFINITY

  constructor(options: RoundsOptions) {
    this.#options = options
  }

  /** Resolves when what is pending now is in the file; a step is due until then. */
  reached(): Promise<void> {
    const { rows } = this.#options
    if (rows.count === 0) return Promise.resolve()
    const position = rows.lastPosition
    return new Promise((resolve, reject) => void this.#waiters.push({ position, resolve, reject }))
  }

  get isStepDue(): boolean {
    if (this.#waiters.length > 0) return true
    const { rows, clock } = this.#options
    if (rows.areAllMarked || clock.monotonic() < this.#nextStepAt) return false
    if (rows.areMany) this.#wantedThrough = rows.lastPosition
    return rows.marked < this.#wantedThrough
  }

  async step(): Promise<void> {
    const { rows, transactions, clock, whyNot } = this.#options
    const slice = rows.sliceOfRound()
    await transactions.commit([slice.write])
    if (slice.isDone()) {
      this.#nextStepAt = clock.monotonic() + STEP_PERIOD_MS
      const reached = this.#waiters.filter(({ position }) => position <= rows.marked)
      this.#waiters = this.#waiters.filter(({ position }) => position > rows.marked)
      for (const waiter of reached) waiter.resolve()
      return
    }
    rows.endRound()
    this.#nextStepAt = clock.monotonic() + ROOM_RETRY_MS
    this.fail(whyNot())
  }

  /** Nobody waits any more. */
  fail(error: WeftError): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
  }

  /** Calls `run` when the next step is due, if nothing else is written until then. */
  sleep(run: () => void): void {
    const { rows, clock } = this.#options
    if (rows.areAllMarked) return
    const isUnderWay = rows.marked < this.#wantedThrough
    const now = clock.monotonic()
    const delayMs = Math.max(isUnderWay ? 0 : QUIET_MS, this.#nextStepAt - now)
    this.#asleep = { dueAt: now + delayMs, isUnderWay, run }
    if (this.#timer !== null && !isUnderWay) return
    this.#timer?.cancel()
    this.#wakeIn(delayMs)
  }

  awake(): void {
    this.#asleep = null
  }

  /** Leaves no timer. */
  stop(): void {
    this.awake()
    this.#timer?.cancel()
    this.#timer = null
  }

  #wakeIn(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => this.#due(), { unref: true })
  }

  #due(): void {
    this.#timer = null
    const { rows, clock } = this.#options
    if (this.#asleep === null) return
    const { dueAt, isUnderWay, run } = this.#asleep
    const leftMs = dueAt - clock.monotonic()
    if (leftMs > 0) {
      this.#wakeIn(leftMs)
      return
    }
    if (!isUnderWay) this.#wantedThrough = rows.lastPosition
    run()
  }
}

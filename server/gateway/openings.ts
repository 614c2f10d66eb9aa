// The documents that connections are opening: so many at a time for each connection, the others wait in order; and so many begun in one
// turn of the event loop by all connections together, those first who opened least lately (G7). Each opening reads the store and asks who
// the client is.
import type { Clock } from '../../core/clock.js'
import { RecentUse, Turns } from '../transport/turns.js'

/** Begun in one turn. An opening takes a part of a millisecond, most of it after it was begun. */
const BEGUN_PER_TURN = 24
/** Who opened fewer documents lately counts as having opened none. */
const FEW = 4

/** What the connections of a process share. */
export class OpeningTurns {
  readonly clock: Clock
  readonly #turns = new Turns<Openings>(FEW)
  #begun = 0
  #state: 'resting' | 'scheduled' = 'resting'

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** The connection has one to begin: now, if this turn has room and nobody waits, or when it is its turn. */
  request(openings: Openings): void {
    if (this.#turns.size === 0 && this.#begun < BEGUN_PER_TURN) this.#begin(openings)
    else this.#turns.wait(openings)
    this.#schedule()
  }

  #begin(openings: Openings): void {
    this.#begun += 1
    openings.begin()
  }

  #schedule(): void {
    if (this.#state === 'scheduled') return
    this.#state = 'scheduled'
    this.clock.soon(() => {
      this.#state = 'resting'
      this.#begun = 0
      for (let openings = this.#turns.next(); openings !== null; openings = this.#turns.next()) {
        this.#begin(openings)
        if (this.#begun >= BEGUN_PER_TURN) break
      }
      if (this.#begun > 0) this.#schedule()
    })
  }
}

export class Openings {
  readonly use: RecentUse
  readonly #turns: OpeningTurns
  readonly #max: number
  readonly #begin: (channel: number) => void
  readonly #underWay = new Set<number>()
  readonly #full: (full: boolean) => void
  #waiting: number[] = []
  #isFull = false
  /** Asks for its turn, or has it; once at a time. */
  #state: 'resting' | 'asking' = 'resting'

  /**
   * `begin` starts the opening of a channel, unless it is gone by then; `ended` is to be called once it is open, refused or given up. `max`
   * is how many may be under way at the same time; where that is without bound, as for nodes, all begin at once. `full` says that as many
   * wait beside them, and when no longer so many do: more had better not be taken in.
   */
  constructor(turns: OpeningTurns, max: number, begin: (channel: number) => void, full: (full: boolean) => void) {
    this.#turns = turns
    this.#max = max
    this.#begin = begin
    this.#full = full
    this.use = new RecentUse(turns.clock)
  }

  add(channel: number): void {
    if (this.#max === Number.POSITIVE_INFINITY) {
      this.#begin(channel)
      return
    }
    this.#waiting.push(channel)
    this.#ask()
    this.#checkFull()
  }

  /** The channel is open, or will not be. */
  ended(channel: number): void {
    if (this.#underWay.delete(channel)) this.#ask()
  }

  /** Begins nothing any more. */
  clear(): void {
    this.#waiting = []
    this.#checkFull()
  }

  /** It is this connection's turn. */
  begin(): void {
    const channel = this.#waiting.shift()
    if (channel !== undefined) {
      this.use.add(1)
      this.#underWay.add(channel)
      this.#begin(channel)
    }
    this.#state = 'resting'
    this.#checkFull()
    this.#ask()
  }

  #checkFull(): void {
    const full = this.#waiting.length >= (this.#isFull ? this.#max / 2 : this.#max)
    if (full === this.#isFull) return
    this.#isFull = full
    this.#full(full)
  }

  #ask(): void {
    if (this.#state === 'asking' || this.#waiting.length === 0 || this.#underWay.size >= this.#max) return
    this.#state = 'asking'
    this.#turns.request(this)
  }
}

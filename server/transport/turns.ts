// Whose turn it is among those who wait for a part of the event loop: whoever took least of it lately comes first, so that somebody who
// does little is served in the next turn whatever a flood has waiting (G7). Every fourth turn goes to whoever has waited longest, so that
// nobody waits for ever.
import type { Clock } from '../../core/clock.js'

/** What was taken counts half after this time. */
const HALF_LIFE_MS = 250
/** Waiters are told apart by the power of two that they took lately: this many. */
const CLASSES = 12
const OLDEST_EVERY = 4

/** What somebody took lately, in any unit. */
export class RecentUse {
  readonly #clock: Clock
  #amount = 0
  #at: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#at = clock.monotonic()
  }

  get amount(): number {
    this.#fade()
    return this.#amount
  }

  add(amount: number): void {
    this.#fade()
    this.#amount += amount
  }

  #fade(): void {
    const now = this.#clock.monotonic()
    if (now === this.#at) return
    this.#amount *= 2 ** ((this.#at - now) / HALF_LIFE_MS)
    this.#at = now
  }
}

export interface Waiter {
  readonly use: RecentUse
}

interface Waiting<Who> {
  readonly who: Who
  readonly ticket: number
}

export class Turns<Who extends Waiter> {
  readonly #unit: number
  /** First come, first served within each class. */
  readonly #classes = Array.from({ length: CLASSES }, () => new Line<Waiting<Who>>())
  #tickets = 0
  #taken = 0
  #size = 0

  /** `unit`: who took less than this lately took nothing. */
  constructor(unit: number) {
    this.#unit = unit
  }

  get size(): number {
    return this.#size
  }

  /** Nobody may wait twice. */
  wait(who: Who): void {
    const index = Math.floor(Math.log2(Math.max(1, (2 * who.use.amount) / this.#unit)))
    this.#classes[Math.min(index, CLASSES - 1)]?.push({ who, ticket: this.#tickets++ })
    this.#size += 1
  }

  /** Takes out whose turn it is; null if nobody waits. */
  next(): Who | null {
    if (this.#size === 0) return null
    this.#size -= 1
    this.#taken += 1
    const lines = this.#classes.filter((line) => line.first !== null)
    const line =
      this.#taken % OLDEST_EVERY === 0
        ? lines.reduce((oldest, other) => ((other.first?.ticket ?? 0) < (oldest.first?.ticket ?? 0) ? other : oldest))
        : lines[0]
    return line?.shift()?.who ?? null
  }
}

/** First in, first out, each in constant time. */
class Line<Item> {
  #items: Item[] = []
  #head = 0

  get first(): Item | null {
    return this.#items[this.#head] ?? null
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  shift(): Item | null {
    const { first } = this
    if (first === null) return null
    this.#head += 1
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return first
  }
}

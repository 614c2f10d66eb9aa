// Lets so many through at a time; the others wait in order. What goes through at once, without ever waiting for anything, yields the event
// loop (G7).
import type { Clock } from './clock.js'

/** How long those who wait follow each other before the event loop gets its turn. */
const TURN_MS = 4

export class Turnstile {
  readonly #clock: Clock
  #free: number
  #waiting: (() => void)[] = []
  /** The first of `#waiting` that still does. */
  #first = 0
  /** When those who are let in in this turn of the event loop began to be. */
  #turnBegan: number | null = null

  constructor(places: number, clock: Clock) {
    this.#free = places
    this.#clock = clock
  }

  /** Resolves when there is a place, with what gives it back: to be called once it is not needed, again without effect. */
  async enter(): Promise<() => void> {
    if (this.#free > 0 && this.#waiting.length === 0 && this.#hasTime()) this.#free -= 1
    else await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    let inside = true
    return () => {
      if (!inside) return
      inside = false
      this.#free += 1
      this.#letIn()
    }
  }

  #letIn(): void {
    while (this.#free > 0 && this.#first < this.#waiting.length) {
      if (!this.#hasTime()) return
      const next = this.#waiting[this.#first]
      this.#first += 1
      if (this.#first === this.#waiting.length) {
        this.#waiting = []
        this.#first = 0
      }
      this.#free -= 1
      next?.()
    }
  }

  /** Whether more may go through in this turn of the event loop; in the next one those who wait go on. */
  #hasTime(): boolean {
    const now = this.#clock.monotonic()
    if (this.#turnBegan === null) {
      this.#turnBegan = now
      this.#clock.soon(() => {
        this.#turnBegan = null
        this.#letIn()
      })
    }
    return now - this.#turnBegan <= TURN_MS
  }
}

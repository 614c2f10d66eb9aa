// Shares the event loop among those who have one kind of work to do: so much of it is done in one turn of the loop, a step of one after a step of the other, and the
// rest in the next turns. Forty readers that confirm a piece at once, or six hundred sockets that close, would hold everybody else up (G7).
import type { Clock } from './clock.js'

/** How long they have in one turn of the event loop. */
const TURN_MS = 4

/** One step, of up to a few milliseconds; true if another one may follow. */
export type Step = () => boolean

export class SharedTurns {
  readonly #clock: Clock
  #waiting: Step[] = []
  #turn: 'unseen' | 'begun' = 'unseen'
  #spentMs = 0
  #running = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes steps now, or in its turn, until there are no more. */
  add(step: Step): void {
    this.#waiting.push(step)
    this.#run()
  }

  #run(): void {
    // One step may lead to another's first.
    if (this.#running) return
    this.#running = true
    this.#beginTurn()
    try {
      while (this.#spentMs < TURN_MS) {
        const step = this.#waiting.shift()
        if (step === undefined) return
        const before = this.#clock.monotonic()
        if (step()) this.#waiting.push(step)
        this.#spentMs += this.#clock.monotonic() - before
      }
    } finally {
      this.#running = false
    }
  }

  #beginTurn(): void {
    if (this.#turn === 'begun') return
    this.#turn = 'begun'
    this.#clock.soon(() => {
      this.#turn = 'unseen'
      this.#spentMs = 0
      if (this.#waiting.length > 0) this.#run()
    })
  }
}

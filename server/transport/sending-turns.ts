// Shares the event loop among those who send something large: so much is made ready in one turn of the loop, a piece at a time and for one after the other, and the
// rest in the next turns. A piece may take milliseconds, and forty readers that confirm theirs at once would hold everybody else up (G7).
import type { Clock } from '../../core/clock.js'

/** How long pieces are made ready in one turn of the event loop. */
const TURN_MS = 4

/** Sends one piece; true if it would send another one now. */
export type SendPiece = () => boolean

export class SendingTurns {
  readonly #clock: Clock
  #waiting: SendPiece[] = []
  #turn: 'unseen' | 'begun' = 'unseen'
  #spentMs = 0
  #running = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Sends now, or in its turn, until `send` has no more. Nobody may be added that has not come to an end. */
  add(send: SendPiece): void {
    this.#waiting.push(send)
    this.#run()
  }

  #run(): void {
    // One may end while it sends, and another begin.
    if (this.#running) return
    this.#running = true
    this.#beginTurn()
    try {
      while (this.#spentMs < TURN_MS) {
        const send = this.#waiting.shift()
        if (send === undefined) return
        const before = this.#clock.monotonic()
        if (send()) this.#waiting.push(send)
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

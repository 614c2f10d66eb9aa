// The submissions of one remote document that its owner has not answered: which session's they are, under this channel's own numbers.
import { assert } from '../../core/assert.js'
import type { SessionSlot } from '../document/view/session-slots.js'

interface Submission {
  readonly session: SessionSlot
  /** The session's own number. */
  readonly submission: number
  readonly bytes: number
}

export class Forwarded {
  /** In rising order of the channel's numbers. */
  readonly #waiting = new Map<number, Submission>()
  #last = 0
  #bytes = 0

  /** Bytes that the owner has not answered. */
  get bytes(): number {
    return this.#bytes
  }

  get empty(): boolean {
    return this.#waiting.size === 0
  }

  /** The channel's number for a submission that is about to be sent. */
  add(session: SessionSlot, submission: number, bytes: number): number {
    this.#last += 1
    this.#waiting.set(this.#last, { session, submission, bytes })
    this.#bytes += bytes
    return this.#last
  }

  /** Everything through this number that was not refused is durable. Answers the last such submission of each session. */
  acknowledge(through: number): ReadonlyMap<SessionSlot, number> {
    assert(through <= this.#last, 'the owner acknowledges only what was sent')
    const acknowledged = new Map<SessionSlot, number>()
    for (const [number, { session, submission, bytes }] of this.#waiting) {
      if (number > through) break
      this.#waiting.delete(number)
      this.#bytes -= bytes
      acknowledged.set(session, submission)
    }
    return acknowledged
  }

  /** Null if the number is not waiting for an answer. */
  refuse(number: number): Submission | null {
    const refused = this.#waiting.get(number) ?? null
    if (refused === null) return null
    this.#waiting.delete(number)
    this.#bytes -= refused.bytes
    return refused
  }
}

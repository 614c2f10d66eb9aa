// Which of a session's numbered writes are settled: committed, or refused.

import { LazySet } from '../../core/lazy-collections.js'

export class UnansweredSubmissions {
  #last = 0
  #settledThrough = 0
  /** Refused while an earlier one was still under way. */
  readonly #refusedAhead = new LazySet<number>()

  /** A write with this number, one more than the last, has come in. */
  received(submission: number): void {
    this.#last = submission
  }

  /** All writes through this number are committed or were refused. */
  committed(through: number): void {
    this.#settledThrough = Math.max(this.#settledThrough, through)
    for (const submission of this.#refusedAhead) if (submission <= this.#settledThrough) this.#refusedAhead.delete(submission)
    this.#advance()
  }

  refused(submission: number): void {
    if (submission > this.#settledThrough) this.#refusedAhead.add(submission)
    this.#advance()
  }

  get areSettled(): boolean {
    return this.#settledThrough >= this.#last
  }

  #advance(): void {
    while (this.#refusedAhead.delete(this.#settledThrough + 1)) this.#settledThrough++
  }
}

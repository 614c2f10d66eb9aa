// The submissions of one session that nobody has acknowledged or refused, in order, so that they can be submitted again; and which of them
// the present owner has not been given.

export interface KeptSubmission {
  readonly submission: number
  readonly bytes: Uint8Array
  /** Who wrote it. */
  readonly user: string | null
}

/** What a kept submission costs beside its bytes, so that a flood of empty ones is bounded too. */
const SUBMISSION_BYTES = 256

export class Unacknowledged {
  readonly #kept = new Map<number, KeptSubmission>()
  #bytes = 0
  #toGive: KeptSubmission[] = []
  /** So many of those it was. */
  #given = 0

  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#kept.size
  }

  /** Its number is larger than all before it. */
  add(kept: KeptSubmission): void {
    this.#kept.set(kept.submission, kept)
    this.#toGive.push(kept)
    this.#bytes += kept.bytes.length + SUBMISSION_BYTES
  }

  acknowledge(through: number): void {
    for (const submission of this.#kept.keys()) {
      if (submission > through) return
      this.refuse(submission)
    }
  }

  refuse(submission: number): void {
    const kept = this.#kept.get(submission)
    if (kept === undefined) return
    this.#kept.delete(submission)
    this.#bytes -= kept.bytes.length + SUBMISSION_BYTES
  }

  /** There is another owner, which has been given nothing. */
  restart(): void {
    this.#toGive = [...this.#kept.values()]
    this.#given = 0
  }

  get hasNext(): boolean {
    return this.#given < this.#toGive.length
  }

  /** The next one that the owner is to be given, which it is with this; null if it has them all. */
  next(): KeptSubmission | null {
    const next = this.#toGive[this.#given] ?? null
    if (next === null) return null
    this.#given += 1
    if (!this.hasNext) {
      this.#toGive = []
      this.#given = 0
    }
    return next
  }
}

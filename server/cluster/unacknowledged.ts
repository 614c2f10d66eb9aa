// The submissions of one session that nobody has acknowledged or refused, in order, so that they can be submitted again.

export interface KeptSubmission {
  readonly submission: number
  readonly bytes: Uint8Array
}

/** What a kept submission costs beside its bytes, so that a flood of empty ones is bounded too. */
const SUBMISSION_BYTES = 256

export class Unacknowledged {
  readonly #kept = new Map<number, Uint8Array>()
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#kept.size
  }

  /** `submission` is larger than all before it. */
  add(submission: number, bytes: Uint8Array): void {
    this.#kept.set(submission, bytes)
    this.#bytes += bytes.length + SUBMISSION_BYTES
  }

  acknowledge(through: number): void {
    for (const submission of this.#kept.keys()) {
      if (submission > through) return
      this.refuse(submission)
    }
  }

  refuse(submission: number): void {
    const bytes = this.#kept.get(submission)
    if (bytes === undefined) return
    this.#kept.delete(submission)
    this.#bytes -= bytes.length + SUBMISSION_BYTES
  }

  inOrder(): readonly KeptSubmission[] {
    return Array.from(this.#kept, ([submission, bytes]) => ({ submission, bytes }))
  }
}

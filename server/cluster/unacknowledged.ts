// The submissions of one session that nobody has acknowledged or refused, in order, so that they can be submitted again.

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

  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#kept.size
  }

  /** Its number is larger than all before it. */
  add(kept: KeptSubmission): void {
    this.#kept.set(kept.submission, kept)
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

  inOrder(): readonly KeptSubmission[] {
    return [...this.#kept.values()]
  }
}

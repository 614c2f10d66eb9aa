// The parts of a channel's next submission, kept until the `submit` that completes them.
import { WeftError } from '../../core/errors.js'
import type { MemoryBudget } from '../../core/memory-budget.js'

/** What one part costs beside its bytes. */
const PART_BYTES = 128

export class SubmissionParts {
  readonly #bytesMax: number
  readonly #budget: MemoryBudget
  #parts: Uint8Array[] = []
  #bytes = 0

  /** `bytesMax`: of parts and submission together. */
  constructor(bytesMax: number, budget: MemoryBudget) {
    this.#bytesMax = bytesMax
    this.#budget = budget
  }

  /** Throws `message-too-large`, and `overloaded` when the process has no memory to spare. */
  add(part: Uint8Array): void {
    if (this.#budget.level === 'full') throw new WeftError('overloaded', 'The server is short of memory; try again later.')
    this.#parts.push(part)
    this.#bytes += part.length
    this.#budget.account('received').add(part.length + PART_BYTES)
    this.#checkSize(0)
  }

  /** The whole submission, of which `rest` is the end. Throws `message-too-large`. */
  complete(rest: Uint8Array): Uint8Array {
    if (this.#parts.length === 0) return rest
    this.#checkSize(rest.length)
    const whole = new Uint8Array(this.#bytes + rest.length)
    let offset = 0
    for (const part of [...this.#parts, rest]) {
      whole.set(part, offset)
      offset += part.length
    }
    this.drop()
    return whole
  }

  drop(): void {
    this.#budget.account('received').add(-this.#bytes - this.#parts.length * PART_BYTES)
    this.#parts = []
    this.#bytes = 0
  }

  #checkSize(more: number): void {
    if (this.#bytes + more > this.#bytesMax)
      throw new WeftError('message-too-large', `The submission is larger than ${this.#bytesMax} bytes in all its parts.`)
  }
}

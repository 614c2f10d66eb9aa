// Counts what edits that were received and are not yet committed cost in memory, per document and for the whole process, with a high and a
// low mark each.

import type { MemoryAccount, MemoryBudget } from '../../../core/memory-budget.js'

/** What a byte array costs beside its bytes. */
export const UPDATE_BYTES = 200

/** Bytes between two marks. `full` turns true at the high mark and false again at the low mark, half of it. */
class HeldBytes {
  readonly #high: number
  #bytes = 0
  #full = false

  constructor(high: number) {
    this.#high = high
  }

  get bytes(): number {
    return this.#bytes
  }

  get full(): boolean {
    return this.#full
  }

  /** True if `full` changed. */
  add(bytes: number): boolean {
    this.#bytes += bytes
    const full = this.#full ? this.#bytes > this.#high / 2 : this.#bytes >= this.#high
    const changed = full !== this.#full
    this.#full = full
    return changed
  }

  /**
   * Paused sockets may still deliver what they had read. Past twice the mark nothing more is taken; but when nothing waits, anything is,
   * since what is too much for an empty queue would be refused for ever.
   */
  wouldOverflow(bytes: number): boolean {
    return this.#bytes > 0 && this.#bytes + bytes > this.#high * 2
  }
}

/** The pending bytes of the process. `onChange` runs when all writers must pause or may resume. */
export class ProcessPressure {
  readonly #held: HeldBytes
  readonly #budget: MemoryBudget
  readonly #account: MemoryAccount
  readonly #onChange: () => void

  constructor(pendingBytesMax: number, budget: MemoryBudget, onChange: () => void) {
    this.#held = new HeldBytes(pendingBytesMax)
    this.#budget = budget
    this.#account = budget.account('pending')
    this.#onChange = onChange
  }

  get bytes(): number {
    return this.#held.bytes
  }

  get full(): boolean {
    return this.#held.full
  }

  add(bytes: number): void {
    this.#account.add(bytes)
    if (this.#held.add(bytes)) this.#onChange()
  }

  wouldOverflow(bytes: number): boolean {
    return this.#held.wouldOverflow(bytes) || !this.#budget.hasRoomFor(bytes)
  }
}

/** The pending bytes of one document, counted into the process's as well. */
export class DocumentPressure {
  readonly #held: HeldBytes
  readonly #process: ProcessPressure

  constructor(pendingBytesPerDocumentMax: number, process: ProcessPressure) {
    this.#held = new HeldBytes(pendingBytesPerDocumentMax)
    this.#process = process
  }

  get bytes(): number {
    return this.#held.bytes
  }

  /** Writers of this document must be paused. */
  get full(): boolean {
    return this.#held.full || this.#process.full
  }

  /** So much is held now. */
  set(bytes: number): void {
    const added = bytes - this.#held.bytes
    this.#held.add(added)
    this.#process.add(added)
  }

  /** Whether an edit of `bytes` is too much. */
  wouldOverflow(bytes: number): boolean {
    const held = bytes + UPDATE_BYTES
    return this.#held.wouldOverflow(held) || this.#process.wouldOverflow(held)
  }
}

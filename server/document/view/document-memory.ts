// What one open document costs this process in memory, counted into the budget (G8).
import { type MemoryBudget, MemoryCharge } from '../../../core/memory-budget.js'
import type { Image } from './image.js'

/** An open document that holds nothing, as measured: what makes it up, and its place in the directory. */
const DOCUMENT_BYTES = 3_500
/** A session on it, as measured: here, in the gateway, and in the awareness of the document. */
const SESSION_BYTES = 8_000
/** What is known of a document is measured again when it has grown by this share. */
const KNOWN_GROWTH_SHARE = 0.1
const KNOWN_GROWTH_BYTES = 16 * 1024

export class DocumentMemory {
  readonly #charge: MemoryCharge
  readonly #image: Image
  readonly #knownBytesNow: () => number
  #knownBytes: number
  /** Bytes of the image when the known state was measured. */
  #measuredAt = 0

  /** `knownBytes`: what the index of what is known costs; it may take a while to tell. */
  constructor(budget: MemoryBudget, image: Image, knownBytes: () => number) {
    this.#charge = new MemoryCharge(budget.account('documents'))
    this.#image = image
    this.#knownBytesNow = knownBytes
    this.#knownBytes = 0
    this.measure(0)
  }

  /** Counts anew, after anything has changed. */
  measure(sessions: number): void {
    const { bytes, heldBytes } = this.#image
    if (Math.abs(bytes - this.#measuredAt) > Math.max(KNOWN_GROWTH_BYTES, this.#measuredAt * KNOWN_GROWTH_SHARE)) {
      this.#knownBytes = this.#knownBytesNow()
      this.#measuredAt = bytes
    }
    this.#charge.set(DOCUMENT_BYTES + heldBytes + this.#knownBytes + sessions * SESSION_BYTES)
  }

  /** The document is closed. */
  release(): void {
    this.#charge.set(0)
  }
}

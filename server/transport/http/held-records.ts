// What was sent to a client and is not confirmed, by number.
import type { RecordKind } from '../../../protocol/http-frames.js'

export interface HeldRecord {
  readonly kind: RecordKind
  readonly parts: readonly Uint8Array[]
  readonly bytes: number
  readonly confirmed: () => void
}

export class HeldRecords {
  /** Oldest first. */
  #records: HeldRecord[] = []
  #confirmed = 0
  #bytes = 0

  get isEmpty(): boolean {
    return this.#records.length === 0
  }

  /** The number of the last one that there was. */
  get last(): number {
    return this.#confirmed + this.#records.length
  }

  /** All of them together. */
  get bytes(): number {
    return this.#bytes
  }

  append(record: HeldRecord): void {
    this.#records.push(record)
    this.#bytes += record.bytes
  }

  /** Those with a higher number. */
  after(number: number): readonly HeldRecord[] {
    return this.#records.slice(Math.max(0, number - this.#confirmed))
  }

  /** Takes out those up to this number, and answers them. */
  confirm(through: number): readonly HeldRecord[] {
    const confirmed = this.#records.splice(0, Math.max(0, through - this.#confirmed))
    this.#confirmed += confirmed.length
    for (const { bytes } of confirmed) this.#bytes -= bytes
    return confirmed
  }
}

// Everybody's state on a document, encoded for those who come: in parts of bounded size, each of which is kept until one of its states changes. So whoever
// comes costs what has changed since the last one came (G7), slow readers hold the parts in common, and pings and edits pass between them on a slow link (G9).
import { type ClientRecord, encodeRecords, isLive, type LiveRecord } from './record.js'

/** One part may be larger by what one client says. */
const PART_BYTES = 128 * 1024
/** Client id, clock and length of a state. */
const ENTRY_BYTES = 16

interface Part {
  readonly records: Set<ClientRecord>
  bytes: number
  encoded: Uint8Array | null
}

interface Place {
  readonly part: Part
  bytes: number
}

export class PresentStates {
  readonly #places = new Map<ClientRecord, Place>()
  readonly #parts = new Set<Part>()
  /** Where newcomers are put. */
  #last: Part | null = null

  constructor(records: Iterable<LiveRecord>) {
    for (const record of records) this.changed(record)
  }

  /** The record's state is another one, or is gone. */
  changed(record: ClientRecord): void {
    const place = this.#places.get(record)
    if (isLive(record)) {
      const bytes = ENTRY_BYTES + record.state.length
      if (place === undefined) this.#put(record, bytes)
      else if (place.part.bytes - place.bytes + bytes <= PART_BYTES) {
        place.part.bytes += bytes - place.bytes
        place.part.encoded = null
        place.bytes = bytes
      } else {
        this.#take(record, place)
        this.#put(record, bytes)
      }
    } else if (place !== undefined) this.#take(record, place)
  }

  /** Awareness updates that have all of it together. They are shared: never modify them. */
  encoded(): readonly Uint8Array[] {
    return Array.from(this.#parts, (part) => {
      part.encoded ??= encodeRecords(part.records)
      return part.encoded
    })
  }

  #put(record: ClientRecord, bytes: number): void {
    if (this.#last === null || this.#last.bytes + bytes > PART_BYTES) {
      this.#last = { records: new Set(), bytes: 0, encoded: null }
      this.#parts.add(this.#last)
    }
    const part = this.#last
    part.records.add(record)
    part.bytes += bytes
    part.encoded = null
    this.#places.set(record, { part, bytes })
  }

  #take(record: ClientRecord, { part, bytes }: Place): void {
    this.#places.delete(record)
    part.records.delete(record)
    part.bytes -= bytes
    part.encoded = null
    if (part.records.size > 0) return
    this.#parts.delete(part)
    if (this.#last === part) this.#last = null
  }
}

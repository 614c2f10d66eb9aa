// What a document has: which structs and which deletes, with gaps. It decides what of an update is new (rule S3).

import { ByteWriter } from './byte-writer.js'
import { cutBlock } from './cut.js'
import { writeDeletes } from './encoding.js'
import type { ClientDeletes, InspectedUpdate } from './inspect.js'
import { RangeSet } from './range-set.js'
import { rangesFrom } from './ranges.js'
import { encodeStateVector } from './state-vector.js'

/** The clocks of one client: the end of a gapless range from 0, which is nearly always enough, or ranges. */
type Clocks = number | RangeSet

const MAP_ENTRY_BYTES = 48
/** What the writer of a part begins with, at most. */
const PART_BYTES = 4096

function missingFrom(known: Clocks | undefined, ranges: readonly number[]): readonly number[] {
  if (known === undefined) return ranges
  return typeof known === 'number' ? rangesFrom(ranges, known) : known.missing(ranges)
}

/** Whether `missing`, a part of `ranges`, is all of it. Both are sorted, so equal lengths of clocks mean equal sets. */
function isAll(missing: readonly number[], ranges: readonly number[]): boolean {
  if (missing.length !== ranges.length) return false
  for (let index = 0; index < ranges.length; index++) if (missing[index] !== ranges[index]) return false
  return true
}

/** `newRanges` of each block of `update`, and `deletes`, as an update. */
function encodeParts(update: InspectedUpdate, newRanges: readonly (readonly number[])[], deletes: readonly ClientDeletes[]): Uint8Array {
  const writer = new ByteWriter(Math.min(update.bytes.length, PART_BYTES))
  const structs = new ByteWriter()
  let blockCount = 0
  for (const ranges of newRanges) if (ranges.length > 0) blockCount++
  writer.writeVarUint(blockCount)
  for (const [index, ranges] of newRanges.entries()) {
    if (ranges.length === 0) continue
    structs.clear()
    writer.writeVarUint(cutBlock(update, index, ranges, structs))
    writer.writeVarUint(update.blocks[index]?.client ?? 0)
    writer.writeVarUint(ranges[0] ?? 0)
    writer.write(structs.written)
  }
  writeDeletes(writer, deletes)
  return writer.toBytes()
}

export class KnownState {
  readonly #structs = new Map<number, Clocks>()
  readonly #deletes = new Map<number, RangeSet>()
  #stateVector: Uint8Array | null = null

  /** Remembers the structs (Skips are none) and deletes of `update`. */
  add(update: InspectedUpdate): void {
    for (const { client, ranges } of update.blocks) {
      if (ranges.length === 0) continue
      this.#stateVector = null
      this.#addStructs(client, ranges)
    }
    for (const { client, ranges } of update.deletes) {
      const known = this.#deletes.get(client)
      if (known === undefined) this.#deletes.set(client, new RangeSet(ranges))
      else known.add(ranges)
    }
  }

  #addStructs(client: number, ranges: readonly number[]): void {
    let known = this.#structs.get(client)
    if (ranges.length === 2 && !(known instanceof RangeSet)) {
      const end = known ?? 0
      if ((ranges[0] as number) <= end) {
        this.#structs.set(client, Math.max(end, ranges[1] as number))
        return
      }
    }
    if (known === undefined) known = new RangeSet(ranges)
    else {
      if (typeof known === 'number') known = new RangeSet([0, known])
      known.add(ranges)
    }
    this.#structs.set(client, known.rangeCount === 1 && known.contiguousEnd > 0 ? known.contiguousEnd : known)
  }

  /**
   * What of `update` is not known, as an update: the same buffer if all of it is new, null if nothing is. No struct that is known is in it; a delete
   * range that is new in part may hold what was deleted already.
   */
  subtract(update: InspectedUpdate): Uint8Array | null {
    const newRanges: (readonly number[])[] = []
    let all = true
    let any = false
    for (const { client, ranges } of update.blocks) {
      const missing = missingFrom(this.#structs.get(client), ranges)
      if (missing.length > 0) any = true
      if (all && !isAll(missing, ranges)) all = false
      newRanges.push(missing)
    }
    const deletes: ClientDeletes[] = []
    for (const { client, ranges } of update.deletes) {
      // What is deleted twice is only deleted.
      const missing = this.#deletes.get(client)?.notCovered(ranges) ?? ranges
      if (missing.length > 0) deletes.push({ client, ranges: missing })
      if (all && !isAll(missing, ranges)) all = false
    }
    if (!any && deletes.length === 0) return null
    if (all) return update.bytes
    return encodeParts(update, newRanges, deletes)
  }

  /** An encoded state vector: for each client the clock of its first gap. */
  stateVector(): Uint8Array {
    this.#stateVector ??= encodeStateVector(this.#ends())
    return this.#stateVector
  }

  /** The state vector of what was known before `additions`: updates that were added last, and of which nothing had been known. */
  stateVectorBefore(additions: readonly InspectedUpdate[]): Uint8Array {
    if (additions.length === 0) return this.stateVector()
    const ends = this.#ends()
    for (const { blocks } of additions)
      for (const { client, ranges } of blocks) {
        const [first] = ranges
        if (first === 0) ends.delete(client)
        else if (first !== undefined && first < (ends.get(client) ?? 0)) ends.set(client, first)
      }
    return encodeStateVector(ends)
  }

  /** For each client that has structs from clock 0, the clock of its first gap. */
  #ends(): Map<number, number> {
    const ends = new Map<number, number>()
    for (const [client, known] of this.#structs) {
      const end = typeof known === 'number' ? known : known.contiguousEnd
      if (end > 0) ends.set(client, end)
    }
    return ends
  }

  /**
   * Whether every struct and every delete of `other` is known here. Passing updates through a Y.Doc can add deletes (a replaced map entry
   * is deleted by whoever integrates the new one) but must lose nothing.
   */
  covers(other: KnownState): boolean {
    for (const [client, theirs] of other.#structs) {
      if (missingFrom(this.#structs.get(client), typeof theirs === 'number' ? [0, theirs] : theirs.toArray()).length > 0) return false
    }
    for (const [client, theirs] of other.#deletes) if (missingFrom(this.#deletes.get(client), theirs.toArray()).length > 0) return false
    return true
  }

  /** Roughly what this object costs in memory, for benchmarks and metrics. */
  get approximateBytes(): number {
    let bytes = (this.#structs.size + this.#deletes.size) * MAP_ENTRY_BYTES
    for (const known of this.#structs.values()) if (typeof known !== 'number') bytes += known.byteLength
    for (const known of this.#deletes.values()) bytes += known.byteLength
    return bytes
  }

  equals(other: KnownState): boolean {
    if (this.#structs.size !== other.#structs.size || this.#deletes.size !== other.#deletes.size) return false
    for (const [client, mine] of this.#structs) {
      const theirs = other.#structs.get(client)
      if (mine !== theirs && !(mine instanceof RangeSet && theirs instanceof RangeSet && mine.equals(theirs))) return false
    }
    for (const [client, mine] of this.#deletes) {
      const theirs = other.#deletes.get(client)
      if (theirs === undefined || !mine.equals(theirs)) return false
    }
    return true
  }
}

// What a document has: which structs and which deletes, with gaps. It decides what of an update is new (rule S3).

import { runAtOnce, type Sliced } from '../../core/slices.js'
import { ByteWriter } from './byte-writer.js'
import { cuttingBlock } from './cut.js'
import { addCounts, addUpdate, noStructs, type StructCounts } from './decoding-cost.js'
import { writeDeletes } from './encoding.js'
import type { ClientBlock, ClientDeletes, InspectedUpdate } from './inspect.js'
import { KeptStateVector } from './kept-state-vector.js'
import { RangeSet } from './range-set.js'
import { rangesFrom } from './ranges.js'

/** The clocks of one client: the end of a gapless range from 0, which is nearly always enough, or ranges. */
type Clocks = number | RangeSet

/** Differences of the counts of the same names. */
export interface Growth {
  readonly clients: number
  readonly gappedClients: number
  readonly gaps: number
  readonly deletedClients: number
  readonly deleteRanges: number
}

const MAP_ENTRY_BYTES = 48
/** Blocks, or bounds of ranges, between two stops. */
const STEP_PARTS = 4096
/** What the writer of a part begins with, at most. */
const PART_BYTES = 4096

function missingFrom(known: Clocks | undefined, ranges: readonly number[]): readonly number[] {
  if (known === undefined) return ranges
  return typeof known === 'number' ? rangesFrom(ranges, known) : known.missing(ranges)
}

/** Stretches behind a gap. */
const gapsOf = (set: RangeSet): number => set.rangeCount - (set.contiguousEnd > 0 ? 1 : 0)

/** Whether `missing`, a part of `ranges`, is all of it. Both are sorted, so equal lengths of clocks mean equal sets. */
function isAll(missing: readonly number[], ranges: readonly number[]): boolean {
  if (missing.length !== ranges.length) return false
  for (let index = 0; index < ranges.length; index++) if (missing[index] !== ranges[index]) return false
  return true
}

/** `newRanges` of each block of `update`, and `deletes`, as an update. */
function* encodingParts(
  update: InspectedUpdate,
  newRanges: readonly (readonly number[])[],
  deletes: readonly ClientDeletes[],
): Sliced<Uint8Array> {
  const writer = new ByteWriter(Math.min(update.bytes.length, PART_BYTES))
  const structs = new ByteWriter()
  let blockCount = 0
  for (const ranges of newRanges) if (ranges.length > 0) blockCount++
  writer.writeVarUint(blockCount)
  for (const [index, ranges] of newRanges.entries()) {
    if (ranges.length === 0) continue
    structs.clear()
    writer.writeVarUint(yield* cuttingBlock(update, index, ranges, structs))
    writer.writeVarUint(update.blocks[index]?.client ?? 0)
    writer.writeVarUint(ranges[0] ?? 0)
    writer.write(structs.written)
    if (index % STEP_PARTS === STEP_PARTS - 1) yield
  }
  writeDeletes(writer, deletes)
  return writer.toBytes()
}

/** An update that was added, or as much of it as matters here: of each client where its first stretch begins. */
export interface Addition {
  readonly blocks: Iterable<Pick<ClientBlock, 'client' | 'ranges'>>
}

export class KnownState {
  readonly #structs = new Map<number, Clocks>()
  readonly #deletes = new Map<number, RangeSet>()
  /** Made when the state vector is asked for first. */
  #kept: KeptStateVector | null = null
  /** What it was when nothing has changed since. */
  #stateVector: Uint8Array | null = null
  #gapCount = 0
  #gappedClientCount = 0
  #deleteRangeCount = 0
  readonly #counts = { ...noStructs }

  /** Client ids of which there are structs. */
  get clientCount(): number {
    return this.#structs.size
  }

  /** Client ids of which something is deleted. */
  get deletedClientCount(): number {
    return this.#deletes.size
  }

  get deleteRangeCount(): number {
    return this.#deleteRangeCount
  }

  /** Stretches of clocks that stand behind a gap. */
  get gapCount(): number {
    return this.#gapCount
  }

  /** Client ids with structs behind a gap. */
  get gappedClientCount(): number {
    return this.#gappedClientCount
  }

  /** See `StructCounts`. */
  get structCount(): number {
    return this.#counts.structs
  }

  /** See `StructCounts`. */
  get typeCount(): number {
    return this.#counts.types
  }

  /** See `StructCounts`. */
  get cutBytes(): number {
    return this.#counts.cutBytes
  }

  /** Structs of all updates that were added. Those that came twice count twice. */
  get counts(): StructCounts {
    return { ...this.#counts }
  }

  /** `before`, a part of `counts`, have become `after`: a compaction made fewer of them. */
  recount(before: StructCounts, after: StructCounts): void {
    addCounts(this.#counts, before, -1)
    addCounts(this.#counts, after, 1)
  }

  /** Remembers the structs (Skips are none) and deletes of `update`. */
  add(update: InspectedUpdate): void {
    const [block] = update.blocks
    if (block === undefined || update.blocks.length > 1 || update.deletes.length > 0) {
      runAtOnce(this.adding(update))
      return
    }
    addUpdate(this.#counts, update)
    this.#addBlock(block.client, block.ranges)
  }

  /** The same in slices. Meanwhile less is known than there is. */
  *adding(update: InspectedUpdate): Sliced<void> {
    addUpdate(this.#counts, update)
    for (const [index, { client, ranges }] of update.blocks.entries()) {
      this.#addBlock(client, ranges)
      if (index % STEP_PARTS === STEP_PARTS - 1) yield
    }
    for (const [index, { client, ranges }] of update.deletes.entries()) {
      let known = this.#deletes.get(client)
      let first = 0
      if (known === undefined) {
        first = Math.min(ranges.length, STEP_PARTS)
        known = new RangeSet(ranges.slice(0, first))
        this.#deletes.set(client, known)
        this.#deleteRangeCount += known.rangeCount
      }
      for (; first < ranges.length; first += STEP_PARTS) {
        const before = known.rangeCount
        known.add(ranges.slice(first, first + STEP_PARTS))
        this.#deleteRangeCount += known.rangeCount - before
        if (ranges.length > STEP_PARTS) yield
      }
      if (index % STEP_PARTS === STEP_PARTS - 1) yield
    }
  }

  #addBlock(client: number, ranges: readonly number[]): void {
    if (ranges.length === 0) return
    this.#stateVector = null
    const known = this.#structs.get(client)
    this.#addStructs(client, known, ranges)
    if (this.#kept === null) return
    if (known === undefined) this.#kept.add(client)
    else this.#kept.changed(client)
  }

  #addStructs(client: number, known: Clocks | undefined, ranges: readonly number[]): void {
    if (ranges.length === 2 && !(known instanceof RangeSet)) {
      const end = known ?? 0
      if ((ranges[0] as number) <= end) {
        this.#structs.set(client, Math.max(end, ranges[1] as number))
        return
      }
    }
    let set: RangeSet
    if (known === undefined) set = new RangeSet(ranges)
    else {
      set = typeof known === 'number' ? new RangeSet([0, known]) : known
      if (known instanceof RangeSet) this.#countGaps(known, -1)
      set.add(ranges)
    }
    if (set.rangeCount === 1 && set.contiguousEnd > 0) this.#structs.set(client, set.contiguousEnd)
    else {
      this.#structs.set(client, set)
      this.#countGaps(set, 1)
    }
  }

  #countGaps(set: RangeSet, sign: number): void {
    this.#gappedClientCount += sign
    this.#gapCount += sign * gapsOf(set)
  }

  /** Whether there are structs of this client id. */
  hasClient(client: number): boolean {
    return this.#structs.has(client)
  }

  /** Whether the struct that holds this clock is there. */
  has(client: number, clock: number): boolean {
    const known = this.#structs.get(client)
    if (known === undefined) return false
    return typeof known === 'number' ? clock < known : known.has(clock)
  }

  /** How much more of everything that is bounded there would be with `update`, of which nothing is known yet. */
  *growing(update: InspectedUpdate): Sliced<Growth> {
    let clients = 0
    let gappedClients = 0
    let gaps = 0
    for (const [index, { client, ranges }] of update.blocks.entries()) {
      if (index % STEP_PARTS === STEP_PARTS - 1) yield
      if (ranges.length === 0) continue
      const known = this.#structs.get(client)
      if (known === undefined) clients++
      let stretches: number
      if (known instanceof RangeSet) {
        // They may close gaps as well.
        stretches = known.rangeCountWith(ranges) - (known.contiguousEndWith(ranges) > 0 ? 1 : 0)
        gaps -= gapsOf(known)
        gappedClients--
      } else stretches = ranges.length / 2 - ((ranges[0] as number) <= (known ?? 0) ? 1 : 0)
      gaps += stretches
      if (stretches > 0) gappedClients++
    }
    let deletedClients = 0
    let deleteRanges = 0
    for (const [index, { client, ranges }] of update.deletes.entries()) {
      if (index % STEP_PARTS === STEP_PARTS - 1) yield
      if (!this.#deletes.has(client)) deletedClients++
      deleteRanges += ranges.length / 2
    }
    return { clients, gappedClients, gaps, deletedClients, deleteRanges }
  }

  /**
   * What of `update` is not known, as an update: the same buffer if all of it is new, null if nothing is. No struct that is known is in it;
   * a delete range that is new in part may hold what was deleted already.
   */
  subtract(update: InspectedUpdate): Uint8Array | null {
    const [block] = update.blocks
    // A keystroke of somebody who is up to date.
    if (block !== undefined && update.blocks.length === 1 && update.deletes.length === 0) {
      const known = this.#structs.get(block.client) ?? 0
      if (typeof known === 'number' && block.ranges.length > 0 && (block.ranges[0] as number) >= known) return update.bytes
    }
    return runAtOnce(this.subtracting(update))
  }

  /** The same in slices. */
  *subtracting(update: InspectedUpdate): Sliced<Uint8Array | null> {
    const newRanges: (readonly number[])[] = []
    let all = true
    let any = false
    for (const [index, { client, ranges }] of update.blocks.entries()) {
      const missing = missingFrom(this.#structs.get(client), ranges)
      if (missing.length > 0) any = true
      if (all && !isAll(missing, ranges)) all = false
      newRanges.push(missing)
      if (index % STEP_PARTS === STEP_PARTS - 1) yield
    }
    const deletes: ClientDeletes[] = []
    for (const [index, { client, ranges }] of update.deletes.entries()) {
      const known = this.#deletes.get(client)
      let missing = ranges
      if (known !== undefined) {
        const notCovered: number[] = []
        for (let first = 0; first < ranges.length; first += STEP_PARTS) {
          if (first > 0) yield
          known.notCovered(ranges, first, Math.min(ranges.length, first + STEP_PARTS), notCovered)
        }
        missing = notCovered
      }
      if (missing.length > 0) deletes.push({ client, ranges: missing })
      if (all && !isAll(missing, ranges)) all = false
      if (index % STEP_PARTS === STEP_PARTS - 1) yield
    }
    if (!any && deletes.length === 0) return null
    if (all) return update.bytes
    return yield* encodingParts(update, newRanges, deletes)
  }

  /** An encoded state vector: for each client the clock of its first gap. */
  stateVector(): Uint8Array {
    this.#stateVector ??= this.#encodeStateVector(new Map())
    return this.#stateVector
  }

  /** The state vector of what was known before `additions`: updates that were added last, and of which nothing had been known. */
  stateVectorBefore(additions: readonly Addition[]): Uint8Array {
    const before = new Map<number, number>()
    for (const { blocks } of additions)
      for (const { client, ranges } of blocks) {
        const [first] = ranges
        if (first === undefined) continue
        const end = before.get(client) ?? this.contiguousEnd(client)
        if (first < end) before.set(client, first)
      }
    return before.size === 0 ? this.stateVector() : this.#encodeStateVector(before)
  }

  #encodeStateVector(exceptions: ReadonlyMap<number, number>): Uint8Array {
    this.#kept ??= new KeptStateVector(this.#structs.keys(), (client) => this.contiguousEnd(client))
    return this.#kept.encode(exceptions)
  }

  /** The clock of the client's first gap. */
  contiguousEnd(client: number): number {
    const known = this.#structs.get(client) ?? 0
    return typeof known === 'number' ? known : known.contiguousEnd
  }

  /** The same once `ranges` are there, too. */
  contiguousEndWith(client: number, ranges: readonly number[]): number {
    const known = this.#structs.get(client) ?? 0
    if (typeof known === 'number') return (ranges[0] as number) <= known ? Math.max(known, ranges[1] as number) : known
    return known.contiguousEndWith(ranges)
  }

  /** Where the client's last struct ends. */
  lastEnd(client: number): number {
    const known = this.#structs.get(client) ?? 0
    return typeof known === 'number' ? known : known.lastEnd
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
    return bytes + (this.#kept?.byteLength ?? 0) + (this.#stateVector?.length ?? 0)
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

// What a document has: which structs and which deletes, with gaps. It decides what of an update is new (rule S3).

import { LazyMap } from '../../core/lazy-collections.js'
import { runAtOnce, type Sliced } from '../../core/slices.js'
import { addCounts, addUpdate, noStructs, type StructCounts } from './decoding-cost.js'
import type { ClientDeletes } from './delete-set-reader.js'
import { encodingParts } from './encoding-parts.js'
import type { ClientBlock, InspectedUpdate } from './inspect.js'
import { KeptStateVector } from './kept-state-vector.js'
import { KnownStructs, type StructGrowth } from './known-structs.js'
import { RangeSet } from './range-set.js'

/** Differences of the counts of the same names. */
export interface Growth extends StructGrowth {
  readonly deletedClients: number
  readonly deleteRanges: number
}

const MAP_ENTRY_BYTES = 48
/** Blocks, or bounds of ranges, between two stops. */
const STEP_PARTS = 4096

/** Whether `missing`, a part of `ranges`, is all of it. Both are sorted, so equal lengths of clocks mean equal sets. */
function isAll(missing: readonly number[], ranges: readonly number[]): boolean {
  if (missing === ranges) return true
  if (missing.length !== ranges.length) return false
  for (let index = 0; index < ranges.length; index++) if (missing[index] !== ranges[index]) return false
  return true
}

/** An update that was added, or as much of it as matters here: of each client where its first stretch begins. */
export interface Addition {
  readonly blocks: Iterable<Pick<ClientBlock, 'client' | 'ranges'>>
}

export class KnownState {
  readonly #structs = new KnownStructs()
  readonly #deletes = new LazyMap<number, RangeSet>()
  /** Made when the state vector is asked for first. */
  #kept: KeptStateVector | null = null
  /** What it was when nothing has changed since. */
  #stateVector: Uint8Array | null = null
  #deleteRangeCount = 0
  readonly #counts = { ...noStructs }

  /** Client ids of which there are structs. */
  get clientCount(): number {
    return this.#structs.clientCount
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
    return this.#structs.gapCount
  }

  /** Client ids with structs behind a gap. */
  get gappedClientCount(): number {
    return this.#structs.gappedClientCount
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
    const wasKnown = this.#structs.add(client, ranges)
    if (this.#kept === null) return
    if (wasKnown) this.#kept.changed(client)
    else this.#kept.add(client)
  }

  /** Whether there are structs of this client id. */
  hasClient(client: number): boolean {
    return this.#structs.hasClient(client)
  }

  /** Whether the struct that holds this clock is there. */
  has(client: number, clock: number): boolean {
    return this.#structs.has(client, clock)
  }

  /** How much more of everything that is bounded there would be with `update`, of which nothing is known yet. */
  *growing(update: InspectedUpdate): Sliced<Growth> {
    const structs = yield* this.#structs.growing(update.blocks)
    let deletedClients = 0
    let deleteRanges = 0
    for (const [index, { client, ranges }] of update.deletes.entries()) {
      if (index % STEP_PARTS === STEP_PARTS - 1) yield
      if (!this.#deletes.has(client)) deletedClients++
      deleteRanges += ranges.length / 2
    }
    return { ...structs, deletedClients, deleteRanges }
  }

  /**
   * What of `update` is not known, as an update: the same buffer if all of it is new, null if nothing is. No struct that is known is in it;
   * a delete range that is new in part may hold what was deleted already.
   */
  subtract(update: InspectedUpdate): Uint8Array | null {
    const [block] = update.blocks
    // A keystroke of somebody who is up to date.
    if (block !== undefined && update.blocks.length === 1 && update.deletes.length === 0) {
      const [first] = block.ranges
      if (first !== undefined && this.#structs.endsBy(block.client, first)) return update.bytes
    }
    return runAtOnce(this.subtracting(update))
  }

  /** The same in slices. */
  *subtracting(update: InspectedUpdate): Sliced<Uint8Array | null> {
    const newRanges: (readonly number[])[] = []
    let all = true
    let any = false
    for (const [index, { client, ranges }] of update.blocks.entries()) {
      const missing = this.#structs.missing(client, ranges)
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
    this.#kept ??= new KeptStateVector(this.#structs.clients, (client) => this.contiguousEnd(client))
    return this.#kept.encode(exceptions)
  }

  /** The clock of the client's first gap. */
  contiguousEnd(client: number): number {
    return this.#structs.contiguousEnd(client)
  }

  /** The same once `ranges` are there, too. */
  contiguousEndWith(client: number, ranges: readonly number[]): number {
    return this.#structs.contiguousEndWith(client, ranges)
  }

  /** Where the client's last struct ends. */
  lastEnd(client: number): number {
    return this.#structs.lastEnd(client)
  }

  /**
   * Whether every struct and every delete of `other` is known here. Passing updates through a Y.Doc can add deletes (a replaced map entry
   * is deleted by whoever integrates the new one) but must lose nothing.
   */
  covers(other: KnownState): boolean {
    if (!this.#structs.covers(other.#structs)) return false
    for (const [client, theirs] of other.#deletes) {
      const ranges = theirs.toArray()
      if ((this.#deletes.get(client)?.missing(ranges) ?? ranges).length > 0) return false
    }
    return true
  }

  /** Roughly what this object costs in memory, for benchmarks and metrics. */
  get approximateBytes(): number {
    let bytes = this.#structs.approximateBytes + this.#deletes.size * MAP_ENTRY_BYTES
    for (const known of this.#deletes.values()) bytes += known.byteLength
    return bytes + (this.#kept?.byteLength ?? 0) + (this.#stateVector?.length ?? 0)
  }

  equals(other: KnownState): boolean {
    if (!this.#structs.equals(other.#structs) || this.#deletes.size !== other.#deletes.size) return false
    for (const [client, mine] of this.#deletes) {
      const theirs = other.#deletes.get(client)
      if (theirs === undefined || !mine.equals(theirs)) return false
    }
    return true
  }
}

// Which structs of which client a document has, with gaps.
import type { Sliced } from '../../core/slices.js'
import type { ClientBlock } from './inspect.js'
import { RangeSet } from './range-set.js'
import { rangesFrom } from './ranges.js'

/** The clocks of one client: the end of a gapless range from 0, which is nearly always enough, or ranges. */
type Clocks = number | RangeSet

/** Differences of the counts of the same names. */
export interface StructGrowth {
  readonly clients: number
  readonly gappedClients: number
  readonly gaps: number
}

const MAP_ENTRY_BYTES = 48
/** Blocks between two stops. */
const STEP_BLOCKS = 4096

/** Stretches behind a gap. */
const gapsOf = (set: RangeSet): number => set.rangeCount - (set.contiguousEnd > 0 ? 1 : 0)

function missingFrom(known: Clocks | undefined, ranges: readonly number[]): readonly number[] {
  if (known === undefined) return ranges
  return typeof known === 'number' ? rangesFrom(ranges, known) : known.missing(ranges)
}

export class KnownStructs {
  readonly #clocks = new Map<number, Clocks>()
  #gapCount = 0
  #gappedClientCount = 0

  /** Client ids of which there are structs. */
  get clientCount(): number {
    return this.#clocks.size
  }

  /** The client ids. */
  get clients(): Iterable<number> {
    return this.#clocks.keys()
  }

  /** Stretches of clocks that stand behind a gap. */
  get gapCount(): number {
    return this.#gapCount
  }

  /** Client ids with structs behind a gap. */
  get gappedClientCount(): number {
    return this.#gappedClientCount
  }

  /** Adds structs of a client, sorted and not empty. False: nothing of it was known before. */
  add(client: number, ranges: readonly number[]): boolean {
    const known = this.#clocks.get(client)
    if (ranges.length === 2 && !(known instanceof RangeSet)) {
      const end = known ?? 0
      if ((ranges[0] as number) <= end) {
        this.#clocks.set(client, Math.max(end, ranges[1] as number))
        return known !== undefined
      }
    }
    let set: RangeSet
    if (known === undefined) set = new RangeSet(ranges)
    else {
      set = typeof known === 'number' ? new RangeSet([0, known]) : known
      if (known instanceof RangeSet) this.#countGaps(known, -1)
      set.add(ranges)
    }
    if (set.rangeCount === 1 && set.contiguousEnd > 0) this.#clocks.set(client, set.contiguousEnd)
    else {
      this.#clocks.set(client, set)
      this.#countGaps(set, 1)
    }
    return known !== undefined
  }

  #countGaps(set: RangeSet, sign: number): void {
    this.#gappedClientCount += sign
    this.#gapCount += sign * gapsOf(set)
  }

  /** Whether there are structs of this client id. */
  hasClient(client: number): boolean {
    return this.#clocks.has(client)
  }

  /** Whether the struct that holds this clock is there. */
  has(client: number, clock: number): boolean {
    const known = this.#clocks.get(client)
    if (known === undefined) return false
    return typeof known === 'number' ? clock < known : known.has(clock)
  }

  /** Whether what is there of the client has no gap, and ends at or before the clock. */
  endsBy(client: number, clock: number): boolean {
    const known = this.#clocks.get(client) ?? 0
    return typeof known === 'number' && known <= clock
  }

  /** What of `ranges` (sorted) is not there: the same array if that is all of it. */
  missing(client: number, ranges: readonly number[]): readonly number[] {
    return missingFrom(this.#clocks.get(client), ranges)
  }

  /** How much more of everything there would be with these blocks, of which nothing is known yet. */
  *growing(blocks: readonly ClientBlock[]): Sliced<StructGrowth> {
    let clients = 0
    let gappedClients = 0
    let gaps = 0
    for (const [index, { client, ranges }] of blocks.entries()) {
      if (index % STEP_BLOCKS === STEP_BLOCKS - 1) yield
      if (ranges.length === 0) continue
      const known = this.#clocks.get(client)
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
    return { clients, gappedClients, gaps }
  }

  /** The clock of the client's first gap. */
  contiguousEnd(client: number): number {
    const known = this.#clocks.get(client) ?? 0
    return typeof known === 'number' ? known : known.contiguousEnd
  }

  /** The same once `ranges` are there, too. */
  contiguousEndWith(client: number, ranges: readonly number[]): number {
    const known = this.#clocks.get(client) ?? 0
    if (typeof known === 'number') return (ranges[0] as number) <= known ? Math.max(known, ranges[1] as number) : known
    return known.contiguousEndWith(ranges)
  }

  /** Where the client's last struct ends. */
  lastEnd(client: number): number {
    const known = this.#clocks.get(client) ?? 0
    return typeof known === 'number' ? known : known.lastEnd
  }

  /** Whether every struct of `other` is here. */
  covers(other: KnownStructs): boolean {
    for (const [client, theirs] of other.#clocks)
      if (this.missing(client, typeof theirs === 'number' ? [0, theirs] : theirs.toArray()).length > 0) return false
    return true
  }

  equals(other: KnownStructs): boolean {
    if (this.#clocks.size !== other.#clocks.size) return false
    for (const [client, mine] of this.#clocks) {
      const theirs = other.#clocks.get(client)
      if (mine !== theirs && !(mine instanceof RangeSet && theirs instanceof RangeSet && mine.equals(theirs))) return false
    }
    return true
  }

  /** Roughly what this object costs in memory. */
  get approximateBytes(): number {
    let bytes = this.#clocks.size * MAP_ENTRY_BYTES
    for (const known of this.#clocks.values()) if (typeof known !== 'number') bytes += known.byteLength
    return bytes
  }
}

// A set of clocks that grows, in 8 to 9 bytes per range. What an operation costs depends on the ranges it is given, not on those that are
// in the set.
import { RangeChunk } from './range-chunk.js'
import { pushRange, type Ranges } from './ranges.js'

/** A chunk with more ranges than this is split in two halves. */
const CHUNK_RANGES_MAX = 512
export class RangeSet {
  /** One chunk as long as that is enough, as it nearly always is; else several, none of them empty, in the order of their clocks. */
  #chunks: RangeChunk | RangeChunk[]
  #rangeCount: number

  /** `ranges` sorted, disjoint and not touching. */
  constructor(ranges: Ranges) {
    this.#rangeCount = ranges.length / 2
    this.#chunks = this.#rangeCount <= CHUNK_RANGES_MAX ? new RangeChunk(ranges) : chunksOf(ranges)
  }

  get rangeCount(): number {
    return this.#rangeCount
  }

  /** The first range's end if it begins at 0, else 0. */
  get contiguousEnd(): number {
    return this.#chunkAt(0).contiguousEnd
  }

  get lastEnd(): number {
    const chunk = this.#chunks instanceof RangeChunk ? this.#chunks : this.#chunks.at(-1)
    return chunk?.bounds.at(-1) ?? 0
  }

  get byteLength(): number {
    if (this.#chunks instanceof RangeChunk) return this.#chunks.byteLength
    return this.#chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
  }

  has(clock: number): boolean {
    const range = this.#rangeAfter(clock)
    return range !== null && range[0] <= clock
  }

  toArray(): number[] {
    if (this.#chunks instanceof RangeChunk) return Array.from(this.#chunks.bounds)
    const bounds: number[] = []
    for (const chunk of this.#chunks) for (const bound of chunk.bounds) bounds.push(bound)
    return bounds
  }

  /** What of `ranges` (sorted) is not in this set. */
  missing(ranges: Ranges): number[] {
    const result: number[] = []
    let from = 0
    if (this.#chunks instanceof RangeChunk) {
      for (let index = 0; index < ranges.length; index += 2)
        from = this.#chunks.missing(ranges[index] as number, ranges[index + 1] as number, from, result)
      return result
    }
    let current = -1
    for (let index = 0; index < ranges.length; index += 2) {
      let start = ranges[index] as number
      const end = ranges[index + 1] as number
      for (let at = this.#chunkIndex(start, Math.max(0, current)); start < end; at++) {
        // What lies between this chunk and the next one is missing as well, so a chunk answers for all clocks up to the next.
        const partEnd = Math.min(end, this.#chunks[at + 1]?.firstStart ?? end)
        if (at !== current) from = 0
        current = at
        from = this.#chunkAt(at).missing(start, partEnd, from, result)
        start = partEnd
      }
    }
    return joined(result)
  }

  /**
   * Appends to `result` those of `ranges[first, last)` (sorted) that are not wholly in this set, without what of their ends is. The middle
   * is not looked into: one range over a million of this set's costs no more than any other.
   */
  notCovered(ranges: Ranges, first = 0, last = ranges.length, result: number[] = []): number[] {
    for (let index = first; index < last; index += 2) {
      let start = ranges[index] as number
      let end = ranges[index + 1] as number
      const atStart = this.#rangeAfter(start)
      if (atStart !== null && atStart[0] <= start) start = atStart[1]
      if (start >= end) continue
      const atEnd = this.#rangeAfter(end - 1)
      if (atEnd !== null && atEnd[0] < end) end = atEnd[0]
      result.push(start, end)
    }
    return result
  }

  /** Adds `ranges` (sorted). */
  add(ranges: Ranges): void {
    if (this.#chunks instanceof RangeChunk) {
      this.#chunks.add(ranges, 0, ranges.length)
      this.#rangeCount = this.#chunks.rangeCount
      if (this.#rangeCount > CHUNK_RANGES_MAX) this.#chunks = chunksOf(this.#chunks.bounds)
      return
    }
    let at = 0
    for (let first = 0; first < ranges.length; ) {
      at = this.#chunkIndex(ranges[first] as number, at)
      const nextStart = this.#chunks[at + 1]?.firstStart ?? Number.POSITIVE_INFINITY
      let last = first
      while (last < ranges.length && (ranges[last + 1] as number) < nextStart) last += 2
      if (last > first) this.#addToChunk(this.#chunks, at, ranges, first, last)
      else {
        last = first + 2
        this.#addAcross(this.#chunks, at, ranges[first] as number, ranges[first + 1] as number)
      }
      first = last
    }
  }

  /** What `contiguousEnd` would be with `ranges` (sorted), too. */
  contiguousEndWith(ranges: Ranges): number {
    let end = this.contiguousEnd
    for (let index = 0; index < ranges.length && (ranges[index] as number) <= end; index += 2) {
      if ((ranges[index + 1] as number) <= end) continue
      end = ranges[index + 1] as number
      const next = this.#rangeAfter(end)
      if (next !== null && next[0] <= end) end = next[1]
    }
    return end
  }

  /** What `rangeCount` would be with `ranges`, too: sorted, not touching, and nothing of them in this set. */
  rangeCountWith(ranges: Ranges): number {
    let count = this.#rangeCount + ranges.length / 2
    for (let index = 0; index < ranges.length; index += 2) {
      if (this.has((ranges[index] as number) - 1)) count--
      if (this.has(ranges[index + 1] as number)) count--
    }
    return count
  }

  equals(other: RangeSet): boolean {
    if (this.#rangeCount !== other.#rangeCount) return false
    const [mine, theirs] = [this.toArray(), other.toArray()]
    for (let index = 0; index < mine.length; index++) if (mine[index] !== theirs[index]) return false
    return true
  }

  /** `ranges[first, last)` touch no other chunk. */
  #addToChunk(chunks: RangeChunk[], at: number, ranges: Ranges, first: number, last: number): void {
    const chunk = this.#chunkAt(at)
    const before = chunk.rangeCount
    chunk.add(ranges, first, last)
    this.#rangeCount += chunk.rangeCount - before
    if (chunk.rangeCount > CHUNK_RANGES_MAX) replace(chunks, at, 1, chunksOf(chunk.bounds))
  }

  /** A range that reaches to the next chunk or beyond: takes with it what it touches there. */
  #addAcross(chunks: RangeChunk[], at: number, start: number, end: number): void {
    let reached = end
    let next = at + 1
    for (let chunk = chunks[next]; chunk !== undefined && chunk.firstStart <= reached; chunk = chunks[next]) {
      const before = chunk.rangeCount
      reached = chunk.takeThrough(reached)
      this.#rangeCount += chunk.rangeCount - before
      if (chunk.rangeCount > 0) break
      next++
    }
    chunks.splice(at + 1, next - at - 1)
    this.#addToChunk(chunks, at, [start, reached], 0, 2)
  }

  #rangeAfter(clock: number): readonly [number, number] | null {
    const at = this.#chunkIndex(clock, 0)
    const range = this.#chunkAt(at).rangeAfter(clock)
    if (range !== null || this.#chunks instanceof RangeChunk) return range
    return this.#chunks[at + 1]?.rangeAfter(clock) ?? null
  }

  #chunkAt(index: number): RangeChunk {
    return this.#chunks instanceof RangeChunk ? this.#chunks : (this.#chunks[index] as RangeChunk)
  }

  /** Index of the last chunk from `from` on that begins at or before `clock`; `from` if none does. */
  #chunkIndex(clock: number, from: number): number {
    if (this.#chunks instanceof RangeChunk) return 0
    let low = from
    let high = this.#chunks.length
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if ((this.#chunks[middle] as RangeChunk).firstStart <= clock) low = middle
      else high = middle
    }
    return low
  }
}

/** Chunks that are half full. */
function chunksOf(bounds: Ranges): RangeChunk[] {
  const chunks: RangeChunk[] = []
  for (let start = 0; start < bounds.length; start += CHUNK_RANGES_MAX)
    chunks.push(new RangeChunk(bounds, start, Math.min(bounds.length, start + CHUNK_RANGES_MAX)))
  return chunks
}

function replace(chunks: RangeChunk[], at: number, count: number, by: readonly RangeChunk[]): void {
  // Spread into `splice`, hundreds of thousands of them would not fit on the stack.
  if (by.length < CHUNK_RANGES_MAX) chunks.splice(at, count, ...by)
  else {
    const after = chunks.splice(at).slice(count)
    for (const chunk of by) chunks.push(chunk)
    for (const chunk of after) chunks.push(chunk)
  }
}

/** Ranges that touch, made one. */
function joined(ranges: number[]): number[] {
  const result: number[] = []
  for (let index = 0; index < ranges.length; index += 2) pushRange(result, ranges[index] as number, ranges[index + 1] as number)
  return result
}

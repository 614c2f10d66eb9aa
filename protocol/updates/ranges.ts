// Sets of clocks as sorted, disjoint, non-touching ranges: flat arrays of start, end (exclusive), start, end, …

/** Ranges as read or computed; the shape everything below works on. */
type Ranges = ArrayLike<number>

/** `ranges` sorted and merged: itself if it already is. Pairs of start < end in any order, overlapping or not. */
export function normalizeRanges(ranges: number[]): number[] {
  for (let index = 2; index < ranges.length; index += 2) {
    if ((ranges[index] as number) <= (ranges[index - 1] as number)) return sortAndMerge(ranges)
  }
  return ranges
}

// Yjs writes sorted ranges, so this is for others. Sorting pairs as 64-bit integers needs no comparator: two million take a fraction of a second.
function sortAndMerge(ranges: readonly number[]): number[] {
  const pairs = new BigUint64Array(ranges.length / 2)
  const low = isLittleEndian ? 0 : 1
  const halves = new Uint32Array(pairs.buffer)
  for (let index = 0; index < ranges.length; index += 2) {
    halves[index + 1 - low] = ranges[index] as number
    halves[index + low] = ranges[index + 1] as number
  }
  pairs.sort()
  const merged: number[] = []
  for (let index = 0; index < halves.length; index += 2) pushRange(merged, halves[index + 1 - low] as number, halves[index + low] as number)
  return merged
}

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

/** Appends [start, end) to ranges that all begin at or before `start`, merging it with the last one where they touch. */
export function pushRange(ranges: number[], start: number, end: number): void {
  const last = ranges.length - 1
  if (last > 0 && start <= (ranges[last] as number)) ranges[last] = Math.max(ranges[last] as number, end)
  else ranges.push(start, end)
}

/** The clocks of `ranges` from `clock` on. */
export function rangesFrom(ranges: Ranges, clock: number): number[] {
  const result: number[] = []
  for (let index = 0; index < ranges.length; index += 2) {
    const end = ranges[index + 1] as number
    if (end > clock) result.push(Math.max(ranges[index] as number, clock), end)
  }
  return result
}

/** A set of clocks that grows: 8 bytes per range. */
export class RangeSet {
  #bounds: Uint32Array
  /** How many numbers of `#bounds` are in use. */
  #used: number

  constructor(ranges: Ranges) {
    this.#bounds = Uint32Array.from(ranges)
    this.#used = ranges.length
  }

  get rangeCount(): number {
    return this.#used / 2
  }

  /** The first range's end if it begins at 0, else 0. */
  get contiguousEnd(): number {
    return this.#used > 0 && this.#bounds[0] === 0 ? (this.#bounds[1] as number) : 0
  }

  get byteLength(): number {
    return this.#bounds.byteLength
  }

  toArray(): number[] {
    return Array.from(this.#bounds.subarray(0, this.#used))
  }

  /** What of `ranges` (sorted) is not in this set. */
  missing(ranges: Ranges): number[] {
    const result: number[] = []
    const bounds = this.#bounds
    const used = this.#used
    let known = ranges.length > 0 ? this.#firstEndingAfter(ranges[0] as number, 0) : used
    for (let index = 0; index < ranges.length; index += 2) {
      let start = ranges[index] as number
      const end = ranges[index + 1] as number
      while (known < used && (bounds[known + 1] as number) <= start) known += 2
      while (known < used && (bounds[known] as number) < end) {
        if ((bounds[known] as number) > start) result.push(start, bounds[known] as number)
        start = bounds[known + 1] as number
        if (start >= end) break
        known += 2
      }
      if (start < end) result.push(start, end)
    }
    return result
  }

  /** Adds `ranges` (sorted). A few are inserted in place; many are merged in one pass. */
  add(ranges: Ranges): void {
    if (ranges.length > 16) this.#merge(ranges)
    else for (let index = 0; index < ranges.length; index += 2) this.#insert(ranges[index] as number, ranges[index + 1] as number)
  }

  equals(other: RangeSet): boolean {
    if (this.#used !== other.#used) return false
    for (let index = 0; index < this.#used; index++) if (this.#bounds[index] !== other.#bounds[index]) return false
    return true
  }

  #insert(start: number, end: number): void {
    const bounds = this.#bounds
    const used = this.#used
    // Ranges [first, last) touch or overlap the new one. Clocks are integers, so "touches" is "ends at or after start".
    const first = this.#firstEndingAfter(start - 1, 0)
    let last = first
    while (last < used && (bounds[last] as number) <= end) last += 2
    if (last > first) {
      bounds[first] = Math.min(start, bounds[first] as number)
      bounds[first + 1] = Math.max(end, bounds[last - 1] as number)
      if (last > first + 2) {
        bounds.copyWithin(first + 2, last, used)
        this.#used = used - (last - first - 2)
      }
      return
    }
    if (used + 2 > bounds.length) {
      const larger = new Uint32Array(used + Math.max(2, (used >> 3) * 2))
      larger.set(bounds.subarray(0, first))
      larger.set(bounds.subarray(first, used), first + 2)
      this.#bounds = larger
    } else bounds.copyWithin(first + 2, first, used)
    this.#bounds[first] = start
    this.#bounds[first + 1] = end
    this.#used = used + 2
  }

  #merge(ranges: Ranges): void {
    const bounds = this.#bounds
    const used = this.#used
    const merged: number[] = []
    let mine = 0
    let theirs = 0
    while (mine < used || theirs < ranges.length) {
      if (theirs >= ranges.length || (mine < used && (bounds[mine] as number) <= (ranges[theirs] as number))) {
        pushRange(merged, bounds[mine] as number, bounds[mine + 1] as number)
        mine += 2
      } else {
        pushRange(merged, ranges[theirs] as number, ranges[theirs + 1] as number)
        theirs += 2
      }
    }
    this.#bounds = Uint32Array.from(merged)
    this.#used = merged.length
  }

  /** Index of the first range that ends after `clock`. */
  #firstEndingAfter(clock: number, from: number): number {
    const bounds = this.#bounds
    let low = from / 2
    let high = this.#used / 2
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((bounds[middle * 2 + 1] as number) > clock) high = middle
      else low = middle + 1
    }
    return low * 2
  }
}

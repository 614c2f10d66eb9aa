// Ranges of clocks in one array: what a set of them consists of. What an operation costs grows with the ranges that are here, so a set
// bounds them.
import { pushRange, type Ranges } from './ranges.js'

/** So many ranges are inserted one by one; more are merged in one pass. */
const INSERTED_RANGES_MAX = 8
/** How far to look for the next range before searching for it. */
const STEPS_MAX = 4

export class RangeChunk {
  #bounds: Uint32Array
  /** How many numbers of `#bounds` are in use. */
  #used: number

  constructor(ranges: Ranges, start = 0, end = ranges.length) {
    this.#used = end - start
    this.#bounds = new Uint32Array(this.#used)
    for (let index = start; index < end; index++) this.#bounds[index - start] = ranges[index] as number
  }

  get rangeCount(): number {
    return this.#used / 2
  }

  get byteLength(): number {
    return this.#bounds.byteLength
  }

  /** The bounds in use; valid until the next change. */
  get bounds(): Uint32Array {
    return this.#bounds.subarray(0, this.#used)
  }

  get firstStart(): number {
    return this.#used > 0 ? (this.#bounds[0] as number) : Number.POSITIVE_INFINITY
  }

  /** The first range's end if it begins at 0, else 0. */
  get contiguousEnd(): number {
    return this.#used > 0 && this.#bounds[0] === 0 ? (this.#bounds[1] as number) : 0
  }

  /** Start and end of the first range that ends after `clock`, or null. */
  rangeAfter(clock: number): readonly [number, number] | null {
    const index = this.#firstEndingAfter(clock, 0)
    return index < this.#used ? [this.#bounds[index] as number, this.#bounds[index + 1] as number] : null
  }

  /** Appends to `result` what of [start, end) is not here; `from` is where to look from. Returns where to look from for a later range. */
  missing(start: number, end: number, from: number, result: number[]): number {
    const bounds = this.#bounds
    const used = this.#used
    let known = from
    for (let steps = 0; known < used && (bounds[known + 1] as number) <= start; steps++) {
      if (steps === STEPS_MAX) {
        known = this.#firstEndingAfter(start, known)
        break
      }
      known += 2
    }
    let at = start
    while (known < used && (bounds[known] as number) < end) {
      if ((bounds[known] as number) > at) result.push(at, bounds[known] as number)
      at = bounds[known + 1] as number
      if (at >= end) return known
      known += 2
    }
    if (at < end) result.push(at, end)
    return known
  }

  /** Adds `ranges[first, last)` (sorted). */
  add(ranges: Ranges, first: number, last: number): void {
    if (last - first > INSERTED_RANGES_MAX * 2) this.#merge(ranges, first, last)
    else for (let index = first; index < last; index += 2) this.#insert(ranges[index] as number, ranges[index + 1] as number)
  }

  /** Takes out the ranges that begin at or before `clock`; returns the end of the last of them, or `clock`. */
  takeThrough(clock: number): number {
    const bounds = this.#bounds
    let low = 0
    let high = this.#used / 2
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((bounds[middle * 2] as number) <= clock) low = middle + 1
      else high = middle
    }
    if (low === 0) return clock
    const end = Math.max(clock, bounds[low * 2 - 1] as number)
    bounds.copyWithin(0, low * 2, this.#used)
    this.#used -= low * 2
    return end
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

  #merge(ranges: Ranges, first: number, last: number): void {
    const bounds = this.#bounds
    const used = this.#used
    const merged: number[] = []
    let mine = 0
    let theirs = first
    while (mine < used || theirs < last) {
      if (theirs >= last || (mine < used && (bounds[mine] as number) <= (ranges[theirs] as number))) {
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

  /** Index of the first range from `from` on that ends after `clock`. */
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

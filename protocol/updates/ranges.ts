// Sets of clocks as sorted, disjoint, non-touching ranges: flat arrays of start, end (exclusive), start, end, …

/** Ranges as read or computed; the shape everything below works on. */
export type Ranges = ArrayLike<number>

/** `ranges` sorted and merged: itself if it already is. Pairs of start < end in any order, overlapping or not. */
export function normalizeRanges(ranges: number[]): number[] {
  for (let index = 2; index < ranges.length; index += 2) {
    if ((ranges[index] as number) <= (ranges[index - 1] as number)) return sortAndMerge(ranges)
  }
  return ranges
}

// Yjs writes sorted ranges, so this is for others. Sorting pairs as 64-bit integers needs no comparator: two million take a fraction of a
// second.
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

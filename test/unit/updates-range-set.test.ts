// Range sets of many chunks behave like sets of clocks, whatever is added in whatever order.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seededRandom } from '../../core/random.js'
import { RangeSet } from '../../protocol/updates/range-set.js'
import { normalizeRanges, pushRange } from '../../protocol/updates/ranges.js'

const CLOCKS = 12_000

/** Sorted ranges: few or thousands, short or long. */
function randomRanges(random: Random): number[] {
  const count = 1 + random.below([2, 12, 60, 4_000][random.below(4)] as number)
  const lengthMax = [1, 3, 400, 6_000][random.below(count > 100 ? 2 : 4)] as number
  const ranges: number[] = []
  for (let index = 0; index < count; index++) {
    const start = random.below(CLOCKS - 1)
    ranges.push(start, Math.min(CLOCKS, start + 1 + random.below(lengthMax)))
  }
  return normalizeRanges(ranges)
}

const rangesOf = (clocks: Uint8Array, wanted: number, within: readonly number[]): number[] => {
  const ranges: number[] = []
  for (let index = 0; index < within.length; index += 2)
    for (let clock = within[index] as number; clock < (within[index + 1] as number); clock++)
      if (clocks[clock] === wanted) pushRange(ranges, clock, clock + 1)
  return ranges
}

test('range sets of thousands of ranges behave like sets of clocks', () => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = seededRandom(seed)
    const initial = random.below(2) === 0 ? [] : randomRanges(random)
    const set = new RangeSet(initial)
    const clocks = new Uint8Array(CLOCKS)
    const mark = (ranges: readonly number[]): void => {
      for (let index = 0; index < ranges.length; index += 2) clocks.fill(1, ranges[index], ranges[index + 1])
    }
    mark(initial)
    for (let step = 0; step < 25; step++) {
      const ranges = randomRanges(random)
      const missing = rangesOf(clocks, 0, ranges)
      assert.deepEqual(set.missing(ranges), missing, `seed ${seed}, step ${step}: missing`)
      const notCovered = set.notCovered(ranges)
      // Every clock that is missing is in it, and each range of it begins and ends with one.
      assert.deepEqual(rangesOf(clocks, 0, notCovered), missing, `seed ${seed}, step ${step}: not covered`)
      for (let index = 0; index < notCovered.length; index += 2)
        assert.ok(clocks[notCovered[index] as number] === 0 && clocks[(notCovered[index + 1] as number) - 1] === 0)
      const [contiguousEnd, rangeCount] = [set.contiguousEndWith(ranges), set.rangeCountWith(missing)]
      set.add(ranges)
      mark(ranges)
      const all = rangesOf(clocks, 1, [0, CLOCKS])
      assert.deepEqual(set.toArray(), all, `seed ${seed}, step ${step}: added`)
      assert.equal(set.rangeCount, all.length / 2)
      assert.equal(set.contiguousEnd, all[0] === 0 ? all[1] : 0)
      assert.deepEqual([contiguousEnd, rangeCount], [set.contiguousEnd, set.rangeCount], `seed ${seed}, step ${step}: told before`)
      assert.ok(set.equals(new RangeSet(all)))
      // Start over before the set is one range.
      if (all.length < 20) break
    }
  }
})

test('G7: a million ranges take 10 bytes each, and one range over all of them is one again', () => {
  const ranges: number[] = []
  for (let index = 0; index < 1_000_000; index++) ranges.push(index * 4, index * 4 + 1)
  const set = new RangeSet(ranges)
  for (let index = 0; index < 200_000; index++) set.add([index * 8 + 2, index * 8 + 3])
  assert.equal(set.rangeCount, 1_200_000)
  assert.ok(set.byteLength < set.rangeCount * 10, `${set.byteLength} bytes`)
  assert.deepEqual(set.notCovered([0, 4_000_000]), [1, 4_000_000])
  set.add([1, 4_000_000])
  assert.deepEqual(set.toArray(), [0, 4_000_000])
})

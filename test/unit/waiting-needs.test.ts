// The lists of what waits behave like plain sorted arrays, also when they are long and change in the middle.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seededRandom } from '../../core/random.js'
import { type Orphan, Orphans } from '../../protocol/updates/orphans.js'
import { NeedCursor, type WaitingNeeds } from '../../protocol/updates/waiting-needs.js'
import { shuffled } from '../helpers/update-generator.js'

type Need = readonly [at: number, client: number, clock: number]

/** Needs of structs that nobody has named yet: a run of neighbours, or some here and there; sometimes two of one struct. */
function newNeeds(random: Random, taken: Set<number>): Need[] {
  const count = 1 + random.below([3, 40, 1_500][random.below(3)] as number)
  const stride = 1 + random.below(3)
  const first = random.below(20_000)
  const needs: Need[] = []
  for (let index = 0; index < count; index++) {
    const at = first + index * stride
    if (taken.has(at)) continue
    taken.add(at)
    for (let left = 1 + (random.below(4) === 0 ? 1 : 0); left > 0; left--) needs.push([at, 1 + random.below(5), random.below(100)])
  }
  return needs
}

test('needs of a waiting client are met in the order of their structs, whatever came when, and none is lost', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = seededRandom(seed)
    const taken = new Set<number>()
    let stored: WaitingNeeds | null = null
    let expected: Need[] = []
    for (let step = 0; step < 30; step++) {
      const added = random.below(4) === 0 ? [] : newNeeds(random, taken)
      expected = [...expected, ...added].sort((a, b) => a[0] - b[0])
      const cursor = new NeedCursor(stored, added.flat())
      // Looking ahead without settling changes nothing.
      const abandoned = new NeedCursor(stored, [])
      for (let ahead = random.below(50); ahead > 0; ahead--) abandoned.advance()
      const met = random.below(3) === 0 ? random.below(expected.length + 1) : Math.min(expected.length, random.below(20))
      for (const need of expected.slice(0, met)) {
        assert.deepEqual([cursor.at, cursor.client, cursor.clock], need, `seed ${seed}, step ${step}`)
        cursor.advance()
      }
      expected = expected.slice(met)
      assert.equal(cursor.remaining, expected.length)
      stored = cursor.settle()
      assert.equal(stored.count, expected.length)
    }
    const rest = new NeedCursor(stored, [])
    for (const need of expected) {
      assert.deepEqual([rest.at, rest.client, rest.clock], need, `seed ${seed}: the rest`)
      rest.advance()
    }
    assert.equal(rest.at, Number.POSITIVE_INFINITY)
  }
})

test('structs that wait for what they hang on are found by it and by themselves, however many hang on one', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = seededRandom(seed)
    const links = 1 + random.below(40)
    const all = shuffled(
      random,
      Array.from(
        { length: 3_000 },
        (_, index): Orphan => ({
          client: index % 3,
          start: index * 4,
          end: index * 4 + 1 + random.below(4),
          linkClient: 7 + random.below(2),
          linkClock: random.below(links),
          deeper: 1,
          isType: true,
        }),
      ),
    )
    const orphans = new Orphans()
    for (const orphan of all) orphans.insert(orphan)
    const gone = new Set(all.filter(() => random.below(3) > 0))
    for (const orphan of gone) orphans.remove(orphan)
    const left = all.filter((orphan) => !gone.has(orphan))
    assert.equal(orphans.count, left.length)
    for (const orphan of all)
      for (const clock of [orphan.start, orphan.end - 1]) assert.equal(orphans.has(orphan.client, clock), !gone.has(orphan), `seed ${seed}`)
    for (let query = 0; query < 20; query++) {
      const [client, start] = [7 + random.below(2), random.below(links)]
      const end = start + 1 + random.below(5)
      const found = [...orphans.awaiting(client, start, end)]
      const expected = left.filter((orphan) => orphan.linkClient === client && orphan.linkClock >= start && orphan.linkClock < end)
      assert.deepEqual(new Set(found), new Set(expected), `seed ${seed}`)
      assert.equal(found.length, expected.length)
    }
    for (const orphan of left) orphans.remove(orphan)
    assert.equal(orphans.count, 0)
    assert.deepEqual([...orphans.awaiting(7, 0, links)], [])
  }
})

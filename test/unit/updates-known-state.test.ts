// Known states, encoded documents and merging by example: gaps, Skips, cuts, and what comes back as the same buffer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { defaultLimits } from '../../core/limits.js'
import { seededRandom } from '../../core/random.js'
import { EncodedDocument } from '../../protocol/updates/encoded-document.js'
import { inspectUpdate } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { emptyUpdate, mergeUpdateTree } from '../../protocol/updates/merge.js'
import { RangeSet } from '../../protocol/updates/range-set.js'
import { normalizeRanges } from '../../protocol/updates/ranges.js'
import { decodeStateVector } from '../../protocol/updates/state-vector.js'
import { documentOf } from '../helpers/update-generator.js'

const inspect = (bytes: Uint8Array) => inspectUpdate(bytes, defaultLimits)

function knownStateOf(...updates: readonly Uint8Array[]): KnownState {
  const known = new KnownState()
  for (const update of updates) known.add(inspect(update))
  return known
}

/** One update per call of `edit`, all by client 7 (or `clientId`), typing into the text "t". */
function typed(texts: readonly string[], clientId = 7): Uint8Array[] {
  const doc = new Y.Doc()
  doc.clientID = clientId
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (const text of texts) doc.getText('t').insert(doc.getText('t').length, text)
  return updates
}

const textOf = (...updates: readonly Uint8Array[]): string =>
  documentOf(...updates)
    .getText('t')
    .toString()

const part = (values: readonly Uint8Array[], ...indices: readonly number[]): Uint8Array[] =>
  indices.map((index) => values[index] as Uint8Array)

test('S3: an update that is all new comes back as the same buffer, a known one as null', () => {
  const [first, second] = typed(['ab', 'cd']) as [Uint8Array, Uint8Array]
  const known = new KnownState()
  assert.equal(known.subtract(inspect(first)), first)
  known.add(inspect(first))
  assert.equal(known.subtract(inspect(first)), null)
  assert.equal(known.subtract(inspect(second)), second)
  assert.equal(known.subtract(inspect(emptyUpdate)), null)
})

test('S3: of an update that is known in part only the new structs come back, the first one cut', () => {
  const updates = typed(['ab', 'c🙂d'])
  const known = knownStateOf(...part(updates, 0))
  const whole = Y.encodeStateAsUpdate(documentOf(...updates))
  const fresh = known.subtract(inspect(whole))
  assert.ok(fresh)
  assert.deepEqual(
    inspect(fresh).blocks.map((block) => block.ranges),
    [[2, 6]],
  )
  assert.equal(textOf(...part(updates, 0), fresh), 'abc🙂d')
})

test('S3: a resent delete set comes back as its new ranges only', () => {
  const doc = new Y.Doc()
  doc.getText('t').insert(0, 'abcdefgh')
  doc.getText('t').delete(1, 2)
  const known = knownStateOf(Y.encodeStateAsUpdate(doc))
  const nothingNew = Y.encodeStateAsUpdate(doc, Y.encodeStateVector(doc))
  assert.notDeepEqual(nothingNew, emptyUpdate)
  assert.equal(known.subtract(inspect(nothingNew)), null)
  doc.getText('t').delete(3, 1)
  const fresh = known.subtract(inspect(Y.encodeStateAsUpdate(doc, Y.encodeStateVector(doc))))
  assert.deepEqual(inspect(fresh ?? emptyUpdate).deletes, [{ client: doc.clientID, ranges: [5, 6] }])
})

test('S4: clocks behind a gap are known, but the state vector stops at the gap; Skips are not known', () => {
  const updates = typed(['a', 'b', 'c', 'd', 'e'])
  const gapped = Y.mergeUpdates(part(updates, 0, 3, 4))
  const known = knownStateOf(gapped)
  assert.deepEqual(decodeStateVector(known.stateVector(), defaultLimits), new Map([[7, 1]]))
  assert.deepEqual(known.stateVector(), Y.encodeStateVectorFromUpdate(gapped))
  assert.equal(known.subtract(inspect(gapped)), null)
  // The missing structs come back, with nothing that is known beside them.
  const fresh = known.subtract(inspect(Y.mergeUpdates(updates)))
  assert.deepEqual(
    inspect(fresh ?? emptyUpdate).blocks.map((block) => block.ranges),
    [[1, 3]],
  )
  known.add(inspect(fresh ?? emptyUpdate))
  assert.ok(known.equals(knownStateOf(...updates)))
  assert.equal(textOf(gapped, fresh ?? emptyUpdate), 'abcde')
})

test('S4: a client whose structs begin with a Skip loses nothing (yjs#785)', () => {
  const updates = typed(['a', 'b', 'c', 'd', 'e', 'f'])
  const other = typed(['x', 'y', 'z'], 9)
  const late = Y.mergeUpdates([...part(updates, 1, 3, 5), ...part(other, 2)])
  const known = knownStateOf(late)
  assert.deepEqual(known.stateVector(), Uint8Array.of(0))
  // Cut so that Skips lead: clock 2 is a Skip of `late`.
  const document = new EncodedDocument(late, inspect(late))
  const difference = document.difference(new Map([[7, 2]]))
  assert.deepEqual(
    inspect(difference).blocks.map(({ client, firstClock, ranges }) => ({ client, firstClock, ranges })),
    [
      { client: 9, firstClock: 2, ranges: [2, 3] },
      { client: 7, firstClock: 3, ranges: [3, 4, 5, 6] },
    ],
  )
  const fresh = knownStateOf(...part(updates, 3)).subtract(inspect(late))
  const merged = mergeUpdateTree([...part(updates, 0, 2, 4), ...part(other, 0, 1), difference, fresh ?? emptyUpdate])
  assert.ok(knownStateOf(merged, ...part(updates, 3)).equals(knownStateOf(...updates, ...other)))
  const complete = documentOf(merged, ...part(updates, 3))
  assert.equal(complete.store.pendingStructs, null)
})

test('S3: several gaps in one client are cut into one block with Skips between them', () => {
  const updates = typed([...'abcdefghij'])
  const known = knownStateOf(...part(updates, 2, 5, 6))
  const fresh = known.subtract(inspect(Y.mergeUpdates(updates)))
  assert.deepEqual(
    inspect(fresh ?? emptyUpdate).blocks.map((block) => block.ranges),
    [[0, 2, 3, 5, 7, 10]],
  )
  assert.equal(textOf(fresh ?? emptyUpdate, ...part(updates, 6, 2, 5)), 'abcdefghij')
})

test('S3: structs are cut at both ends, whatever they hold', () => {
  const doc = new Y.Doc()
  doc.clientID = 7
  const array = doc.getArray('a')
  const json = Uint8Array.of(1, 1, 8, 0, 2, 1, 1, 97, 4, 1, 49, 1, 50, 1, 51, 1, 52, 0)
  array.insert(0, [1, 'two', { three: 3 }, null])
  doc.getText('t').insert(0, 'a🙂b')
  const whole = Y.mergeUpdates([
    Y.encodeStateAsUpdate(doc),
    json,
    Uint8Array.of(1, 1, 9, 0, 0, 6, 0),
    Uint8Array.of(1, 1, 10, 0, 1, 1, 1, 97, 6, 0),
  ])
  for (const [client, length] of [
    [7, 8],
    [8, 4],
    [9, 6],
    [10, 6],
  ] as const) {
    // biome-ignore format: pairs
    for (let from = 0; from < length; from++) {
      for (let to = from + 1; to <= length; to++) {
        const inspected = inspect(whole)
        const known = knownStateOf(whole)
        const outside = new KnownState()
        const ranges = [0, from, to, length].filter((_, index) => (index < 2 ? from > 0 : to < length))
        for (const block of inspected.blocks) {
          const blockRanges = block.client === client ? ranges : block.ranges
          outside.add({ ...inspected, blocks: [{ ...block, ranges: blockRanges }] })
        }
        const fresh = inspect(outside.subtract(inspected) ?? emptyUpdate)
        assert.deepEqual(
          fresh.blocks.map((block) => [block.client, block.ranges]),
          [[client, [from, to]]],
        )
        outside.add(fresh)
        assert.ok(outside.equals(known))
      }
    }
  }
})

test('D8: a forged history that would make Yjs integrate half a struct behind garbage is cut so that it applies', () => {
  const late = Uint8Array.of(1, 1, 7, 2, 4, 1, 1, 116, 3, 97, 98, 99, 0)
  const garbage = Uint8Array.of(1, 1, 7, 0, 0, 3, 0)
  assert.throws(() => documentOf(late, garbage))
  const known = knownStateOf(late)
  const fresh = known.subtract(inspect(garbage))
  assert.deepEqual(fresh, Uint8Array.of(1, 1, 7, 0, 0, 2, 0))
  documentOf(late, fresh ?? emptyUpdate)
})

test('known states are equal or covered by what they hold, not by how it came', () => {
  const updates = typed([...'abcdef'])
  const whole = knownStateOf(Y.mergeUpdates(updates))
  const backwards = knownStateOf(...updates.toReversed())
  assert.ok(whole.equals(backwards) && backwards.equals(whole))
  const gapped = knownStateOf(...part(updates, 0, 2))
  assert.ok(!gapped.equals(whole) && !whole.equals(gapped))
  assert.ok(whole.covers(gapped) && !gapped.covers(whole))
  assert.ok(new KnownState().equals(new KnownState()))
})

test('client ids of 53 bits pass through inspection, state vectors and cuts', () => {
  const client = 2 ** 53 - 1
  const updates = typed(['ab', 'cd'], client)
  const known = knownStateOf(...part(updates, 0))
  const whole = Y.mergeUpdates(updates)
  assert.deepEqual(decodeStateVector(known.stateVector(), defaultLimits), new Map([[client, 2]]))
  const fresh = known.subtract(inspect(Y.encodeStateAsUpdate(documentOf(whole)))) ?? emptyUpdate
  assert.deepEqual(inspect(fresh).blocks[0]?.client, client)
  assert.equal(textOf(...part(updates, 0), fresh), 'abcd')
})

test('S2: a join with an empty state vector gets the base buffer itself', () => {
  const base = Y.mergeUpdates(typed(['abc', 'def']))
  const document = new EncodedDocument(base, inspect(base))
  assert.equal(document.difference(new Map()), base)
  assert.equal(document.difference(new Map([[7, 0]])), base)
  assert.equal(document.difference(new Map([[1234, 9]])), base)
})

test('S2: a difference always holds the whole delete set', () => {
  const doc = new Y.Doc()
  doc.getText('t').insert(0, 'abcdef')
  doc.getText('t').delete(1, 2)
  const base = Y.encodeStateAsUpdate(doc)
  const difference = new EncodedDocument(base, inspect(base)).difference(new Map([[doc.clientID, 6]]))
  assert.deepEqual(difference, Y.encodeStateAsUpdate(doc, Y.encodeStateVector(doc)))
})

test('S2: differences of a document of many kilobytes are right at every checkpoint and between them', () => {
  const random = seededRandom(5)
  const doc = new Y.Doc({ gc: false })
  const text = doc.getText('t')
  for (let index = 0; index < 4000; index++) text.insert(random.below(text.length + 1), `${index} héllo`)
  const base = Y.encodeStateAsUpdate(doc)
  const inspected = inspect(base)
  assert.ok(inspected.checkpoints.length > 40)
  const document = new EncodedDocument(base, inspected)
  const clocks = [1, 2, 17, inspected.blocks[0]?.endClock ?? 0]
  for (let index = 1; index < inspected.checkpoints.length; index += 4) {
    const clock = inspected.checkpoints[index] as number
    clocks.push(clock - 1, clock, clock + 1)
  }
  for (const clock of clocks) {
    const vector = new Map([[doc.clientID, clock]])
    assert.deepEqual(document.difference(vector), Y.diffUpdate(base, Y.encodeStateVector(vector)), `clock ${clock}`)
    const known = new KnownState()
    const whole = inspect(base)
    known.add({ ...whole, blocks: whole.blocks.map((block) => ({ ...block, ranges: [0, clock] })) })
    const fresh = known.subtract(whole)
    if (fresh !== null) assert.deepEqual(fresh.subarray(0, -1), Y.diffUpdate(base, Y.encodeStateVector(vector)).subarray(0, -1))
  }
})

test('merging: none gives the empty update, one gives itself, thousands give what one document gives', () => {
  assert.equal(mergeUpdateTree([]), emptyUpdate)
  const [only] = typed(['x']) as [Uint8Array]
  assert.equal(mergeUpdateTree([only]), only)
  const updates = typed(Array.from({ length: 3000 }, (_, index) => String(index % 10)))
  assert.equal(textOf(mergeUpdateTree(updates)), Array.from({ length: 3000 }, (_, index) => String(index % 10)).join(''))
})

test('range sets behave like sets of clocks', () => {
  const seed = 3
  const random = seededRandom(seed)
  for (let round = 0; round < 300; round++) {
    const ranges = new RangeSet([])
    const clocks = new Set<number>()
    for (let step = 0; step < 12; step++) {
      const added: number[] = []
      for (let count = 1 + random.below(random.below(3) === 0 ? 14 : 2); count > 0; count--) {
        const start = random.below(120)
        added.push(start, start + 1 + random.below(6))
      }
      const sorted = normalizeRanges(added)
      const expected: number[] = []
      for (let index = 0; index < sorted.length; index += 2)
        for (let clock = sorted[index] as number; clock < (sorted[index + 1] as number); clock++)
          if (!clocks.has(clock)) expected.push(clock)
      const missing: number[] = []
      const missingRanges = ranges.missing(sorted)
      for (let index = 0; index < missingRanges.length; index += 2)
        for (let clock = missingRanges[index] as number; clock < (missingRanges[index + 1] as number); clock++) missing.push(clock)
      assert.deepEqual(missing, expected, `seed ${seed}, round ${round}`)
      ranges.add(sorted)
      for (const clock of expected) clocks.add(clock)
    }
    const all = ranges.toArray()
    for (let index = 2; index < all.length; index += 2) assert.ok((all[index] as number) > (all[index - 1] as number), 'ranges touch')
    let size = 0
    for (let index = 0; index < all.length; index += 2) size += (all[index + 1] as number) - (all[index] as number)
    assert.equal(size, clocks.size)
  }
})

test('the state vector before some additions is that of what was known without them, also around gaps and Skips', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed)
    const updates = [7, 8, 9].flatMap((client) => typed(['ab', 'c', 'def', 'g'], client)).filter(() => random.below(5) > 0)
    for (let index = updates.length - 1; index > 0; index--) {
      const other = random.below(index + 1)
      const [a, b] = [updates[index] as Uint8Array, updates[other] as Uint8Array]
      updates[index] = b
      updates[other] = a
    }
    const cut = random.below(updates.length + 1)
    const [before, after] = [updates.slice(0, cut), updates.slice(cut)]
    const additions = random.below(2) === 0 ? after : after.length === 0 ? [] : [mergeUpdateTree(after)]
    const stateVector = knownStateOf(...before, ...additions).stateVectorBefore(additions.map(inspect))
    assert.deepEqual(
      decodeStateVector(stateVector, defaultLimits),
      decodeStateVector(knownStateOf(...before).stateVector(), defaultLimits),
      `seed ${seed}`,
    )
  }
})

// Property tests of protocol/updates against Yjs itself, on random histories. A failure names its seed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { defaultLimits } from '../../core/limits.js'
import { type Random, seededRandom } from '../../core/random.js'
import { EncodedDocument } from '../../protocol/updates/encoded-document.js'
import { inspectUpdate } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { mergeUpdateTree } from '../../protocol/updates/merge.js'
import { decodeStateVector } from '../../protocol/updates/state-vector.js'
import { contentOf, documentOf, randomHistory, shuffled } from '../helpers/update-generator.js'

const SEEDS = 40
const firstSeed = Number(process.env['WEFT_SEED'] ?? 1)

function forSeeds(count: number, run: (random: Random, seed: number) => void): void {
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    try {
      run(seededRandom(seed), seed)
    } catch (error) {
      throw new Error(
        `Seed ${seed} failed (run it alone with WEFT_SEED=${seed}): ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      )
    }
  }
}

const inspect = (bytes: Uint8Array) => inspectUpdate(bytes, defaultLimits)

function knownStateOf(...updates: readonly Uint8Array[]): KnownState {
  const known = new KnownState()
  for (const update of updates) known.add(inspect(update))
  return known
}

/** A random part of a history as one update: with gaps, since it leaves updates out. */
function randomPart(random: Random, updates: readonly Uint8Array[]): Uint8Array {
  const share = random.fraction()
  return Y.mergeUpdates(updates.filter(() => random.fraction() < share))
}

const encoded = (doc: Y.Doc): Uint8Array => Y.encodeStateAsUpdate(doc)

function assertSameDocument(actual: Y.Doc, expected: Y.Doc): void {
  assert.deepEqual(contentOf(actual), contentOf(expected))
  assert.deepEqual(Y.encodeStateVector(actual), Y.encodeStateVector(expected))
  assert.ok(knownStateOf(encoded(actual)).equals(knownStateOf(encoded(expected))), 'structs or deletes differ')
}

test('S3: every update that Yjs emits is accepted, is new once, and is nothing new when it is sent again', () => {
  forSeeds(SEEDS, (random) => {
    const { updates, doc } = randomHistory(random)
    const known = new KnownState()
    for (const update of updates) {
      const inspected = inspect(update)
      // Undo can repeat deletes, so an update is not always new as a whole; its structs are.
      const fresh = known.subtract(inspected)
      known.add(inspected)
      if (fresh !== null && inspected.structCount > 0 && inspected.deletes.length === 0) assert.equal(fresh, update)
      assert.equal(known.subtract(inspected), null)
    }
    assert.deepEqual(known.stateVector(), Y.encodeStateVector(doc))
    assert.ok(known.equals(knownStateOf(mergeUpdateTree(updates))))
    // A reconnecting client resends its whole delete set. Once it can hold deletes that nobody sent: a replaced map entry is deleted by whoever integrates it.
    const resent = inspect(encoded(doc))
    const implied = known.subtract(resent)
    if (implied !== null) assert.equal(inspect(implied).structCount, 0)
    known.add(resent)
    assert.equal(known.subtract(resent), null)
    assert.ok(known.covers(knownStateOf(mergeUpdateTree(updates))))
    assert.equal(known.subtract(inspect(Y.encodeStateAsUpdate(doc, Y.encodeStateVector(doc)))), null)
  })
})

test('S3: what is known plus the difference equals everything, whatever is known and with gaps on both sides', () => {
  forSeeds(SEEDS, (random) => {
    const { updates } = randomHistory(random)
    const base = randomPart(random, updates)
    const sent = randomPart(random, updates)
    const known = knownStateOf(base)
    const fresh = known.subtract(inspect(sent))
    const expected = documentOf(base, sent)
    const inspected = inspect(fresh ?? Uint8Array.of(0, 0))
    assertSameDocument(documentOf(base, ...(fresh === null ? [] : [fresh])), expected)
    known.add(inspected)
    assert.ok(known.equals(knownStateOf(base, sent)))
    assert.equal(known.subtract(inspect(sent)), null)
    // The rest completes it (S4).
    const rest = known.subtract(inspect(mergeUpdateTree(updates)))
    assertSameDocument(documentOf(base, ...(fresh === null ? [] : [fresh]), ...(rest === null ? [] : [rest])), documentOf(...updates))
  })
})

test('S3: structs that are known in part are cut, also in the middle of strings and with surrogate pairs', () => {
  forSeeds(SEEDS, (random) => {
    const { updates } = randomHistory(random, { steps: 30, gc: false })
    const merged = encoded(documentOf(...updates))
    const whole = inspect(merged)
    // A client that knows each client's structs up to a random clock.
    const stateVector = new Map(whole.blocks.map((block) => [block.client, random.below(block.endClock + 1)]))
    const known = new KnownState()
    known.add({
      ...whole,
      blocks: whole.blocks
        .map((block) => ({ ...block, ranges: [0, stateVector.get(block.client) ?? 0] }))
        .filter((block) => block.ranges[1] !== 0),
      deletes: [],
    })
    const fresh = known.subtract(whole)
    if (fresh === null) return
    const inspected = inspect(fresh)
    for (const block of inspected.blocks) assert.equal(block.firstClock, stateVector.get(block.client))
    const difference = Y.diffUpdate(merged, Y.encodeStateVector(stateVector))
    assert.ok(knownStateOf(fresh).equals(knownStateOf(difference)))
    assert.deepEqual(Y.encodeStateVectorFromUpdate(fresh), Y.encodeStateVectorFromUpdate(difference))
  })
})

test('S2: a difference cut out of an encoded document has the effect of Y.diffUpdate', () => {
  forSeeds(SEEDS, (random) => {
    const { updates } = randomHistory(random)
    // A merged log rather than a document's state, so that there are Skips.
    const bytes = random.below(2) === 0 ? randomPart(random, updates) : encoded(documentOf(...updates))
    const document = new EncodedDocument(bytes, inspect(bytes))
    assert.equal(document.difference(new Map()), bytes.length === 2 ? bytes : document.difference(new Map()))
    for (let round = 0; round < 4; round++) {
      const behind = documentOf(...updates.slice(0, random.below(updates.length + 1)))
      const stateVector = decodeStateVector(Y.encodeStateVector(behind), defaultLimits)
      const difference = document.difference(stateVector)
      assertSameDocument(documentOf(encoded(behind), difference), documentOf(encoded(behind), bytes))
      const theirs = Y.diffUpdate(bytes, Y.encodeStateVector(behind))
      assert.ok(knownStateOf(difference).equals(knownStateOf(theirs)))
    }
  })
})

test('S2: random clocks, also within Skips and beyond the end, cut like Y.diffUpdate', () => {
  forSeeds(SEEDS, (random) => {
    const { updates } = randomHistory(random, { steps: 40 })
    const bytes = randomPart(random, updates)
    const inspected = inspect(bytes)
    const document = new EncodedDocument(bytes, inspected)
    for (let round = 0; round < 8; round++) {
      const stateVector = new Map<number, number>()
      for (const block of inspected.blocks) if (random.below(4) > 0) stateVector.set(block.client, random.below(block.endClock + 2))
      const mine = knownStateOf(document.difference(stateVector))
      assert.ok(mine.equals(knownStateOf(Y.diffUpdate(bytes, Y.encodeStateVector(stateVector)))))
    }
  })
})

test('merging in a tree has the effect of applying one by one, in any order', () => {
  forSeeds(SEEDS, (random) => {
    const { updates } = randomHistory(random, { clients: 4, steps: 120 })
    const merged = mergeUpdateTree(shuffled(random, updates))
    assertSameDocument(documentOf(merged), documentOf(...updates))
  })
})

test('S4: updates that arrive in any order are kept and complete the document', () => {
  forSeeds(SEEDS, (random) => {
    const { updates } = randomHistory(random)
    const known = new KnownState()
    const log: Uint8Array[] = []
    for (const update of shuffled(random, [...updates, ...updates.filter(() => random.below(3) === 0)])) {
      const fresh = known.subtract(inspect(update))
      if (fresh === null) continue
      known.add(inspect(fresh))
      log.push(fresh)
    }
    assertSameDocument(documentOf(mergeUpdateTree(log)), documentOf(...updates))
    assert.ok(known.equals(knownStateOf(mergeUpdateTree(log))))
  })
})

// Cutting a large update into pieces that together mean the same, and of which nothing is seen before the last.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { defaultLimits } from '../../core/limits.js'
import { seededRandom } from '../../core/random.js'
import { inspectUpdate } from '../../protocol/updates/inspect.js'
import { cutUpdate, pieceBytesMin } from '../../protocol/updates/submission-pieces.js'
import { canonicalState } from '../helpers/states.js'
import { randomHistory, shuffled } from '../helpers/update-generator.js'

const bytesMax = 900

test('parts are small, well formed, and converge to the whole in any order', () => {
  for (let seed = 1; seed <= 8; seed++) {
    const random = seededRandom(seed)
    const { doc } = randomHistory(random, { clients: 3, steps: 300, gc: seed % 2 === 0 })
    const update = Y.encodeStateAsUpdate(doc)
    const parts = cutUpdate(update, bytesMax)
    assert.ok(update.length <= bytesMax || parts.length > 1, `seed ${seed}`)
    for (const part of parts) {
      assert.ok(part.length <= bytesMax, `seed ${seed}: a part of ${part.length} bytes`)
      inspectUpdate(part, defaultLimits)
    }
    for (const order of [parts, shuffled(random, parts)]) {
      const copy = new Y.Doc()
      for (const part of order) Y.applyUpdate(copy, part)
      assert.equal(canonicalState(copy), canonicalState(doc), `seed ${seed}`)
      copy.destroy()
    }
  }
})

test('one struct larger than a part is split, never inside a character', () => {
  const doc = new Y.Doc()
  doc.getText('body').insert(0, '👩‍🚀🙂é'.repeat(1_000))
  doc.getArray('values').insert(
    0,
    Array.from({ length: 500 }, (_, index) => ({ index })),
  )
  doc.getMap('map').set('key', 'x'.repeat(100))
  const parts = cutUpdate(Y.encodeStateAsUpdate(doc), bytesMax)
  const copy = new Y.Doc()
  for (const part of parts) {
    assert.ok(part.length <= bytesMax)
    inspectUpdate(part, defaultLimits)
    Y.applyUpdate(copy, part)
  }
  assert.equal(copy.getText('body').toString(), doc.getText('body').toString())
  assert.equal(canonicalState(copy), canonicalState(doc))
})

test('an update that fits is returned as it is, one value that does not stays whole', () => {
  const doc = new Y.Doc()
  doc.getMap('map').set('key', 'x'.repeat(1_000))
  const update = Y.encodeStateAsUpdate(doc)
  assert.equal(cutUpdate(update, 2_000)[0], update)
  const [piece] = cutUpdate(update, bytesMax)
  assert.deepEqual(piece, update)
})

test('many deleted ranges are cut as well', () => {
  const doc = new Y.Doc({ gc: false })
  const text = doc.getText('body')
  text.insert(0, 'ab'.repeat(1_000))
  for (let index = 0; index < 1_000; index++) text.delete(index, 1)
  const update = Y.encodeStateAsUpdate(doc, Y.encodeStateVector(doc))
  assert.ok(update.length > bytesMax)
  const parts = cutUpdate(update, bytesMax)
  assert.ok(parts.length > 1 && parts.every((part) => part.length <= bytesMax))
  assert.deepEqual(Y.mergeUpdates(parts), update)
})

test('S1: of the pieces of a large change nothing is seen before the last one, which brings all in one transaction', () => {
  const before = new Y.Doc()
  before.getText('body').insert(0, 'there before')
  const doc = new Y.Doc()
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(before))
  const update = collected(doc, () => {
    doc.transact(() => {
      for (let line = 0; line < 3_000; line++) doc.getArray('lines').push([`line ${line} ${'x'.repeat(100)}`])
      doc.getText('body').delete(0, 6)
      doc.getText('body').insert(3, 'y'.repeat(500_000))
    })
  })
  const pieces = cutUpdate(update, defaultLimits.messageBytesMax)
  assert.ok(pieces.length > 5 && pieces.length <= 34, `${pieces.length} pieces of ${update.length} bytes`)
  assert.ok(pieces.every((piece) => piece.length <= Math.max(pieceBytesMin, update.length / 32) + 64))
  const seen = new Y.Doc()
  Y.applyUpdate(seen, Y.encodeStateAsUpdate(before))
  let changes = 0
  seen.on('update', () => changes++)
  for (const [index, piece] of pieces.entries()) {
    assert.equal(changes, 0, `seen after ${index} pieces`)
    Y.applyUpdate(seen, piece)
  }
  assert.equal(changes, 1)
  assert.equal(canonicalState(seen), canonicalState(doc))
})

test('S1: also of an update by hundreds of clients, in groups of which each is seen as a whole', () => {
  const doc = new Y.Doc()
  for (let client = 1; client <= 350; client++) {
    const one = new Y.Doc()
    one.clientID = client * 1_000
    one.getText(`text ${client}`).insert(0, 'z'.repeat(client % 7 === 0 ? 3_000 : 300))
    one.getText(`text ${client}`).delete(5, 10)
    one.getArray('all').push([client, one.clientID])
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(one))
  }
  const pieces = cutUpdate(Y.encodeStateAsUpdate(doc), 10_000)
  assert.ok(pieces.every((piece) => piece.length <= 10_000))
  const seen = new Y.Doc()
  let changes = 0
  seen.on('update', () => changes++)
  for (const piece of pieces) Y.applyUpdate(seen, piece)
  assert.ok(changes <= 30, `${changes} changes of ${pieces.length} pieces`)
  assert.equal(canonicalState(seen), canonicalState(doc))
})

test('an update with gaps is cut with its gaps', () => {
  const doc = new Y.Doc()
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (let key = 0; key < 60; key++) doc.getArray('lines').push([`${key} ${'x'.repeat(100)}`])
  const gapped = Y.mergeUpdates(updates.filter((_, index) => index % 3 !== 1))
  const pieces = cutUpdate(gapped, bytesMax)
  assert.ok(pieces.length > 5)
  const copy = new Y.Doc()
  for (const piece of pieces) {
    inspectUpdate(piece, defaultLimits)
    Y.applyUpdate(copy, piece)
  }
  for (const update of updates.filter((_, index) => index % 3 === 1)) Y.applyUpdate(copy, update)
  assert.equal(canonicalState(copy), canonicalState(doc))
})

function collected(doc: Y.Doc, run: () => void): Uint8Array {
  const updates: Uint8Array[] = []
  const collect = (update: Uint8Array): void => void updates.push(update)
  doc.on('update', collect)
  run()
  doc.off('update', collect)
  return Y.mergeUpdates(updates)
}

// Cutting a large update into parts that fit one message each and together mean the same.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { cutUpdate } from '../../client/cut-update.js'
import { defaultLimits } from '../../core/limits.js'
import { seededRandom } from '../../core/random.js'
import { inspectUpdate } from '../../protocol/updates/inspect.js'
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

test('an update that fits is returned as it is, one value that does not is refused', () => {
  const doc = new Y.Doc()
  doc.getMap('map').set('key', 'x'.repeat(1_000))
  const update = Y.encodeStateAsUpdate(doc)
  assert.equal(cutUpdate(update, 2_000)[0], update)
  assert.throws(() => cutUpdate(update, bytesMax), RangeError)
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

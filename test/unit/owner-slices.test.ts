// Large submissions are taken in over several turns of the event loop (G7): in order, completely, and without holding up anything that ends.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { runInSlices, type Sliced } from '../../core/slices.js'
import { ManualClock } from '../helpers/manual-clock.js'
import { editOf, OwnerBench } from '../helpers/owner-bench.js'
import { updateShapes } from '../helpers/update-shapes.js'

const LARGE = 60_000

/** A large document of one author as its first update, and what that author typed next. */
function largeUpload(): { readonly doc: Y.Doc; readonly upload: Uint8Array; readonly next: Uint8Array } {
  const doc = new Y.Doc()
  doc.clientID = 5
  Y.applyUpdate(doc, updateShapes['characters of their own'](LARGE))
  const before = Y.encodeStateVector(doc)
  const upload = updateShapes['characters of their own'](LARGE)
  doc.getText('t').insert(LARGE, 'and on')
  return { doc, upload, next: Y.encodeStateAsUpdate(doc, before) }
}

test('G7: a large update is taken in over several turns, and what comes after it is taken in after it', async () => {
  const { doc, upload, next } = largeUpload()
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  const fellow = await bench.join('doc')
  writer.submit(upload)
  writer.submit(next)
  fellow.submit(editOf('me too', 9))
  bench.clock.flush()
  assert.equal(writer.acknowledgedThrough, -1, 'one turn is not enough')
  await bench.clock.settle()
  assert.deepEqual([writer.acknowledgedThrough, fellow.acknowledgedThrough], [2, 1])
  assert.deepEqual([...writer.refusals, ...fellow.refusals], [])
  const stored = await bench.stored('doc')
  assert.equal(stored.getText('t').length, doc.getText('t').length)
  assert.deepEqual(Y.encodeStateVector(stored), Y.encodeStateVector(await bench.stored('doc')))
})

test('G7, G4: a drain waits for a large update that is being taken in', async () => {
  const { upload } = largeUpload()
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  writer.submit(upload)
  const drained = bench.directory.drain()
  await bench.clock.settle()
  await drained
  assert.equal(writer.acknowledgedThrough, 1)
})

test('G7, D1: a document that stops while it takes in a large update acknowledges and stores none of it', async () => {
  const { upload } = largeUpload()
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  writer.submit(upload)
  await bench.directory.close()
  await bench.clock.settle()
  assert.equal(writer.acknowledgedThrough, -1)
  assert.notEqual(writer.detachedBy, null)
  assert.equal((await bench.stored('doc')).getText('t').length, 0)
})

test('D1: while a large update is being taken in, nobody is told that any of it is there', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  writer.type('small')
  await bench.clock.settle()
  const before = writer.attachment.stateVector()
  const release = bench.store.stall('append')
  writer.submit(updateShapes['many clients'](40_000))
  for (let turn = 0; turn < 50; turn++) {
    bench.clock.flush()
    await Promise.resolve()
    assert.deepEqual(writer.attachment.stateVector(), before)
  }
  release()
  await bench.clock.settle()
  assert.equal(writer.acknowledgedThrough, 2)
  assert.equal(Y.decodeStateVector(writer.attachment.stateVector()).size, 40_001)
})

test('G7: slices go on until the end, throw what the computation throws, and end when it is given up', async () => {
  const clock = new ManualClock()
  let steps = 0
  function* counting(count: number): Sliced<number> {
    for (let step = 0; step < count; step++) {
      steps++
      yield
      if (step === 50) throw new Error('too far')
    }
    return count
  }
  const whole = runInSlices(counting(20), clock)
  assert.ok(steps < 20, 'the first turn does a part')
  await clock.settle()
  assert.equal(await whole, 20)
  const failing = assert.rejects(runInSlices(counting(60), clock), /too far/)
  await clock.settle()
  await failing
  steps = 0
  let abandoned = false
  const given = runInSlices(counting(1_000), clock, () => abandoned)
  abandoned = true
  await clock.settle()
  assert.equal(await given, null)
  assert.ok(steps < 20)
})

// A store that answers and does not do what it is asked: what concerns one document ends that one, what concerns everything ends the node, and nobody is
// left waiting.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { WeftError } from '../../core/errors.js'
import { OwnerBench } from '../helpers/owner-bench.js'

const refused = (): WeftError => new WeftError('store-refused', 'a state that nobody knows')

test('D7: an error that nobody knows ends the document that it is about, and no other', async () => {
  const bench = await OwnerBench.start()
  const odd = await bench.join('odd')
  const sound = await bench.join('sound')
  // The batch, then the entry of the odd document alone.
  bench.store.failBefore('append', refused())
  bench.store.failBefore('append', refused())
  odd.type('1')
  sound.type('1')
  await bench.clock.advanceAsync(1_000)
  assert.equal(sound.acknowledgedThrough, 1)
  assert.equal(odd.acknowledgedThrough, -1)
  assert.equal(odd.detachedBy?.code, 'store-refused')
  assert.equal(bench.store.calls('probe'), 0, 'the other document has shown that the store takes writes')
  sound.type('2')
  await bench.clock.advanceAsync(1_000)
  assert.equal(sound.acknowledgedThrough, 2)
  const again = await bench.join('odd', odd.doc)
  again.type('2')
  await bench.clock.advanceAsync(1_000)
  assert.equal(again.acknowledgedThrough, 1, 'and the document takes edits again once the store does')
  assert.deepEqual(bench.fatal, [])
})

test('D7: a document that is refused alone is closed if the store takes anything else', async () => {
  for (const error of [refused(), new Error('a bug of ours'), new WeftError('invalid-configuration', 'a right was taken away')]) {
    const bench = await OwnerBench.start()
    const odd = await bench.join('odd')
    bench.store.breakDown('append', error)
    odd.type('1')
    await bench.clock.advanceAsync(1_000)
    assert.ok(odd.detachedBy !== null, 'not left with "saving" for ever')
    assert.equal(bench.store.calls('probe'), 1)
    assert.deepEqual(bench.fatal, [])
  }
})

test('D7: a store that refuses everything for half a minute has failed; nobody is served who would wait for it', async () => {
  const bench = await OwnerBench.start()
  const writers = [await bench.join('a'), await bench.join('b')]
  bench.store.breakDown('append', refused())
  bench.store.breakDown('probe', refused())
  for (const writer of writers) writer.type('1')
  await bench.clock.advanceAsync(25_000)
  assert.deepEqual(bench.fatal, [], 'it may pass')
  for (const writer of writers) assert.equal(writer.detachedBy, null)
  await bench.clock.advanceAsync(15_000)
  assert.deepEqual(
    bench.fatal.map(({ code }) => code),
    ['store-failed'],
  )
  for (const writer of writers) {
    assert.equal(writer.acknowledgedThrough, -1)
    assert.equal(writer.detachedBy?.code, 'store-failed')
  }
  await assert.rejects(bench.join('c'), { code: 'store-failed' })
  assert.equal(bench.clock.timerCount, 0)
})

test('D7: a store that refused everything for a while goes on with the same entries when it does not any more', async () => {
  const bench = await OwnerBench.start()
  const writers = [await bench.join('a'), await bench.join('b')]
  for (let round = 1; round <= 3; round++) {
    bench.store.breakDown('append', refused())
    bench.store.breakDown('probe', refused())
    for (const writer of writers) writer.type(`${round}`)
    await bench.clock.advanceAsync(20_000)
    bench.store.mend('append')
    bench.store.mend('probe')
    await bench.clock.advanceAsync(10_000)
    for (const writer of writers) assert.equal(writer.acknowledgedThrough, round)
  }
  assert.deepEqual(bench.fatal, [], 'half a minute in a row, not in all')
})

test('D7: an outage between two refusals is an outage', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('a')
  bench.store.breakDown('append', refused())
  bench.store.breakDown('probe', new WeftError('store-unavailable', 'away'))
  writer.type('1')
  await bench.clock.advanceAsync(600_000)
  assert.deepEqual(bench.fatal, [])
  assert.equal(writer.detachedBy, null)
  bench.store.mend('append')
  bench.store.mend('probe')
  await bench.clock.advanceAsync(10_000)
  assert.equal(writer.acknowledgedThrough, 1)
})

test('D7: a load under way when the store fails for good ends with it', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('a')
  const release = bench.store.stall('openDocument')
  const joining = bench.join('b')
  const refusedJoin = assert.rejects(joining, { code: 'store-failed' })
  bench.store.failBefore('append', new WeftError('store-failed', 'The disk failed a sync.'))
  writer.type('1')
  await bench.clock.advanceAsync(1_000)
  await refusedJoin
  release()
  await bench.clock.settle()
  assert.equal(bench.directory.openDocuments, 0)
})

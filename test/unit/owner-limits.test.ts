// What lies past the owner's limits (G1), and how it pushes back on writers.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { editOf, OwnerBench } from '../helpers/owner-bench.js'

test('G1: past documentBytesMax an update is refused as too large, and others go on', async () => {
  const bench = await OwnerBench.start({ limits: { documentBytesMax: 10_000 } })
  const large = await bench.join('doc')
  const other = await bench.join('doc')
  large.submit(editOf('x'.repeat(9_000), 1))
  large.submit(editOf('y'.repeat(2_000), 2))
  other.type('small')
  await bench.clock.settle()
  assert.deepEqual(
    large.refusals.map(({ submission, error }) => [submission, error.code]),
    [[2, 'document-too-large']],
  )
  assert.equal(large.acknowledgedThrough, 1)
  assert.equal(other.acknowledgedThrough, 1)
  assert.equal(other.detachedBy, null)
})

test('G1: past sessionsPerDocumentMax a session is refused with too-many-sessions', async () => {
  const bench = await OwnerBench.start({ limits: { sessionsPerDocumentMax: 2 } })
  const first = await bench.join('doc')
  await bench.join('doc')
  await assert.rejects(bench.join('doc'), { code: 'too-many-sessions', retryable: true })
  await bench.join('other')
  first.detach()
  await bench.join('doc')
})

test('G1: past structsPerUpdateMax and nestingDepthMax an update is refused', async () => {
  const bench = await OwnerBench.start({ limits: { structsPerUpdateMax: 3, nestingDepthMax: 3 } })
  const session = await bench.join('doc')
  session.submit(Y.mergeUpdates([1, 2, 3, 4].map((client) => editOf('x', client))))
  const deep = new Y.Doc()
  deep.getArray('list').insert(0, [[[[['too deep']]]]])
  session.submit(Y.encodeStateAsUpdate(deep))
  session.type('fine')
  await bench.clock.settle()
  assert.deepEqual(
    session.refusals.map(({ submission, error }) => [submission, error.code]),
    [
      [1, 'malformed-update'],
      [2, 'malformed-update'],
    ],
  )
  assert.equal(session.acknowledgedThrough, 3)
})

test('G1: at pendingBytesPerDocumentMax the writers of the document are paused, and resumed after the commit', async () => {
  const bench = await OwnerBench.start({ limits: { pendingBytesPerDocumentMax: 1_000 } })
  const writer = await bench.join('full')
  const fellow = await bench.join('full')
  const elsewhere = await bench.join('other')
  const release = bench.store.stall('append')
  writer.submit(editOf('x'.repeat(1_000), 1))
  assert.deepEqual([writer.paused, fellow.paused, elsewhere.paused], [true, true, false])
  const late = await bench.join('full')
  assert.equal(late.paused, true)
  release()
  await bench.clock.settle()
  assert.deepEqual([writer.paused, fellow.paused, late.paused], [false, false, false])
  assert.equal(writer.acknowledgedThrough, 1)
})

test('G1: what paused sockets still deliver is taken up to twice the mark, then refused as overloaded', async () => {
  const bench = await OwnerBench.start({ limits: { pendingBytesPerDocumentMax: 1_300 } })
  const writer = await bench.join('doc')
  const release = bench.store.stall('append')
  for (let client = 1; client <= 5; client++) writer.submit(editOf('x'.repeat(500), client))
  release()
  await bench.clock.advanceAsync(100)
  assert.deepEqual(
    writer.refusals.map(({ submission, error }) => [submission, error.code]),
    [
      [4, 'overloaded'],
      [5, 'overloaded'],
    ],
  )
  assert.equal(writer.acknowledgedThrough, 3)
  writer.submit(editOf('x'.repeat(500), 4))
  await bench.clock.settle()
  assert.equal(writer.acknowledgedThrough, 6, 'an update that was refused may come again')
})

test('G1: one update over twice the mark is taken when nothing else waits, since it would be refused for ever', async () => {
  const bench = await OwnerBench.start({ limits: { pendingBytesPerDocumentMax: 100 } })
  const writer = await bench.join('doc')
  writer.submit(editOf('x'.repeat(500), 1))
  await bench.clock.settle()
  assert.deepEqual(writer.refusals, [])
  assert.equal(writer.acknowledgedThrough, 1)
})

test('G1: at pendingBytesMax all writers of the process are paused, while retries go on', async () => {
  const bench = await OwnerBench.start({ limits: { pendingBytesMax: 2_000 } })
  const a = await bench.join('a')
  const b = await bench.join('b')
  const idle = await bench.join('c')
  for (let failure = 0; failure < 5; failure++) bench.store.failBefore('append')
  a.submit(editOf('x'.repeat(1_000), 1))
  await bench.clock.settle()
  b.submit(editOf('x'.repeat(1_000), 2))
  assert.deepEqual([a.paused, b.paused, idle.paused], [true, true, true])
  await bench.clock.advanceAsync(30_000)
  assert.deepEqual([a.paused, b.paused, idle.paused], [false, false, false])
  assert.deepEqual([a.acknowledgedThrough, b.acknowledgedThrough], [1, 1])
  assert.equal(bench.counters.get('commit_failures'), 5)
})

test('G1: a crowded document sends one beat per period, a quiet one at once', async () => {
  const bench = await OwnerBench.start()
  const crowd = await Promise.all(Array.from({ length: 100 }, () => bench.join('crowded')))
  const quiet = await bench.join('quiet')
  for (let round = 0; round < 100; round++) {
    crowd[round]?.type('x')
    await bench.clock.advanceAsync(5)
  }
  await bench.clock.advanceAsync(100)
  const beats = crowd[0]?.beats.length ?? 0
  assert.ok(beats >= 15 && beats <= 33, `${beats} beats in 500 ms`)
  assert.equal(crowd[0]?.text.length, 100)
  quiet.type('x')
  await bench.clock.settle()
  assert.equal(quiet.acknowledgedThrough, 1, 'without time passing')
})

test('G1: under load commits of many documents are shared', async () => {
  const bench = await OwnerBench.start()
  const sessions = await Promise.all(Array.from({ length: 50 }, (_, index) => bench.join(`doc-${index}`)))
  const appends = bench.store.calls('append')
  for (let round = 0; round < 1_000; round++) {
    sessions[round % 50]?.type('x')
    await bench.clock.advanceAsync(1)
  }
  await bench.clock.advanceAsync(100)
  const shared = bench.store.calls('append') - appends
  assert.ok(shared < 500, `${shared} commits for 1,000 edits`)
  assert.ok(sessions.every((session) => session.acknowledgedThrough === 20))
})

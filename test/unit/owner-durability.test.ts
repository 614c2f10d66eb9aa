// What the owner promises about saving: acknowledged means committed, whatever the store does.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { WeftError } from '../../core/errors.js'
import { editOf, OwnerBench } from '../helpers/owner-bench.js'
import { canonicalState } from '../helpers/states.js'

test('D1, D2: while the store stalls nothing is acknowledged and nothing is broadcast', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  const reader = await bench.join('doc')
  const release = bench.store.stall('append')
  writer.type('hello')
  await bench.clock.advanceAsync(60_000)
  assert.equal(bench.store.calls('append'), 1)
  assert.equal(writer.acknowledgedThrough, -1)
  assert.deepEqual([writer.beats.length, reader.beats.length], [0, 0])
  release()
  await bench.clock.settle()
  assert.equal(writer.acknowledgedThrough, 1)
  assert.equal(reader.text, 'hello')
  assert.deepEqual(
    writer.events,
    ['catch-up 0', 'beat 1', 'acknowledged 1 at 1'],
    'the submitter gets the beat too, before the acknowledgement',
  )
  assert.equal(bench.head('doc'), 1)
})

test('D1: with broadcast before commit the others see an edit early, its submitter is told only after the commit', async () => {
  const bench = await OwnerBench.start({ broadcast: 'before-commit' })
  const writer = await bench.join('doc')
  const reader = await bench.join('doc')
  const release = bench.store.stall('append')
  writer.type('early')
  await bench.clock.settle()
  assert.equal(reader.text, 'early')
  assert.equal(reader.beats[0]?.seq, 0, 'the beat claims no seq that is not durable')
  assert.equal(writer.acknowledgedThrough, -1)
  const late = await bench.join('doc')
  assert.equal(late.text, 'early', 'S6: who joins now does not miss what went out already')
  assert.equal(late.catchUps[0]?.seq, 0)
  release()
  await bench.clock.settle()
  assert.equal(writer.acknowledgedThrough, 1)
  assert.equal(reader.beats.length, 1, 'it is not sent again')
  reader.type('!', 5)
  await bench.clock.settle()
  assert.deepEqual([writer.text, reader.text, late.text], ['early!', 'early!', 'early!'])
})

test('D1, D5: an append with an unknown outcome is repeated: one row, one acknowledgement', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  bench.store.failAfter('append')
  bench.store.failBefore('append')
  writer.type('a')
  await bench.clock.settle()
  assert.equal(writer.acknowledgedThrough, -1)
  writer.type('b', 1)
  await bench.clock.advanceAsync(10_000)
  assert.deepEqual(
    writer.events.filter((event) => event.startsWith('acknowledged')),
    ['acknowledged 1 at 1', 'acknowledged 2 at 2'],
  )
  assert.equal(bench.head('doc'), 2)
  assert.equal(canonicalState(await bench.stored('doc')), canonicalState(writer.doc))
})

test('D7: after the store has failed for good nothing is acknowledged, and nothing is tried again', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  const other = await bench.join('other')
  bench.store.failAfter('append', new WeftError('store-failed', 'The disk failed a sync.'))
  writer.type('lost?')
  await bench.clock.advanceAsync(600_000)
  assert.equal(bench.store.calls('append'), 1)
  assert.equal(writer.acknowledgedThrough, -1)
  assert.equal(writer.detachedBy?.code, 'store-failed')
  assert.equal(other.detachedBy?.code, 'store-failed')
})

test('D5: a document whose log does not take its entry is closed; others in the same batch are committed', async () => {
  const bench = await OwnerBench.start()
  const broken = await bench.join('broken')
  const sound = await bench.join('sound')
  broken.type('1')
  await bench.clock.settle()
  const stored = bench.disk.documents.get('broken')
  assert.ok(stored !== undefined)
  // As if rows had vanished: the next append would leave a gap.
  stored.log.length = 0
  stored.head = 0
  broken.type('2')
  sound.type('2')
  await bench.clock.advanceAsync(1_000)
  assert.equal(sound.acknowledgedThrough, 1)
  assert.equal(broken.acknowledgedThrough, 1)
  assert.equal(broken.detachedBy?.code, 'document-corrupt')
})

test('D4: a failed read fails the join with a retryable error and leaves nothing behind', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  writer.type('precious')
  await bench.clock.settle()
  writer.detach()
  await bench.clock.advanceAsync(200_000)
  assert.equal(bench.directory.openDocuments, 0)
  bench.store.failBefore('openDocument', new Error('an engine error'))
  await assert.rejects(
    bench.join('doc'),
    (error: unknown) => error instanceof WeftError && error.code === 'store-unavailable' && error.retryable,
  )
  assert.equal(bench.directory.openDocuments, 0)
  assert.equal((await bench.join('doc')).text, 'precious')
})

test('D4: a snapshot that is not a Yjs update, or a log with a hole, fails the join with document-corrupt', async () => {
  let bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  for (const letter of 'abc') {
    writer.type(letter)
    await bench.clock.settle()
  }
  await bench.directory.close()
  const stored = bench.disk.documents.get('doc')
  assert.ok(stored !== undefined)
  const row = stored.log[1]
  assert.ok(row !== undefined)
  bench = await OwnerBench.start({ disk: bench.disk })
  stored.log[1] = { ...row, seq: 7 }
  await assert.rejects(bench.join('doc'), { code: 'document-corrupt' })
  stored.log[1] = row
  stored.snapshots.push({ seq: 2, state: Uint8Array.of(1, 2, 3), savedAt: 0, label: null })
  await assert.rejects(bench.join('doc'), { code: 'document-corrupt' })
  stored.snapshots.length = 0
  assert.equal((await bench.join('doc')).text, 'cba')
})

test('D8: an update that does not parse is refused, and nobody else is disturbed', async () => {
  const bench = await OwnerBench.start()
  const hostile = await bench.join('doc')
  const other = await bench.join('doc')
  hostile.submit(Uint8Array.of(0x80, 0x80, 0x80, 0x10, 1, 2, 3))
  other.type('fine')
  await bench.clock.settle()
  assert.equal(hostile.refusals[0]?.error.code, 'malformed-update')
  assert.equal(hostile.detachedBy, null)
  assert.equal(hostile.text, 'fine')
  assert.equal(other.acknowledgedThrough, 1)
})

test('D8: a stored row that does not parse quarantines the document: readable up to it, writes refused', async () => {
  let bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  for (const letter of 'abc') {
    writer.type(letter)
    await bench.clock.settle()
  }
  await bench.directory.close()
  const stored = bench.disk.documents.get('doc')
  const row = stored?.log[2]
  assert.ok(stored !== undefined && row !== undefined)
  stored.log[2] = { ...row, update: Uint8Array.of(9, 9, 9) }
  bench = await OwnerBench.start({ disk: bench.disk })
  const reader = await bench.join('doc')
  assert.equal(reader.text, 'ba')
  reader.type('x')
  await bench.clock.settle()
  assert.equal(reader.refusals[0]?.error.code, 'document-quarantined')
  assert.equal(bench.counters.get('documents_quarantined'), 1)
  assert.equal(bench.head('doc'), 3)
  const behind = { kind: 'seq', incarnation: reader.attachment.incarnation, seq: 3, stateVector: Y.encodeStateVector(new Y.Doc()) } as const
  reader.sync(behind)
  assert.deepEqual(reader.catchUps.at(-1)?.seq, 2, 'a seq behind the poison is not taken at its word')
  assert.ok((reader.catchUps.at(-1)?.updates.length ?? 0) > 0)
})

test('D3: after a drain everything that was submitted is durable and acknowledged, also from a crowded document', async () => {
  const bench = await OwnerBench.start()
  const sessions = await Promise.all(Array.from({ length: 40 }, () => bench.join('crowded')))
  for (const session of sessions) session.type('x')
  await bench.clock.settle()
  for (const session of sessions) session.type('y')
  const drained = bench.directory.drain()
  await bench.clock.settle()
  await drained
  assert.ok(sessions.every((session) => session.acknowledgedThrough === 2))
  assert.equal((await bench.stored('crowded')).getText('text').length, 80)
  await assert.rejects(bench.join('crowded'), { code: 'draining' })
  await bench.directory.close()
  await bench.directory.close()
  assert.equal(bench.clock.timerCount, 0)
  assert.equal(sessions[0]?.detachedBy?.code, 'draining')
})

test('D2: a detached session leaves its submissions behind to be committed', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  const events = writer.events.length
  writer.submit(editOf('kept', 5))
  writer.detach()
  await bench.clock.settle()
  assert.equal(writer.events.length, events, 'nothing is called on its sink any more')
  assert.equal((await bench.stored('doc')).getText('text').toString(), 'kept')
})

// Who may write: fenced owners, shards that move, and documents that are evicted and come back.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { OwnerBench, TestSession } from '../helpers/owner-bench.js'

test('O1, O3: an owner whose epoch is stale appends nothing and acknowledges nothing; its sessions are told to move', async () => {
  const old = await OwnerBench.start()
  const writer = await old.join('doc')
  const bystander = await old.join('doc')
  writer.type('old ')
  await old.clock.settle()
  const successor = await OwnerBench.start({ disk: old.disk })
  writer.type('too late ')
  await old.clock.settle()
  assert.equal(writer.acknowledgedThrough, 1)
  assert.equal(writer.detachedBy?.code, 'owner-moved')
  assert.equal(bystander.detachedBy?.code, 'owner-moved')
  assert.equal(bystander.text, 'old ', 'D2: what was not committed was not shown')
  assert.equal(old.head('doc'), 1)
  assert.equal(old.fencedShards.length, 1)
  assert.equal(old.directory.openDocuments, 0)
  await assert.rejects(old.join('doc'), { code: 'owner-moved' })
  assert.equal((await successor.join('doc')).text, 'old ')
})

test('O3: an append that was under way when the shard moved is never acknowledged', async () => {
  const old = await OwnerBench.start()
  const writer = await old.join('doc')
  const release = old.store.stall('append')
  writer.type('stalled')
  await old.clock.settle()
  const successor = await OwnerBench.start({ disk: old.disk })
  const newWriter = await successor.join('doc')
  newWriter.type('new')
  await successor.clock.settle()
  release()
  await old.clock.advanceAsync(60_000)
  assert.equal(writer.acknowledgedThrough, -1)
  assert.equal((await successor.stored('doc')).getText('text').toString(), 'new')
})

test('O2, O3: a commit that is never answered holds up nothing once its shard is lost: the next epoch commits at once', async () => {
  const bench = await OwnerBench.start()
  const lost = await bench.join('doc')
  const release = bench.store.stall('append')
  lost.type('lost ')
  await bench.clock.settle()
  // As in quarantine: all shards are dropped, and claimed anew under other epochs once the store answers again.
  bench.directory.abandon(new Set([bench.giveUp('doc')]))
  assert.equal(lost.detachedBy?.code, 'owner-moved')
  await bench.claimAll()
  const writer = await bench.join('doc')
  writer.type('kept')
  await bench.clock.settle()
  assert.equal(writer.acknowledgedThrough, 1)
  release()
  await bench.clock.settle()
  assert.deepEqual([lost.acknowledgedThrough, bench.fencedShards], [-1, []], 'the late answer is about an epoch that nobody has any more')
  assert.equal(writer.detachedBy, null)
  assert.equal((await bench.stored('doc')).getText('text').toString(), 'kept')
})

test('O2, D1: when one of two documents in a commit is lost, the other is acknowledged once the commit is answered, and not before', async () => {
  const bench = await OwnerBench.start()
  const lost = await bench.join('doc')
  const kept = await bench.join('other')
  const release = bench.store.stall('append')
  lost.type('a')
  kept.type('b')
  await bench.clock.settle()
  assert.equal(bench.store.calls('append'), 1)
  bench.directory.abandon(new Set([bench.giveUp('doc')]))
  kept.type('c', 1)
  await bench.clock.advanceAsync(10_000)
  assert.deepEqual([bench.store.calls('append'), kept.acknowledgedThrough], [1, -1], 'one commit at a time while somebody waits for it')
  release()
  await bench.clock.advanceAsync(100)
  assert.equal(kept.acknowledgedThrough, 2)
  assert.equal(lost.acknowledgedThrough, -1)
})

test('O2, S5: a load that is never answered holds up nothing once its shard is lost: the next epoch loads anew', async () => {
  const bench = await OwnerBench.start()
  const first = await bench.join('doc')
  first.type('before')
  await bench.clock.settle()
  first.detach()
  await bench.clock.advanceAsync(300_000)
  assert.equal(bench.directory.openDocuments, 0)
  const release = bench.store.stall('openDocument')
  const waiting = [bench.join('doc'), bench.join('doc')]
  const refused = Promise.all(waiting.map((join) => assert.rejects(join, { code: 'owner-moved' })))
  await bench.clock.settle()
  bench.directory.abandon(new Set([bench.giveUp('doc')]))
  await refused
  await bench.claimAll()
  const reader = await bench.join('doc')
  assert.equal(reader.text, 'before')
  release()
  await bench.clock.settle()
  reader.type('!', 6)
  await bench.clock.settle()
  assert.deepEqual([reader.acknowledgedThrough, bench.directory.openDocuments], [1, 1], 'the late answer replaces nothing')
})

test('D1: what is said to be known is durable: an owner that is lost takes with it nothing that a client would not send again', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  writer.type('durable')
  await bench.clock.settle()
  const durable = writer.attachment.stateVector()
  const release = bench.store.stall('append')
  writer.type('in the commit', 7)
  await bench.clock.settle()
  writer.type('pending', 20)
  assert.deepEqual(writer.attachment.stateVector(), durable)
  const newcomer = await bench.join('doc', new Y.Doc())
  newcomer.type('somebody else')
  assert.equal(newcomer.attachment.stateVector(), writer.attachment.stateVector(), 'until a commit it is worked out once')
  assert.deepEqual(newcomer.attachment.stateVector(), durable)
  release()
  await bench.clock.advanceAsync(100)
  assert.deepEqual(
    Y.decodeStateVector(newcomer.attachment.stateVector()),
    Y.decodeStateVector(Y.encodeStateVector(await bench.stored('doc'))),
  )
})

test('D1: where edits are shown before the commit, a reader who was shown one is not asked for it', async () => {
  const bench = await OwnerBench.start({ broadcast: 'before-commit' })
  const writer = await bench.join('doc')
  const release = bench.store.stall('append')
  writer.type('early')
  await bench.clock.settle()
  const reader = await bench.join('doc')
  assert.equal(reader.text, 'early')
  assert.deepEqual(Y.decodeStateVector(reader.attachment.stateVector()), Y.decodeStateVector(Y.encodeStateVector(reader.doc)))
  release()
})

test('O2: a document that was asked for before its shard was owned can be opened once it is', async () => {
  const bench = await OwnerBench.start()
  bench.giveUp('doc')
  await assert.rejects(bench.join('doc'), { code: 'owner-moved' })
  await bench.claimAll()
  assert.equal((await bench.join('doc')).text, '')
})

test('O1: a snapshot under a stale epoch stops the owner too', async () => {
  const old = await OwnerBench.start()
  const writer = await old.join('doc')
  for (let index = 0; index < 12; index++) {
    writer.type('x')
    await old.clock.settle()
  }
  const release = old.store.stall('saveSnapshot')
  writer.detach()
  await old.clock.advanceAsync(200_000)
  const late = await old.join('doc')
  await OwnerBench.start({ disk: old.disk })
  release()
  await old.clock.settle()
  assert.equal(late.detachedBy?.code, 'owner-moved')
  assert.equal(old.disk.documents.get('doc')?.snapshots.length, 0)
})

test('O5: releasing a shard flushes its documents, then detaches their sessions', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('moving')
  const staying = await bench.join('staying')
  const unblock = bench.store.stall('append')
  writer.type('a')
  await bench.clock.settle()
  writer.type('b', 1)
  const shard = bench.giveUp('moving')
  let released = false
  const release = bench.directory.release(new Set([shard])).then(() => {
    released = true
  })
  await bench.clock.settle()
  assert.equal(writer.paused, true)
  assert.equal(released, false)
  writer.type('c', 2)
  await assert.rejects(bench.join('moving'), { code: 'owner-moved' })
  unblock()
  await bench.clock.advanceAsync(100)
  await release
  assert.equal(writer.acknowledgedThrough, 3, 'what still came in is flushed too')
  assert.equal(writer.events.at(-1), 'detached owner-moved')
  assert.equal((await bench.stored('moving')).getText('text').toString(), 'abc')
  assert.equal(staying.detachedBy, null)
})

test('O3, O5: a release ends when the store refuses the shard, also with edits that wait behind the refused one', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('moving')
  const unblock = bench.store.stall('append')
  writer.type('a')
  await bench.clock.settle()
  writer.type('b', 1)
  let released = false
  void bench.directory.release(new Set([bench.giveUp('moving')])).then(() => {
    released = true
  })
  await OwnerBench.start({ disk: bench.disk })
  unblock()
  await bench.clock.advanceAsync(60_000)
  assert.ok(released)
  assert.equal(writer.acknowledgedThrough, -1)
  assert.equal(writer.detachedBy?.code, 'owner-moved')
})

test('O3: a release that waits for a store which is away ends when the ownership does, and nobody is left with a paused socket', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('moving')
  const release = bench.store.stall('append')
  writer.type('a')
  await bench.clock.settle()
  const shard = bench.giveUp('moving')
  const released = bench.directory.release(new Set([shard]))
  await bench.clock.settle()
  assert.equal(writer.paused, true)
  bench.directory.abandon(new Set([shard]))
  await released
  assert.equal(writer.detachedBy?.code, 'owner-moved')
  assert.equal(writer.acknowledgedThrough, -1)
  assert.equal(bench.directory.openDocuments, 0)
  release()
  await bench.clock.advanceAsync(60_000)
  assert.equal(bench.clock.timerCount, 0)
})

test('O5: a shard that is released while one of its documents opens leaves nothing open', async () => {
  const bench = await OwnerBench.start()
  const unblock = bench.store.stall('openDocument')
  const join = bench.join('moving')
  join.catch(() => {})
  await bench.clock.settle()
  const release = bench.directory.release(new Set([bench.giveUp('moving')]))
  unblock()
  await release
  await assert.rejects(join, { code: 'owner-moved' })
  assert.equal(bench.directory.openDocuments, 0)
})

test('D6: an idle document is compacted and evicted, and reads the same when it is opened again', async () => {
  const bench = await OwnerBench.start({ tuning: { idleMs: 1_000 } })
  const writer = await bench.join('doc')
  for (let index = 0; index < 20; index++) {
    writer.type(`${index} `)
    await bench.clock.settle()
  }
  const { text } = writer
  writer.detach()
  await bench.clock.advanceAsync(900)
  assert.equal(bench.directory.openDocuments, 1)
  await bench.clock.advanceAsync(5_000)
  assert.equal(bench.directory.openDocuments, 0)
  assert.equal(bench.counters.get('documents_evicted'), 1)
  assert.equal(bench.clock.timerCount, 0)
  assert.equal(bench.disk.documents.get('doc')?.snapshots.at(-1)?.seq, 20)
  assert.equal(bench.store.calls('prune'), 1)
  assert.equal((await bench.join('doc')).text, text)
})

test('D6: a document with an edit in a commit is not evicted, and one that somebody joins stays', async () => {
  const bench = await OwnerBench.start({ tuning: { idleMs: 1_000 } })
  const writer = await bench.join('doc')
  const release = bench.store.stall('append')
  writer.type('slow commit')
  writer.detach()
  await bench.clock.advanceAsync(10_000)
  assert.equal(bench.directory.openDocuments, 1)
  release()
  await bench.clock.advanceAsync(900)
  const back = await bench.join('doc')
  assert.equal(bench.store.calls('openDocument'), 1)
  await bench.clock.advanceAsync(10_000)
  assert.equal(bench.directory.openDocuments, 1)
  assert.equal(back.text, 'slow commit')
})

test('D6: joining at the very moment of eviction loses no edit', async () => {
  const bench = await OwnerBench.start({ tuning: { idleMs: 1_000, idleTailRowsMin: 1e9, idleTailToBaseRatio: 1e9 } })
  const written: string[] = []
  for (let round = 0; round < 30; round++) {
    const session = new TestSession()
    const attached = session.attach(bench.directory, 'doc')
    // Every interleaving of the open, the edit, the commit and the eviction within a few milliseconds of each other.
    if (round % 3 === 0) await bench.clock.advanceAsync(round % 5)
    await attached
    session.sync()
    const letter = String.fromCharCode(97 + (round % 26))
    session.type(letter, session.text.length)
    written.push(letter)
    session.detach()
    await bench.clock.advanceAsync(995 + (round % 10))
  }
  assert.equal((await bench.join('doc')).text, written.join(''))
  assert.ok(bench.store.calls('openDocument') > 5)
})

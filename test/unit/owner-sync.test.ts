// What the owner promises about joining and staying in step.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { editOf, OwnerBench, TestSession } from '../helpers/owner-bench.js'
import { canonicalState } from '../helpers/states.js'

const never = { tailRowsMax: 1e9, tailBytesMin: 1e9, idleTailRowsMin: 1e9 } as const

test('S5: concurrent attaches load a document once', async () => {
  const bench = await OwnerBench.start()
  const release = bench.store.stall('openDocument')
  const joins = Array.from({ length: 50 }, () => bench.join('doc'))
  await bench.clock.settle()
  release()
  const sessions = await Promise.all(joins)
  assert.equal(bench.store.calls('openDocument'), 1)
  assert.equal(bench.directory.sessionCount('doc'), 50)
  sessions[0]?.type('to all')
  await bench.clock.settle()
  assert.ok(sessions.every((session) => session.text === 'to all'))
})

test('S5: a failed load fails every join that waited for it, and the next one loads anew', async () => {
  const bench = await OwnerBench.start()
  bench.store.failBefore('openDocument')
  const outcomes = await Promise.allSettled([bench.join('doc'), bench.join('doc')])
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    ['rejected', 'rejected'],
  )
  await bench.join('doc')
  assert.equal(bench.store.calls('openDocument'), 2)
})

test('S2: every join gets the same base buffer and the same merged tail', async () => {
  let bench = await OwnerBench.start()
  const first = await bench.join('doc')
  for (let index = 0; index < 50; index++) first.type('word ')
  await bench.clock.settle()
  first.detach()
  await bench.clock.advanceAsync(200_000)
  assert.equal(bench.counters.get('compactions'), 1)
  bench = await OwnerBench.start({ disk: bench.disk })
  const writer = await bench.join('doc')
  const base = writer.catchUps[0]?.updates[0]
  writer.type('pending ')
  await bench.clock.settle()
  const [a, b] = [await bench.join('doc'), await bench.join('doc')]
  assert.equal(a.catchUps[0]?.updates.length, 2)
  assert.ok(base !== undefined && a.catchUps[0]?.updates[0] === base && b.catchUps[0]?.updates[0] === base)
  assert.equal(a.catchUps[0]?.updates[1], b.catchUps[0]?.updates[1])
  assert.equal(a.text, writer.text)
})

test('S2: a session with a state vector gets the difference only', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  writer.type('x'.repeat(10_000))
  await bench.clock.settle()
  const doc = new Y.Doc()
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(writer.doc))
  writer.type('new')
  await bench.clock.settle()
  const returning = new TestSession(doc)
  await returning.attach(bench.directory, 'doc')
  returning.sync(returning.knownByVector())
  assert.equal(returning.text, writer.text)
  const bytes = returning.catchUps[0]?.updates.reduce((sum, update) => sum + update.length, 0) ?? 0
  assert.ok(bytes < 100, `${bytes} bytes`)
})

test('S3: what is known already is acknowledged, and neither logged nor broadcast', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  const reader = await bench.join('doc')
  writer.type('hello')
  writer.doc.getText('text').delete(0, 2)
  await bench.clock.settle()
  const head = bench.head('doc')
  const beats = reader.beats.length
  const submission = writer.submit(Y.encodeStateAsUpdate(writer.doc))
  writer.submit(Uint8Array.of(0, 0))
  assert.ok(writer.acknowledgedThrough < submission, 'not within the call')
  await bench.clock.settle()
  assert.equal(writer.acknowledgedThrough, submission + 1)
  assert.equal(bench.head('doc'), head)
  assert.equal(reader.beats.length, beats)
  assert.equal(bench.counters.get('updates_already_known'), 2)
})

test('S3, D1: a repeat of what is not durable yet is acknowledged with it, not before', async () => {
  const bench = await OwnerBench.start()
  const [a, b] = [await bench.join('doc'), await bench.join('doc')]
  const release = bench.store.stall('append')
  const update = editOf('twice', 7)
  a.submit(update)
  await bench.clock.settle()
  b.submit(update)
  await bench.clock.advanceAsync(1_000)
  assert.deepEqual([a.acknowledgedThrough, b.acknowledgedThrough], [-1, -1])
  release()
  await bench.clock.settle()
  assert.deepEqual([a.acknowledgedThrough, b.acknowledgedThrough], [1, 1])
  assert.equal(bench.head('doc'), 1)
})

test('S4: an update whose dependencies are missing is kept, and completes when they arrive, also across compaction', async () => {
  let bench = await OwnerBench.start()
  const author = new Y.Doc()
  const updates: Uint8Array[] = []
  author.on('update', (update: Uint8Array) => updates.push(update))
  for (const letter of 'abc') author.getText('text').insert(0, letter)
  const session = await bench.join('doc')
  const [first, second, third] = updates
  assert.ok(first !== undefined && second !== undefined && third !== undefined)
  session.submit(third)
  session.submit(first)
  await bench.clock.settle()
  assert.equal(session.acknowledgedThrough, 2)
  assert.equal(session.text, 'a')
  session.detach()
  await bench.clock.advanceAsync(200_000)
  assert.equal(bench.counters.get('compactions'), 1)
  bench = await OwnerBench.start({ disk: bench.disk })
  const later = await bench.join('doc')
  assert.deepEqual(Y.decodeStateVector(later.attachment.stateVector()).get(author.clientID), 1, 'the state vector stops at the gap')
  later.submit(second)
  await bench.clock.settle()
  assert.equal(later.text, 'cba')
})

test('S6: a session never misses a beat between its catch-up and its live stream, also while the log is read', async () => {
  const bench = await OwnerBench.start({ tuning: { ...never, tailRowsMax: 5 } })
  const writer = await bench.join('doc')
  const reader = await bench.join('doc')
  reader.attachment.suspend()
  for (let index = 0; index < 12; index++) {
    writer.type(String(index % 10))
    await bench.clock.settle()
  }
  assert.ok(bench.counters.get('compactions') >= 2)
  assert.equal(reader.seq, 0)
  const release = bench.store.stall('readLog')
  reader.sync(reader.knownBySeq())
  writer.type('during the read ')
  await bench.clock.settle()
  writer.type('and again ')
  await bench.clock.settle()
  assert.equal(reader.beats.length, 0, 'nothing before the catch-up')
  release()
  await bench.clock.settle()
  assert.equal(reader.text, writer.text)
  assert.equal(reader.catchUps.length, 2)
  writer.type('live ')
  await bench.clock.settle()
  assert.equal(reader.text, writer.text)
  assert.equal(canonicalState(reader.doc), canonicalState(writer.doc))
})

test('S6: a compaction that moves the base on during the read of the log leaves no hole', async () => {
  const bench = await OwnerBench.start({ tuning: { ...never, tailRowsMax: 5 } })
  const writer = await bench.join('doc')
  const reader = await bench.join('doc')
  reader.attachment.suspend()
  const typeRows = async (rows: number): Promise<void> => {
    for (let index = 0; index < rows; index++) {
      writer.type(String(index))
      await bench.clock.settle()
    }
  }
  await typeRows(6)
  const release = bench.store.stall('readLog')
  reader.sync(reader.knownBySeq())
  const compactions = bench.counters.get('compactions')
  await typeRows(8)
  assert.ok(bench.counters.get('compactions') > compactions)
  release()
  await bench.clock.settle()
  assert.equal(reader.text, writer.text)
})

test('S6: a pruned log, or one that cannot be read, is made up for by the state vector', async () => {
  for (const failure of ['pruned', 'unreadable'] as const) {
    const bench = await OwnerBench.start({ tuning: { ...never, tailRowsMax: 5 } })
    const writer = await bench.join('doc')
    const reader = await bench.join('doc')
    reader.attachment.suspend()
    for (let index = 0; index < 12; index++) {
      writer.type(String(index % 10))
      await bench.clock.settle()
    }
    const log = bench.disk.documents.get('doc')?.log
    if (failure === 'pruned') log?.splice(0, 3)
    else bench.store.failBefore('readLog')
    reader.sync(reader.knownBySeq())
    await bench.clock.settle()
    assert.equal(reader.text, writer.text, failure)
  }
})

test('S6: a lagging session resumes by seq with the rows that it missed', async () => {
  const bench = await OwnerBench.start({ tuning: never })
  const writer = await bench.join('doc')
  const reader = await bench.join('doc')
  writer.type('x'.repeat(5_000))
  await bench.clock.settle()
  reader.attachment.suspend()
  for (const letter of 'abc') {
    writer.type(letter)
    await bench.clock.settle()
  }
  assert.equal(reader.seq, 1)
  reader.sync(reader.knownBySeq())
  assert.equal(reader.text, writer.text)
  const state = reader.catchUps.at(-1)
  assert.equal(state?.seq, 4)
  assert.equal(state?.updates.length, 1)
  assert.ok((state?.updates[0]?.length ?? 1_000) < 100)
  reader.sync(reader.knownBySeq())
  assert.deepEqual(reader.catchUps.at(-1), { seq: 4, updates: [] })
  assert.equal(bench.store.calls('readLog'), 0)
})

test('S6: a seq of another incarnation, or one above the head, counts for nothing', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  writer.type('text')
  await bench.clock.settle()
  const stateVector = Y.encodeStateVector(new Y.Doc())
  for (const known of [
    { kind: 'seq', incarnation: 'another', seq: 1, stateVector } as const,
    { kind: 'seq', incarnation: writer.attachment.incarnation, seq: 9, stateVector } as const,
  ]) {
    const session = new TestSession()
    await session.attach(bench.directory, 'doc')
    session.sync(known)
    assert.equal(session.text, 'text')
  }
})

test('S6: a state vector that does not parse ends the session as malformed', async () => {
  const bench = await OwnerBench.start()
  const session = await bench.join('doc')
  session.sync({ kind: 'state-vector', stateVector: Uint8Array.of(200, 1) })
  assert.equal(session.detachedBy?.code, 'malformed')
})

test('S1: a sink that throws costs its own session only', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  const broken = await bench.join('doc')
  const reader = await bench.join('doc')
  broken.beat = () => {
    throw new Error('a bug')
  }
  writer.type('hello')
  await bench.clock.settle()
  assert.equal(reader.text, 'hello')
  assert.equal(writer.acknowledgedThrough, 1)
  assert.equal(broken.detachedBy?.code, 'internal')
  const alone = await bench.join('lonely')
  alone.beat = broken.beat
  alone.type('x')
  await bench.clock.advanceAsync(600_000)
  assert.equal(bench.directory.sessionCount('lonely'), 0)
  assert.equal(bench.directory.openDocuments, 1, 'a document whose last session was thrown out is evicted')
})

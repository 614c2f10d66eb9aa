// Compaction: what it must keep, what it must not replace, and that edits go on meanwhile.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import {
  type CompactionInput,
  CompactionMismatch,
  type CompactionResult,
  type Compactor,
  compactState,
  InProcessCompactor,
  verifyCompaction,
} from '../../server/document/compaction.js'
import { history } from '../helpers/history.js'
import { OwnerBench, type TestSession } from '../helpers/owner-bench.js'
import { canonicalState } from '../helpers/states.js'

/** Answers when it is told to. */
class HeldCompactor implements Compactor {
  readonly #inner = new InProcessCompactor()
  readonly held: (() => void)[] = []
  replaceWith: ((result: CompactionResult) => CompactionResult) | null = null

  async compact(input: CompactionInput): Promise<CompactionResult> {
    await new Promise<void>((resolve) => void this.held.push(resolve))
    const result = await this.#inner.compact(input)
    return this.replaceWith === null ? result : this.replaceWith(result)
  }

  async close(): Promise<void> {}
}

test('D6: a compacted document reads as its base and tail do, over 60 seeds', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { updates, doc } = history(seed, 60)
    const half = compactState({ base: null, tail: updates.slice(0, 30) })
    const { state } = compactState({ base: half.state, tail: updates.slice(30) })
    const compacted = new Y.Doc()
    Y.applyUpdate(compacted, state)
    assert.deepEqual(compacted.getText('text').toString(), doc.getText('text').toString(), `seed ${seed}`)
    assert.deepEqual(compacted.getMap('map').toJSON(), doc.getMap('map').toJSON(), `seed ${seed}`)
    assert.equal(canonicalState(compacted), canonicalState(doc), `seed ${seed}`)
  }
})

test('S4: structs behind a gap and deletes of what is not there yet survive a compaction', () => {
  const { updates, doc } = history(7, 40)
  const missing = updates[3] as Uint8Array
  const { state } = compactState({ base: null, tail: updates.filter((update) => update !== missing) })
  const completed = new Y.Doc()
  Y.applyUpdate(completed, state)
  Y.applyUpdate(completed, missing)
  assert.equal(canonicalState(completed), canonicalState(doc))
})

test('D6: a result that lacks something, or has something else, fails its verification', () => {
  const { updates } = history(3, 30)
  const input = { base: null, tail: updates }
  const lacking = compactState({ base: null, tail: updates.slice(0, -1) }).state
  assert.throws(() => verifyCompaction(input, lacking), CompactionMismatch)
  const stranger = new Y.Doc()
  stranger.getText('text').insert(0, 'not in the input')
  const more = compactState({ base: null, tail: [...updates, Y.encodeStateAsUpdate(stranger)] }).state
  assert.throws(() => verifyCompaction(input, more), CompactionMismatch)
  assert.throws(() => verifyCompaction(input, Uint8Array.of(0, 0)), CompactionMismatch)
})

test('D6: edits go on while a compaction runs, and its base is swapped in under them', async () => {
  const compactor = new HeldCompactor()
  const bench = await OwnerBench.start({ compactor, tuning: { tailRowsMax: 10 } })
  const writer = await bench.join('doc')
  await typeRows(bench, writer, 15)
  assert.equal(compactor.held.length, 1)
  await typeRows(bench, writer, 5)
  assert.equal(writer.acknowledgedThrough, 20)
  const releaseSave = bench.store.stall('saveSnapshot')
  compactor.held.shift()?.()
  await bench.clock.settle()
  await typeRows(bench, writer, 3)
  assert.equal((await bench.join('doc')).text, writer.text)
  releaseSave()
  await bench.clock.settle()
  assert.equal(bench.disk.documents.get('doc')?.snapshots.at(-1)?.seq, 10)
  assert.equal((await bench.join('doc')).text, writer.text)
  const reopened = await OwnerBench.start({ disk: bench.disk })
  const reader = await reopened.join('doc')
  assert.equal(reader.text, writer.text)
  assert.equal(canonicalState(reader.doc), canonicalState(writer.doc))
})

test('D6: a snapshot whose outcome is unknown replaces nothing in memory, and a crash after it loses nothing', async () => {
  const bench = await OwnerBench.start({ tuning: { tailRowsMax: 10, compactionRetryMs: 1_000 } })
  const writer = await bench.join('doc')
  bench.store.failAfter('saveSnapshot')
  await typeRows(bench, writer, 12)
  assert.equal(bench.counters.get('compactions_failed'), 1)
  assert.equal((await (await OwnerBench.start({ disk: structuredCloneOf(bench) })).join('doc')).text, writer.text)
  await bench.clock.advanceAsync(2_000)
  await typeRows(bench, writer, 1)
  assert.equal(bench.counters.get('compactions'), 1)
  assert.equal((await bench.join('doc')).text, writer.text)
})

test('D6: when the compactor rejects its own result the base and tail stay as they are, and it is not tried again at once', async () => {
  const compactor = new HeldCompactor()
  compactor.replaceWith = () => {
    throw new CompactionMismatch('made up')
  }
  const bench = await OwnerBench.start({ compactor, tuning: { tailRowsMax: 5 } })
  const writer = await bench.join('doc')
  await typeRows(bench, writer, 6)
  compactor.held.shift()?.()
  await bench.clock.settle()
  await typeRows(bench, writer, 6)
  assert.equal(compactor.held.length, 0)
  assert.equal(bench.counters.get('compactions_failed'), 1)
  assert.equal(bench.disk.documents.get('doc')?.snapshots.length, 0)
  assert.equal((await bench.join('doc')).text, writer.text)
})

test('G8: a document that costs too much to compact is not compacted, stays readable and writable, and is told of once', async () => {
  const compactor = new HeldCompactor()
  compactor.replaceWith = () => ({ outcome: 'too-costly', memoryBytes: 1e12, ms: 1e9 })
  const bench = await OwnerBench.start({ compactor, tuning: { tailRowsMax: 5 } })
  const writer = await bench.join('doc')
  await typeRows(bench, writer, 6)
  compactor.held.shift()?.()
  await bench.clock.settle()
  await typeRows(bench, writer, 6)
  assert.equal(writer.acknowledgedThrough, 12)
  assert.equal((await bench.join('doc')).text, writer.text)
  assert.equal(compactor.held.length, 0, 'it is not asked again at once')
  bench.clock.advance(3_600_000)
  await typeRows(bench, writer, 1)
  assert.equal(compactor.held.length, 1, 'but in an hour')
  compactor.held.shift()?.()
  await bench.clock.settle()
  assert.equal(bench.counters.get('compactions_refused'), 2)
  assert.equal(bench.counters.get('compactions_failed'), 0)
  assert.equal(bench.warnings.filter((message) => message.includes('not compacted')).length, 1)
})

test('D8: poison that only the compaction finds quarantines the document from there on', async () => {
  const compactor = new HeldCompactor()
  compactor.replaceWith = () => ({ outcome: 'poisoned', index: 3, reason: 'made up' })
  const bench = await OwnerBench.start({ compactor, tuning: { tailRowsMax: 5 } })
  const writer = await bench.join('doc')
  await typeRows(bench, writer, 5)
  compactor.held.shift()?.()
  await bench.clock.settle()
  writer.type('refused')
  await bench.clock.settle()
  assert.equal(writer.refusals[0]?.error.code, 'document-quarantined')
  assert.equal(bench.counters.get('documents_quarantined'), 1)
  const reader = await bench.join('doc')
  assert.equal(reader.catchUps[0]?.seq, 3)
  assert.equal(reader.text, '210')
  reader.detach()
  writer.detach()
  await bench.clock.advanceAsync(600_000)
  assert.equal((await bench.join('doc')).text, '210', 'it is not forgotten by an eviction')
})

test('D8: a quarantine that only the compaction found is known to the next owner, also where the store failed meanwhile', async () => {
  const compactor = new HeldCompactor()
  compactor.replaceWith = () => ({ outcome: 'poisoned', index: 3, reason: 'made up' })
  const first = await OwnerBench.start({ compactor, tuning: { tailRowsMax: 5 } })
  const writer = await first.join('doc')
  await typeRows(first, writer, 5)
  first.store.failBefore('saveQuarantine')
  first.store.failBefore('saveQuarantine')
  compactor.held.shift()?.()
  await first.clock.advanceAsync(10_000)
  assert.equal(first.store.calls('saveQuarantine'), 3)

  const next = await OwnerBench.start({ clock: first.clock, disk: first.disk })
  const reader = await next.join('doc')
  assert.equal(reader.catchUps[0]?.seq, 3)
  assert.equal(reader.text, '210')
  reader.type('refused')
  await next.clock.settle()
  assert.equal(reader.refusals[0]?.error.code, 'document-quarantined')
  assert.equal(next.head('doc'), 5, 'nothing is appended behind what is held back')

  await next.store.liftQuarantine('doc')
  const last = await OwnerBench.start({ clock: first.clock, disk: first.disk })
  assert.equal((await last.join('doc')).text, '43210')
})

test('D8: a quarantined document stays in memory until the store knows of it, and no longer', async () => {
  const compactor = new HeldCompactor()
  compactor.replaceWith = () => ({ outcome: 'poisoned', index: 3, reason: 'made up' })
  const bench = await OwnerBench.start({ compactor, tuning: { tailRowsMax: 5, idleMs: 1_000 } })
  const writer = await bench.join('doc')
  await typeRows(bench, writer, 5)
  const release = bench.store.stall('saveQuarantine')
  compactor.held.shift()?.()
  await bench.clock.settle()
  writer.detach()
  await bench.clock.advanceAsync(600_000)
  assert.equal(bench.directory.openDocuments, 1)
  release()
  await bench.clock.advanceAsync(600_000)
  assert.equal(bench.directory.openDocuments, 0)
  assert.equal(bench.clock.timerCount, 0)
})

test('G8: a document that nobody has used for a while is compacted and then closed, and stays if somebody comes meanwhile', async () => {
  const compactor = new HeldCompactor()
  const bench = await OwnerBench.start({ compactor, tuning: { idleTailRowsMin: 2, idleMs: 60_000 } })
  const compactWhenIdle = async (whileItRuns: () => Promise<void>) => {
    const writer = await bench.join('doc')
    await typeRows(bench, writer, 3)
    writer.detach()
    await bench.clock.advanceAsync(60_000)
    assert.equal(compactor.held.length, 1, 'its time is over')
    await whileItRuns()
    compactor.held.shift()?.()
    await bench.clock.advanceAsync(1)
  }
  await compactWhenIdle(async () => {})
  assert.equal(bench.directory.openDocuments, 0)

  const visitors: { detach(): void }[] = []
  await compactWhenIdle(async () => {
    visitors.push(await bench.join('doc'))
  })
  assert.equal(bench.directory.openDocuments, 1)
  await bench.clock.advanceAsync(600_000)
  assert.equal(bench.directory.openDocuments, 1)
  for (const visitor of visitors) visitor.detach()
  await bench.clock.advanceAsync(59_000)
  assert.equal(bench.directory.openDocuments, 1, 'it waits anew')
  await bench.clock.advanceAsync(2_000)
  assert.equal(bench.directory.openDocuments, 0)
  assert.equal(bench.clock.timerCount, 0)
})

test('D8: a base that cannot be applied stays quarantined for the next owner', async () => {
  const compactor = new HeldCompactor()
  const first = await OwnerBench.start({ compactor, tuning: { tailRowsMax: 3 } })
  const writer = await first.join('doc')
  await typeRows(first, writer, 3)
  compactor.held.shift()?.()
  await first.clock.settle()
  compactor.replaceWith = () => ({ outcome: 'poisoned', index: -1, reason: 'made up' })
  await typeRows(first, writer, 3)
  compactor.held.shift()?.()
  await first.clock.settle()
  const next = await OwnerBench.start({ clock: first.clock, disk: first.disk })
  const reader = await next.join('doc')
  assert.equal(reader.catchUps[0]?.seq, 3)
  reader.type('refused')
  await next.clock.settle()
  assert.equal(reader.refusals[0]?.error.code, 'document-quarantined')
})

test('D8: the first update that cannot be applied is found by bisection', async () => {
  const { updates } = history(11, 20)
  for (const index of [0, 1, 9, updates.length - 1]) {
    const tail = updates.with(index, Uint8Array.of(1, 1, 1, 0, 0x1f, 0, 0))
    const result = await new InProcessCompactor().compact({ base: null, tail })
    assert.equal(result.outcome, 'poisoned')
    assert.equal(result.outcome === 'poisoned' && result.index, index)
  }
})

test('S3: deletes that only integrating the edits brought about are known after a compaction', async () => {
  const bench = await OwnerBench.start({ tuning: { tailRowsMax: 2 } })
  const [a, b] = [await bench.join('doc'), await bench.join('doc')]
  a.attachment.suspend()
  b.attachment.suspend()
  // Both set the same key without knowing of each other: one of them loses, and is deleted nowhere but where both are integrated.
  a.doc.getMap('map').set('key', 'a')
  await bench.clock.settle()
  b.doc.getMap('map').set('key', 'b')
  await bench.clock.settle()
  assert.equal(bench.counters.get('compactions'), 1)
  a.sync(a.knownBySeq())
  await bench.clock.settle()
  const submission = a.submit(Y.encodeStateAsUpdate(a.doc))
  await bench.clock.settle()
  assert.equal(a.acknowledgedThrough, submission)
  assert.equal(bench.head('doc'), 2)
})

async function typeRows(bench: OwnerBench, writer: TestSession, rows: number): Promise<void> {
  for (let row = 0; row < rows; row++) {
    writer.type(String(row % 10))
    await bench.clock.settle()
  }
}

/** What a crash would leave of the bench's disk. */
function structuredCloneOf(bench: OwnerBench): OwnerBench['disk'] {
  return Object.assign(Object.create(Object.getPrototypeOf(bench.disk) as object) as OwnerBench['disk'], structuredClone({ ...bench.disk }))
}

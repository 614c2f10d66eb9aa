// Edits that wait for a commit: what they cost, and how they become entries of the log.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import { Pending } from '../../server/document/pending.js'
import { keystroke, oneString } from '../attack/shapes.js'
import { OwnerBench, TestSession } from '../helpers/owner-bench.js'

const inspected = (update: Uint8Array) => inspectUpdate(update, storedBounds)

test('G7: a burst of small edits becomes entries that are each short to merge, in order, and all of it is acknowledged', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  const edits = 10_000
  const release = bench.store.stall('append')
  for (let clock = 0; clock < edits; clock++) writer.submit(keystroke(7, clock))
  release()
  await bench.clock.advanceAsync(5_000)
  assert.equal(writer.acknowledgedThrough, edits)
  const log = bench.disk.documents.get('doc')?.log ?? []
  let clock = 0
  for (const { update } of log) {
    const { structCount, blocks } = inspected(update)
    assert.ok(structCount <= 1_024)
    assert.equal(blocks[0]?.firstClock, clock, 'each entry goes on where the one before ended')
    clock = blocks[0]?.endClock ?? 0
  }
  assert.equal(clock, edits)
  assert.ok(log.length < 15, 'and they are no more than needed')
  const reader = await bench.join('doc')
  assert.equal(reader.doc.getText('t').length, edits)
})

test('G7: an edit that is long by itself is an entry by itself', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  const release = bench.store.stall('append')
  writer.submit(keystroke(7, 0))
  await bench.clock.settle()
  writer.submit(keystroke(7, 1))
  writer.submit(oneString(8, 0, 300_000))
  writer.submit(keystroke(7, 2))
  writer.submit(keystroke(7, 3))
  release()
  await bench.clock.advanceAsync(100)
  const sizes = (bench.disk.documents.get('doc')?.log ?? []).map(({ update }) => update.length > 200_000)
  assert.deepEqual(sizes, [false, false, true, false])
  assert.equal(writer.acknowledgedThrough, 5)
})

test('G8: what waits for a store that takes nothing counts at what it costs in memory, and is merged as it comes', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  const release = bench.store.stall('append')
  const pending = bench.budget.account('pending')
  writer.submit(keystroke(7, 0))
  await bench.clock.settle()
  let wireBytes = 0
  let highest = 0
  for (let clock = 1; clock <= 1_200; clock++) {
    const edit = keystroke(7, clock)
    wireBytes += edit.length
    writer.submit(edit)
    highest = Math.max(highest, pending.bytes)
  }
  assert.ok(highest > 23 * 200, 'small ones cost more than their bytes')
  assert.ok(highest < wireBytes + 80 * 250, `at most some 70 byte arrays are there at a time: ${highest} held of ${wireBytes} received`)
  release()
  await bench.clock.advanceAsync(1_000)
  assert.equal(pending.bytes, 0)
})

test('G8: a few bytes of a large message do not keep all of it', () => {
  const message = new Uint8Array(1_000_000)
  const edit = keystroke(7, 0)
  message.set(edit, 500_000)
  const pending = new Pending(0)
  const sink = new TestSession()
  const submitter = { session: { sink, state: { kind: 'live' } } as const, submission: 1, user: null }
  pending.add(inspected(message.subarray(500_000, 500_000 + edit.length)), submitter, [])
  assert.ok((pending.updates[0]?.buffer.byteLength ?? 0) < 1_000)
})

test('G8: the pending bytes of a document that is stopped are given back', async () => {
  const bench = await OwnerBench.start()
  const writer = await bench.join('doc')
  bench.store.stall('append')
  writer.submit(keystroke(7, 0))
  await bench.clock.settle()
  writer.submit(keystroke(7, 1))
  assert.ok(bench.budget.account('pending').bytes > 0)
  bench.directory.abandon(new Set(Array.from({ length: 1024 }, (_, shard) => shard)))
  assert.equal(bench.budget.account('pending').bytes, 0)
})

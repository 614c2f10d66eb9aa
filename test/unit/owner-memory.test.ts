// What open documents count for in the memory budget, and what is done when it runs short.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { oneString } from '../attack/shapes.js'
import { OwnerBench } from '../helpers/owner-bench.js'

const KiB = 1024

/** Documents of 20 KiB that are durable and nobody is on. */
async function idleDocuments(bench: OwnerBench, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const writer = await bench.join(name)
    writer.submit(oneString(1, 0, 20 * KiB))
    await bench.clock.settle()
    writer.detach()
    // One after the other, so that they differ in how long they have been idle.
    await bench.clock.advanceAsync(10)
  }
}

test('G8: a document that holds nothing is gone with its last session, and opening it again is no trouble', async () => {
  const bench = await OwnerBench.start()
  const sessions = [await bench.join('nothing'), await bench.join('nothing')]
  assert.equal(bench.directory.openDocuments, 1)
  assert.ok(bench.budget.account('documents').bytes > 0, 'while it is open it counts')
  sessions[0]?.detach()
  assert.equal(bench.directory.openDocuments, 1)
  sessions[1]?.detach()
  assert.equal(bench.directory.openDocuments, 0)
  assert.equal(bench.budget.account('documents').bytes, 0)
  const writer = await bench.join('nothing')
  writer.type('something')
  await bench.clock.settle()
  writer.detach()
  assert.equal(bench.directory.openDocuments, 1, 'what holds something stays for a while')
})

test('G8: a document counts with what it holds and who is on it, and for nothing when it is closed', async () => {
  const bench = await OwnerBench.start({ tuning: { tailRowsMax: 5 } })
  const documents = bench.budget.account('documents')
  const writer = await bench.join('doc')
  const opened = documents.bytes
  writer.submit(oneString(1, 0, 100 * KiB))
  await bench.clock.settle()
  assert.ok(documents.bytes >= opened + 100 * KiB)
  const reader = await bench.join('doc')
  const read = documents.bytes
  assert.ok(read > opened + 100 * KiB)
  reader.detach()
  assert.ok(documents.bytes < read)
  for (let row = 0; row < 6; row++) {
    writer.type('x')
    await bench.clock.settle()
  }
  assert.notEqual(bench.counters.get('compactions'), 0)
  assert.ok(documents.bytes < opened + 130 * KiB, 'base and tail are not counted twice')
  writer.detach()
  await bench.clock.advanceAsync(200_000)
  assert.equal(bench.directory.openDocuments, 0)
  assert.equal(documents.bytes, 0)
})

test('G8: near the bound idle documents are closed at once, those that were idle longest first, until there is room', async () => {
  const bench = await OwnerBench.start({ limits: { memoryBytesMax: 160 * KiB } })
  await idleDocuments(bench, ['a', 'b', 'c', 'd'])
  assert.equal(bench.directory.openDocuments, 4)
  const writer = await bench.join('large')
  writer.submit(oneString(1, 0, 40 * KiB))
  await bench.clock.advanceAsync(1)
  assert.notEqual(bench.counters.get('documents_evicted'), 0)
  assert.notEqual(bench.budget.level, 'full')
  const kept = bench.directory.openDocuments
  assert.ok(kept < 5)
  const opened = bench.counters.get('documents_opened')
  const reader = await bench.join('d')
  assert.equal(bench.counters.get('documents_opened'), opened, 'the one that was used last is still there')
  assert.equal(reader.doc.getText('t').length, 20 * KiB)
})

test('G8: when nothing can be closed, a further document is refused as overloaded, and those that are open go on', async () => {
  const bench = await OwnerBench.start({ limits: { memoryBytesMax: 100 * KiB } })
  const writer = await bench.join('large')
  writer.submit(oneString(1, 0, 80 * KiB))
  await bench.clock.settle()
  await assert.rejects(bench.join('another'), { code: 'overloaded', retryable: true })
  assert.equal(bench.counters.get('documents_refused'), 1)
  writer.type('still typing')
  await bench.clock.settle()
  assert.equal(writer.acknowledgedThrough, 2)
  const reader = await bench.join('large')
  assert.equal(reader.text, 'still typing')
})

test('G8: a document that was closed for room opens again with all that it held', async () => {
  const bench = await OwnerBench.start({ limits: { memoryBytesMax: 200 * KiB } })
  const names = Array.from({ length: 30 }, (_, index) => `doc-${index}`)
  await idleDocuments(bench, names)
  assert.ok(bench.directory.openDocuments < 10)
  for (const name of names) {
    const reader = await bench.join(name)
    assert.equal(reader.doc.getText('t').length, 20 * KiB)
    reader.detach()
    await bench.clock.advanceAsync(1)
  }
  assert.ok(bench.budget.bytes < 200 * KiB)
})

test('G8: past the bound what is large is refused as overloaded, and people go on typing', async () => {
  const bench = await OwnerBench.start({ limits: { memoryBytesMax: 100 * KiB } })
  const writer = await bench.join('doc')
  writer.submit(oneString(1, 0, 85 * KiB))
  await bench.clock.settle()
  const large = writer.submit(oneString(2, 0, 20 * KiB))
  writer.type('small')
  await bench.clock.settle()
  assert.deepEqual(
    writer.refusals.map(({ submission, error }) => [submission, error.code]),
    [[large, 'overloaded']],
  )
  assert.equal(writer.acknowledgedThrough, 3)
})

test('G8: however many documents are asked for at once, the store is asked for a few at a time, and each is opened', async () => {
  const bench = await OwnerBench.start()
  const releases = Array.from({ length: 40 }, () => bench.store.stall('openDocument'))
  const joins = Array.from({ length: 40 }, (_, index) => bench.join(`doc-${index}`))
  await bench.clock.settle()
  assert.equal(bench.directory.openDocuments, 0)
  assert.equal(bench.store.calls('openDocument'), 16)
  for (const release of releases) release()
  await bench.clock.advanceAsync(1)
  await Promise.all(joins)
  assert.equal(bench.directory.openDocuments, 40)
})

// What a socket had delivered already when its document could take no more: it waits, bounded by what a socket reads in one go, and nothing of it is refused.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { MemoryStore } from '../../persistence/index.js'
import { encodeWeftClient } from '../../protocol/dialects/weft.js'
import { FaultyStore } from '../helpers/faulty-store.js'
import { gatewayBench } from '../helpers/gateway-bench.js'

const known = { kind: 'nothing' } as const
const MARK = 10_000

/** A gateway whose store hangs, with a writer and what it types: pieces of a tenth of what may be pending. */
async function burst(pieces: number) {
  let release: () => void = () => {}
  const bench = await gatewayBench({
    limits: { pendingBytesPerDocumentMax: MARK },
    store: (clock) => {
      const store = new FaultyStore(new MemoryStore({ clock }))
      release = store.stall('append')
      return store
    },
  })
  const client = bench.connectWeft()
  client.sendWeft({ type: 'open', channel: 1, documentId: 'notes', token: '', known })
  await bench.clock.settle()
  const source = new Y.Doc()
  let submission = 0
  /** As a socket does that had read all of it before it was paused. */
  const deliver = (message: Parameters<typeof encodeWeftClient>[0]): void => client.events.message(Buffer.concat(encodeWeftClient(message)))
  source.on('update', (update: Uint8Array) => deliver({ type: 'submit', channel: 1, submission: ++submission, update }))
  for (let piece = 0; piece < pieces; piece++) source.getText('body').insert(0, 'x'.repeat(MARK / 10))
  await bench.clock.settle()
  return { ...bench, client, deliver, release }
}

test('G1 (pendingBytesPerDocumentMax): of a burst past twice the mark in one go nothing is refused, and no more is pending than the mark and one edit', async () => {
  const { clock, budget, client, release, stop } = await burst(100)
  assert.equal(client.isRead, false)
  assert.deepEqual(client.weftOf('refused'), [])
  assert.ok(budget.account('pending').bytes < MARK * 1.5, `${budget.account('pending').bytes} bytes are pending`)
  release()
  await clock.advanceAsync(1_000)
  assert.deepEqual(client.weftOf('refused'), [])
  assert.equal(client.weftOf('acknowledged').at(-1)?.through, 100)
  assert.equal(client.isRead, true)
  await stop()
  assert.equal(clock.timerCount, 0)
})

test('A4: a client that goes while its burst waits is gone for the others, and what it wrote is stored as far as there is room', async () => {
  const { clock, awareness, client, connectWeft, deliver, release, stop } = await burst(12)
  const other = connectWeft()
  other.open(1, 'notes')
  await clock.settle()
  deliver({ type: 'close', channel: 1 })
  client.leave()
  await clock.settle()
  other.leave()
  await clock.settle()
  assert.equal(awareness.presence('notes').length, 0)
  release()
  await clock.advanceAsync(1_000)
  await stop()
  assert.equal(clock.timerCount, 0)
})

test('G4: a drain commits what was received, however much the document had', async () => {
  const { clock, client, gateway, release, stop } = await burst(15)
  const drained = gateway.drain(0)
  await clock.settle()
  release()
  await clock.advanceAsync(1_000)
  await drained
  assert.equal(client.weftOf('acknowledged').at(-1)?.through, 15)
  assert.equal(client.closing?.code, 1012)
  await stop()
  assert.equal(clock.timerCount, 0)
})

/** A document that has as much as it takes, and a client that wrote ten times that while it was found out who it is. */
async function lateWriter() {
  let release: () => void = () => {}
  let grant: () => void = () => {}
  const granted = new Promise<void>((resolve) => {
    grant = resolve
  })
  const bench = await gatewayBench({
    limits: { pendingBytesPerDocumentMax: MARK },
    store: (clock) => {
      const store = new FaultyStore(new MemoryStore({ clock }))
      release = store.stall('append')
      return store
    },
    authorize: async ({ token }) => {
      if (token === 'late') await granted
      return { user: null, permission: 'read-write' }
    },
  })
  const { clock, connectWeft } = bench
  const writer = (token: string, pieces: number) => {
    const client = connectWeft()
    client.sendWeft({ type: 'open', channel: 1, documentId: 'notes', token, known })
    const source = new Y.Doc()
    let submission = 0
    source.on('update', (update: Uint8Array) => client.sendWeft({ type: 'submit', channel: 1, submission: ++submission, update }))
    for (let piece = 0; piece < pieces; piece++) source.getText('body').insert(0, 'x'.repeat(MARK / 10))
    return client
  }
  const first = writer('', 10)
  await clock.settle()
  const late = writer('late', 100)
  await clock.settle()
  assert.equal(first.isRead, false)
  grant()
  await clock.settle()
  return { ...bench, first, late, release }
}

test('G1 (pendingBytesPerDocumentMax): what waited for its document waits on if that can take no more, and nothing of it is refused', async () => {
  const { clock, budget, late, release, stop } = await lateWriter()
  assert.equal(late.isRead, false)
  assert.deepEqual(late.weftOf('refused'), [])
  assert.equal(late.weftOf('state').length, 1, 'who waits to write may read')
  assert.ok(budget.account('pending').bytes < MARK * 1.5, `${budget.account('pending').bytes} bytes are pending`)
  assert.ok(budget.account('received').bytes >= MARK * 9, `${budget.account('received').bytes} bytes that wait are counted`)
  release()
  await clock.advanceAsync(1_000)
  assert.deepEqual(late.weftOf('refused'), [])
  assert.equal(late.weftOf('acknowledged').at(-1)?.through, 100)
  assert.equal(late.isRead, true)
  await stop()
  assert.equal(budget.account('received').bytes, 0)
  assert.equal(clock.timerCount, 0)
})

test('A4: who waits to write and goes is gone for the others at once, and what it wrote is stored once there is room', async () => {
  const { clock, awareness, budget, first, late, release, stop } = await lateWriter()
  late.leave()
  await clock.settle()
  assert.equal(awareness.presence('notes').length, 0)
  release()
  await clock.advanceAsync(1_000)
  const doc = new Y.Doc()
  for (const { updates } of first.weftOf('state')) for (const update of updates) Y.applyUpdate(doc, update)
  for (const { update } of first.weftOf('update')) Y.applyUpdate(doc, update)
  assert.equal(doc.getText('body').length, 11 * MARK)
  await stop()
  assert.equal(budget.account('received').bytes, 0)
  assert.equal(clock.timerCount, 0)
})

test('G4: a drain waits for what waits for its document', async () => {
  const { clock, gateway, late, release, stop } = await lateWriter()
  const drained = gateway.drain(0)
  await clock.settle()
  release()
  await clock.advanceAsync(1_000)
  await drained
  assert.equal(late.weftOf('acknowledged').at(-1)?.through, 100)
  assert.equal(late.closing?.code, 1012)
  await stop()
  assert.equal(clock.timerCount, 0)
})

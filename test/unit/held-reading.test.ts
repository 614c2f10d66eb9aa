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

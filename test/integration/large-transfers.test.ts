// Documents as large as they may be, for whoever asks: joins work, and those who ask and do not read cost next to nothing.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import * as Y from 'yjs'
import { startLocalServer } from '../helpers/local-server.js'
import { readMetric } from '../helpers/metrics.js'
import { RawClient } from '../helpers/raw-client.js'
import { eventually } from '../helpers/states.js'

const MiB = 1024 * 1024

function text(clientId: number, bytes: number): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = clientId
  for (let index = 0; index < 40; index++) doc.getText('t').insert(doc.getText('t').length, 'x'.repeat(bytes / 40))
  const update = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return update
}

async function submit(url: string, update: Uint8Array): Promise<void> {
  const client = await RawClient.weft(url)
  client.sendWeft({ type: 'open', channel: 1, documentId: 'd', token: '', known: { kind: 'nothing' } })
  client.sendWeft({ type: 'submit', channel: 1, submission: 1, update })
  await client.weftMessage('acknowledged')
  client.close()
}

/** What a client has after the updates that it was sent, as one state. */
function lengthOf(updates: readonly Uint8Array[]): number {
  const doc = new Y.Doc()
  if (updates.length > 0) Y.applyUpdate(doc, Y.mergeUpdates([...updates]))
  const { length } = doc.getText('t')
  doc.destroy()
  return length
}

describe('large transfers', () => {
  test('G9: a document of which base and tail are both far larger than an outbox is joined by clients of every dialect', async (context) => {
    // So large a base is compacted when so much more has come: all of the second update lies in the tail.
    const { server, webSocketUrl } = await startLocalServer()
    context.after(() => server.close())
    await submit(webSocketUrl, text(1, 12 * MiB))
    await eventually('it is the base', () => server.counters.get('compactions') === 1)
    await submit(webSocketUrl, text(2, 5 * MiB))
    assert.equal(server.counters.get('compactions'), 1)
    const stock = await RawClient.connect(`${webSocketUrl}/d`)
    stock.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
    await Promise.race([stock.yMessage('sync-step-2'), stock.closed])
    assert.equal(stock.closing, null)
    assert.equal(
      lengthOf(stock.yMessages.flatMap((message) => (message.type === 'update' || message.type === 'sync-step-2' ? [message.update] : []))),
      40 * (Math.floor((12 * MiB) / 40) + Math.floor((5 * MiB) / 40)),
    )
    const weft = await RawClient.weft(webSocketUrl)
    weft.sendWeft({ type: 'open', channel: 1, documentId: 'd', token: '', known: { kind: 'nothing' } })
    await Promise.race([weft.weftMessage('state'), weft.closed])
    assert.equal(weft.closing, null)
    for (const client of [stock, weft]) client.close()
    await server.close()
  })

  test('G8, G2: clients that ask for a difference and do not read hold no copies of it', async (context) => {
    const { server, webSocketUrl } = await startLocalServer()
    context.after(() => server.close())
    await submit(webSocketUrl, text(1, 8 * MiB))
    await eventually('it is the base', () => server.counters.get('compactions') === 1)
    const first = await RawClient.connect(`${webSocketUrl}/d`)
    await first.yMessage('sync-step-1')
    const before = await readMetric(server.url, 'memory_counted_bytes')
    const [begun, sent] = [server.counters.get('transfers_begun'), server.counters.get('transfer_bytes_sent')]
    const asking = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(`${webSocketUrl}/d`)))
    for (const client of asking) {
      await client.yMessage('sync-step-1')
      client.socket.pause()
      client.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(1, 1, 5) })
    }
    await eventually('all are served', () => server.counters.get('transfers_begun') === begun + 20)
    const held = (await readMetric(server.url, 'memory_counted_bytes')) - before
    assert.ok(held < 2 * MiB, `${held} bytes are held for twenty clients`)
    assert.ok(server.counters.get('transfer_bytes_sent') - sent < 20 * 64 * 1024)
    for (const client of [first, ...asking]) client.close()
    await server.close()
  })
})

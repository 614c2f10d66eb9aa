// Joining a large document over y-websocket: whoever is told "synced" has everything.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { startLocalServer } from '../helpers/local-server.js'
import { RawClient } from '../helpers/raw-client.js'
import { canonicalState, eventually } from '../helpers/states.js'

const stock = { WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket, disableBc: true }

describe('joining', () => {
  test('S2, S6: a stock client that is synced has base and tail of a document many fragments long, and what is typed meanwhile follows', async (context) => {
    const { server, webSocketUrl } = await startLocalServer({ tuning: { tailRowsMax: 5 } })
    context.after(() => server.close())
    const writerDoc = new Y.Doc()
    const writer = new WebsocketProvider(webSocketUrl, 'd', writerDoc, stock)
    await eventually('the writer is synced', () => writer.synced)
    for (let count = 0; count < 8; count++) {
      const rows = server.counters.get('log_rows_committed')
      writerDoc.getArray('parts').push([String(count).repeat(400_000)])
      await eventually('the edit is committed', () => server.counters.get('log_rows_committed') > rows)
    }
    await eventually('there is a base', () => server.counters.get('compactions') > 0)
    // A tail after the base.
    const rows = server.counters.get('log_rows_committed')
    writerDoc.getArray('parts').push(['tail'])
    await eventually('the tail is committed', () => server.counters.get('log_rows_committed') > rows)

    const raw = await RawClient.connect(`${webSocketUrl}/d`)
    raw.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
    await raw.yMessage('sync-step-2')
    const copy = new Y.Doc()
    for (const message of raw.yMessages) {
      if (message.type === 'update' || message.type === 'sync-step-2') Y.applyUpdate(copy, message.update)
      if (message.type === 'sync-step-2') break
    }
    assert.equal(copy.getArray('parts').length, 9)
    raw.close()

    const joiner = new WebsocketProvider(webSocketUrl, 'd', new Y.Doc(), stock)
    const atSync = new Promise<number>((resolve) => joiner.on('sync', () => resolve(joiner.doc.getArray('parts').length)))
    writerDoc.getArray('parts').push(['meanwhile'])
    assert.ok((await atSync) >= 9)
    await eventually('S1: the joiner has everything', () => canonicalState(joiner.doc) === canonicalState(writerDoc))
    for (const provider of [joiner, writer]) {
      provider.destroy()
      provider.doc.destroy()
    }
    await server.close()
  })
})

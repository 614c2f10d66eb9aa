// Large transfers over links that carry a bounded number of bytes a second, with heartbeats short enough that a whole message outlasts them.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import * as Y from 'yjs'
import { startLocalServer } from '../helpers/local-server.js'
import { RawClient } from '../helpers/raw-client.js'
import { eventually } from '../helpers/states.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'

const heartbeat = { pingPeriodMs: 150, pongMsMax: 150 }

function textUpdate(bytes: number, clientId = 1): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = clientId
  doc.getText('t').insert(0, 'x'.repeat(bytes))
  const update = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return update
}

describe('slow links', () => {
  test('G9, G1 (pingPeriodMs, pongMsMax): a message that takes longer to arrive than a heartbeat waits is taken, since its bytes are a sign of life', async () => {
    const { server, webSocketUrl, port } = await startLocalServer({ limits: heartbeat })
    const proxy = await TcpProxy.start({ host: '127.0.0.1', port })
    proxy.bytesPerSecond = 150_000
    const writer = await RawClient.connect(`ws://${proxy.address}/d`)
    writer.sendY({ type: 'update', update: textUpdate(150_000) })
    await eventually('it has arrived', () => server.counters.get('updates_received') === 1 || writer.closing !== null)
    assert.equal(writer.closing, null)
    assert.equal(server.counters.get('connections_timed_out'), 0)
    writer.close()

    const reader = await RawClient.connect(`${webSocketUrl}/d`)
    reader.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
    await eventually('the text', () => {
      const doc = new Y.Doc()
      for (const message of reader.yMessages)
        if (message.type === 'sync-step-2' || message.type === 'update') Y.applyUpdate(doc, message.update)
      return doc.getText('t').length === 150_000
    })
    reader.close()
    await server.close()
    await proxy.stop()
  })
})

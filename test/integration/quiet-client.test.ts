// A stock client that does nothing, and is kept from giving up the socket. `npm run fault -- --quiet 65` waits through its 30 s twice.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { defaultLimits } from '../../core/limits.js'
import { startLocalServer } from '../helpers/local-server.js'
import { eventually } from '../helpers/states.js'

test('G1: silenceMsMax: a stock client that says and hears nothing of others gets message after message, each of which restarts its 30 s', async (context) => {
  const { server, webSocketUrl } = await startLocalServer({ limits: { ...defaultLimits, silenceMsMax: 40 } })
  context.after(() => server.close())
  const provider = new WebsocketProvider(webSocketUrl, 'silent', new Y.Doc(), {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  provider.awareness.setLocalState(null)
  let closes = 0
  provider.on('connection-close', () => closes++)
  try {
    await eventually('the client is synced', () => provider.synced)
    let heardAt = provider.wsLastMessageReceived
    for (let message = 1; message <= 5; message++) {
      await eventually(`message ${message} in the silence`, () => provider.wsLastMessageReceived > heardAt)
      heardAt = provider.wsLastMessageReceived
    }
    assert.equal(closes, 0)
    assert.deepEqual([...provider.awareness.getStates().keys()], [], 'it is told of nobody')
  } finally {
    provider.destroy()
    provider.doc.destroy()
    await server.close()
  }
})

// A stock client that does nothing, for 65 s of real time: longer than the 30 s of silence after which it gives up, twice.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { ServerProcess } from '../helpers/server-process.js'
import { eventually } from '../helpers/states.js'

const QUIET_MS = 65_000

test('a quiet y-websocket client, with and without awareness, is still connected after 65 s', async () => {
  const server = await ServerProcess.start()
  const connect = () => {
    const provider = new WebsocketProvider(server.webSocketUrl, 'quiet', new Y.Doc(), {
      WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
      disableBc: true,
    })
    let closes = 0
    provider.on('connection-close', () => closes++)
    return { provider, closes: () => closes }
  }
  const present = connect()
  // In a document of its own, so that nobody's awareness keeps it awake.
  const silent = new WebsocketProvider(server.webSocketUrl, 'silent', new Y.Doc(), {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  silent.awareness.setLocalState(null)
  let silentCloses = 0
  silent.on('connection-close', () => silentCloses++)
  try {
    await eventually('both are synced', () => present.provider.synced && silent.synced)
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
    assert.deepEqual([present.closes(), silentCloses], [0, 0])
    assert.ok(present.provider.wsconnected && silent.wsconnected)
  } finally {
    for (const provider of [present.provider, silent]) {
      provider.destroy()
      provider.doc.destroy()
    }
    await server.dispose()
  }
})

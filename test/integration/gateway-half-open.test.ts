// A client whose network is gone without a word: a proxy in between that goes silent (G3, A4).
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { startLocalServer } from '../helpers/local-server.js'
import { readMetric } from '../helpers/metrics.js'
import { eventually } from '../helpers/states.js'

/** Forwards TCP until `goSilent`; from then on it swallows everything and closes nothing. */
async function startProxy(port: number) {
  let silent = false
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk) => {
        if (!silent) to.write(chunk)
      })
      from.on('close', () => {
        if (!silent) to.destroy()
      })
      from.on('error', () => {})
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    goSilent: () => {
      silent = true
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

const stock = { WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket, disableBc: true }

describe('half-open connections', () => {
  test('G3, A4, G1 (pingPeriodMs, pongMsMax): a client that has silently gone is found and its cursor removed; the others stay', async (context) => {
    const { server, webSocketUrl, port } = await startLocalServer({ limits: { pingPeriodMs: 100, pongMsMax: 100 } })
    context.after(() => server.close())
    const proxy = await startProxy(port)
    const lost = new WebsocketProvider(proxy.url, 'd', new Y.Doc(), stock)
    const stays = new WebsocketProvider(webSocketUrl, 'd', new Y.Doc(), stock)
    let closes = 0
    stays.on('connection-close', () => closes++)
    lost.awareness.setLocalStateField('name', 'lost')
    const seesLost = (): boolean => stays.awareness.getStates().has(lost.doc.clientID)
    await eventually('the cursor is seen', seesLost)

    proxy.goSilent()
    await eventually('the connection is found', () => server.counters.get('connections_timed_out') === 1)
    await eventually('its cursor is gone', () => !seesLost())
    await eventually('it is dropped', async () => (await readMetric(server.url, 'connections')) === 1)
    assert.equal(closes, 0)

    for (const provider of [lost, stays]) {
      provider.destroy()
      provider.doc.destroy()
    }
    proxy.close()
    await server.close()
  })
})

// Who comes back to documents is let in while those who come for the first time wait; what shows it cannot be used twice, and opens nothing.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { type ConnectOptions, connect } from '../../client/index.js'
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { resumptionSubprotocol } from '../../core/resumption.js'
import { weftSubprotocol } from '../../protocol/dialects/weft.js'
import { startLocalServer } from '../helpers/local-server.js'
import { RawClient } from '../helpers/raw-client.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { until } from '../helpers/until.js'

/** How an upgrade ends. */
function attempt(url: string, protocols: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, [...protocols])
    socket.on('unexpected-response', (_request, response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    socket.on('open', () => {
      assert.equal(socket.protocol, weftSubprotocol)
      socket.terminate()
      resolve(101)
    })
    socket.on('error', reject)
  })
}

test('G1: connectionsPerSecondMax: a client of ours that comes back is let in past it, strangers and what was used once are not', async (t) => {
  let laterMs = 0
  const clock = { ...systemClock, now: () => Date.now() + laterMs }
  const local = await startLocalServer({ clock, limits: { connectionsPerSecondMax: 1 } })
  t.after(() => local.server.close())
  const { webSocketUrl } = local
  const proxy = await TcpProxy.start({ host: '127.0.0.1', port: local.port })
  t.after(() => proxy.stop())
  const offered: (readonly string[])[] = []
  const failures: string[] = []
  class WatchedWebSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      offered.push(protocols)
      this.on('error', (error) => failures.push(error.message))
    }
  }
  const connection = connect(`ws://${proxy.address}`, {
    logger: silentLogger,
    backoff: { baseMs: 50, capMs: 200 },
    WebSocket: WatchedWebSocket as unknown as NonNullable<ConnectOptions['WebSocket']>,
  })
  const doc = new Y.Doc()
  t.after(async () => {
    await connection.close()
    await proxy.stop()
    doc.destroy()
  })
  const session = connection.open('notes', doc)
  await session.synced
  const raw = await RawClient.weft(webSocketUrl)
  raw.sendWeft({ type: 'open', channel: 1, documentId: 'notes', token: '', known: { kind: 'nothing' } })
  const { resumption } = await raw.weftMessage('resumption')
  const shown = [weftSubprotocol, resumptionSubprotocol(resumption)]
  laterMs = 10_000

  // Strangers use up whatever is let in. The rate lets one in a second, so that one of some attempts in a row may pass.
  const flood = async (protocols: readonly string[]): Promise<number[]> => {
    const outcomes: number[] = []
    for (let number = 0; number < 20; number++) outcomes.push(await attempt(webSocketUrl, protocols))
    return outcomes
  }
  const strangers = await flood([weftSubprotocol])
  assert.ok(strangers.filter((status) => status === 503).length >= 10, strangers.join(', '))
  assert.equal(await attempt(webSocketUrl, shown), 101)
  const replays = await flood(shown)
  assert.ok(replays.filter((status) => status === 503).length >= 10, replays.join(', '))

  raw.close()
  proxy.path = 'cut'
  await until(() => session.status.state === 'offline', 'our client has lost its connection')
  await flood([weftSubprotocol])
  proxy.path = 'open'
  await session.saved()
  await until(() => session.status.state === 'saved', 'our client is back')
  assert.ok(offered.at(-1)?.some((protocol) => protocol.startsWith('weft.resume.')))
  assert.deepEqual(
    failures.filter((failure) => failure.includes('503')),
    [],
  )
})

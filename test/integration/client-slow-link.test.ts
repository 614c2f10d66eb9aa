// The client over links that carry a bounded number of bytes a second, up and down, with heartbeats far shorter than the transfer. In Node, where its socket tells of
// bytes before a message is whole, and as in a browser, where it does not.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { connect, type WebSocketConstructor } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { startLocalServer } from '../helpers/local-server.js'
import { canonicalState, eventually } from '../helpers/states.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'

/** Like a browser's: nothing is known of a message before it is whole. */
class OpaqueWebSocket extends EventTarget {
  readonly #socket: WebSocket
  binaryType = 'arraybuffer'

  constructor(url: string, protocols: string[]) {
    super()
    this.#socket = new WebSocket(url, protocols)
    this.#socket.binaryType = 'arraybuffer'
    this.#socket.on('open', () => this.dispatchEvent(new Event('open')))
    this.#socket.on('message', (data) => this.dispatchEvent(Object.assign(new Event('message'), { data })))
    this.#socket.on('error', () => this.dispatchEvent(new Event('error')))
    this.#socket.on('close', (code, reason) => this.dispatchEvent(Object.assign(new Event('close'), { code, reason: String(reason) })))
  }

  get protocol(): string {
    return this.#socket.protocol
  }

  send(data: Uint8Array): void {
    this.#socket.send(data)
  }

  close(): void {
    this.#socket.close()
  }
}

const sockets = { 'in Node': undefined, 'as in a browser': OpaqueWebSocket as unknown as WebSocketConstructor }

for (const [where, socket] of Object.entries(sockets)) {
  test(`G9: what takes many heartbeats is saved, and arrives, over one socket each; others' edits pass between: ${where}`, async (context) => {
    const { server, webSocketUrl, port } = await startLocalServer({ limits: { pingPeriodMs: 300, pongMsMax: 200 } })
    context.after(() => server.close())
    const proxy = await TcpProxy.start({ host: '127.0.0.1', port })
    context.after(() => proxy.stop())
    proxy.bytesPerSecond = 500_000
    const slow = () =>
      connect(`ws://${proxy.address}`, {
        logger: silentLogger,
        heartbeat: { answerMsMax: 200 },
        ...(socket === undefined ? {} : { WebSocket: socket }),
      })
    const [near, writing, reading] = [connect(webSocketUrl, { logger: silentLogger }), slow(), slow()]
    try {
      const large = writing.open('large', new Y.Doc())
      const small = writing.open('small', new Y.Doc())
      const watching = near.open('small', new Y.Doc())
      await Promise.all([large.synced, small.synced, watching.synced])
      await eventually('all are connected', () => server.counters.get('connections_accepted') === 3)
      large.doc.transact(() => {
        for (let line = 0; line < 5_000; line++) large.doc.getArray('lines').push([`line ${line} ${'x'.repeat(90)}`])
        large.doc.getMap('values').set('binary', new Uint8Array(40_000).fill(3))
      })
      small.doc.getText('body').insert(0, 'typed meanwhile')
      await small.saved()
      await eventually('the small edit', () => watching.doc.getText('body').length > 0)
      assert.equal(large.status.state, 'saving')
      await large.saved()

      const copy = reading.open('large', new Y.Doc())
      await copy.synced
      assert.ok(canonicalState(copy.doc) === canonicalState(large.doc), 'all of it')
      assert.equal(server.counters.get('connections_accepted'), 3, 'no reconnect')
    } finally {
      await Promise.all([near, writing, reading].map((connection) => connection.close()))
      await server.close()
      await proxy.stop()
    }
  })
}

test('G9: an upload that is cut off goes on where it was', async (context) => {
  const { server, port } = await startLocalServer()
  context.after(() => server.close())
  const proxy = await TcpProxy.start({ host: '127.0.0.1', port })
  proxy.bytesPerSecond = 2_000_000
  const connection = connect(`ws://${proxy.address}`, { logger: silentLogger, backoff: { baseMs: 20, capMs: 100 } })
  try {
    const session = connection.open('large', new Y.Doc())
    await session.synced
    for (let line = 0; line < 12; line++) session.doc.getText(`text ${line}`).insert(0, 'x'.repeat(100_000))
    await eventually('several pieces', () => server.counters.get('updates_received') >= 5)
    proxy.path = 'cut'
    await eventually('offline', () => session.status.state === 'offline')
    const before = server.counters.get('updates_received')
    proxy.path = 'open'
    await session.saved()
    // Each text makes two, of 64 KiB and of the rest.
    const after = server.counters.get('updates_received') - before
    assert.ok(after <= 24 - before + 4, `${after} pieces after ${before} of 24`)
    const copy = connection.open('large', new Y.Doc())
    await copy.synced
    assert.ok(canonicalState(copy.doc) === canonicalState(session.doc), 'all of it')
  } finally {
    await connection.close()
    await server.close()
    await proxy.stop()
  }
})

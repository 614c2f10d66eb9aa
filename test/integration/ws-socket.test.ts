// The socket over `ws` writes small messages as frames of its own making: whatever their size, and whatever goes between them, they arrive whole and in order.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { WsSocket } from '../../server/transport/ws-socket.js'

// Around the lengths at which a frame header changes its shape, and a message its way.
const sizes = [0, 1, 125, 126, 1000, 16 * 1024, 16 * 1024 + 1, 65_535, 65_536, 70_000, 256 * 1024, 256 * 1024 + 1, 700_000, 5, 126]

function contentOf(size: number, salt: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (index * 31 + salt) & 0xff)
}

async function connected(): Promise<{ readonly socket: WsSocket; readonly client: WebSocket; close(): Promise<void> }> {
  const server = createServer()
  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const accepted = new Promise<WsSocket>((resolve) => {
    server.on('upgrade', (request, stream: Duplex, head) => {
      webSockets.handleUpgrade(request, stream, head, (ws) => resolve(new WsSocket(ws, stream)))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  await once(client, 'open')
  const socket = await accepted
  return {
    socket,
    client,
    async close() {
      client.terminate()
      socket.terminate()
      server.close()
      await once(server, 'close')
    },
  }
}

function received(client: WebSocket, count: number): Promise<Buffer[]> {
  const messages: Buffer[] = []
  return new Promise((resolve) => {
    client.on('message', (data: Buffer) => {
      messages.push(data)
      if (messages.length === count) resolve(messages)
    })
  })
}

test('messages of all sizes, with pings between them, arrive whole and in order', async () => {
  const { socket, client, close } = await connected()
  const contents = sizes.map((size, index) => contentOf(size, index))
  const all = received(client, contents.length)
  let sent = 0
  for (const content of contents) {
    socket.send([content], () => sent++)
    socket.ping()
  }
  assert.deepEqual(
    (await all).map((message) => Buffer.compare(message, contents.shift() ?? new Uint8Array())),
    sizes.map(() => 0),
  )
  assert.equal(sent, sizes.length)
  assert.equal(socket.bufferedBytes, 0)
  await close()
})

test('one content that goes to several sockets, and others between, arrives as it is on each', async () => {
  const pairs = await Promise.all([connected(), connected(), connected()])
  const contents = [contentOf(40, 1), contentOf(40, 2), contentOf(5000, 3)]
  const all = pairs.map(({ client }) => received(client, contents.length))
  for (const content of contents) for (const { socket } of pairs) socket.send([content], () => {})
  for (const messages of await Promise.all(all))
    assert.deepEqual(
      messages.map((message) => [...message]),
      contents.map((content) => [...content]),
    )
  await Promise.all(pairs.map(({ close }) => close()))
})

test('after the close frame nothing more is sent, and nothing counts as sent', async () => {
  const { socket, client, close } = await connected()
  let messages = 0
  let sent = 0
  client.on('message', () => messages++)
  const closed = once(client, 'close')
  socket.close(1012, 'restart')
  for (const size of [10, 700_000]) socket.send([contentOf(size, 0)], () => sent++)
  assert.equal((await closed)[0], 1012)
  assert.equal(messages, 0)
  await close()
  assert.equal(sent, 0)
})

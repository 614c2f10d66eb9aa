// What a connection needs of a transport, whatever frames travel by: the rules of `server/transport/socket.ts`, each as a test over a real network.
import { strict as assert } from 'node:assert'
import { type TestContext, test } from 'node:test'
import type { WebSocketLike } from '../../client/transports/web-socket.js'
import type { Socket, SocketEvents } from '../../server/transport/socket.js'
import { eventually } from '../helpers/states.js'

/** What the server's end told its connection. */
export class HeardEvents implements SocketEvents {
  readonly messages: Uint8Array[] = []
  readonly pongs: number[] = []
  readonly ends: number[] = []
  tooLargeCount = 0
  receivedCount = 0
  /** Runs at each message. */
  onMessage: () => void = () => {}

  received(_bytes: number): void {
    this.receivedCount += 1
  }

  /** What more than so many requests without a message hear. */
  requestsMax = Number.MAX_SAFE_INTEGER
  requestCount = 0

  requested(): boolean {
    this.requestCount += 1
    return this.requestCount <= this.requestsMax
  }

  message(data: Uint8Array): void {
    this.messages.push(Uint8Array.from(data))
    this.onMessage()
  }

  tooLarge(): void {
    this.tooLargeCount += 1
  }

  text(): void {}

  pong(mark: number): void {
    this.pongs.push(mark)
  }

  closed(code: number): void {
    this.ends.push(code)
  }
}

export interface TransportPair {
  readonly socket: Socket
  readonly events: HeardEvents
  readonly client: WebSocketLike
  /** What the client received, and how it ended. */
  readonly received: Uint8Array[]
  readonly ends: { readonly code?: number; readonly reason?: string }[]
}

/** Both ends of a connection, which is open. The largest message is `MESSAGE_BYTES_MAX`. */
export type OpenPair = (context: TestContext) => Promise<TransportPair>

export const MESSAGE_BYTES_MAX = 1024 * 1024

const sizes = [1, 125, 126, 1000, 16 * 1024, 16 * 1024 + 1, 65_535, 65_536, 256 * 1024 + 1, 700_000, 5, 126]

function contentOf(size: number, salt = 0): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (index * 31 + salt) & 0xff)
}

function assertSame(got: readonly Uint8Array[], wanted: readonly Uint8Array[]): void {
  assert.deepEqual(
    got.map(({ length }) => length),
    wanted.map(({ length }) => length),
  )
  for (const [index, bytes] of wanted.entries()) assert.equal(Buffer.compare(got[index] ?? new Uint8Array(), bytes), 0)
}

export function transportContract(name: string, open: OpenPair): void {
  test(`${name}: messages of all sizes arrive whole, in order and once, both ways at the same time`, async (context) => {
    const { socket, events, client, received } = await open(context)
    const contents = sizes.map(contentOf)
    for (const content of contents) {
      socket.send([content.subarray(0, 3), content.subarray(3)], () => {})
      client.send(content)
    }
    await eventually('all have arrived', () => received.length >= contents.length && events.messages.length >= contents.length)
    assertSame(received, contents)
    assertSame(events.messages, contents)
    assert.ok(events.receivedCount > 0, 'what arrives is a sign of life')
  })

  test(`${name}: what was sent waits until it was taken, and each message is told so once`, async (context) => {
    const { socket, received } = await open(context)
    const told = sizes.map(() => 0)
    for (const [index, size] of sizes.entries()) {
      socket.send([contentOf(size)], () => {
        told[index] = (told[index] ?? 0) + 1
      })
    }
    const total = sizes.reduce((sum, size) => sum + size, 0)
    assert.ok(socket.bufferedBytes <= total + sizes.length * 16)
    await eventually('nothing waits', () => socket.bufferedBytes === 0 && received.length === sizes.length)
    await eventually('each was told', () => told.every((count) => count > 0))
    assert.deepEqual(
      told,
      sizes.map(() => 1),
    )
  })

  test(`${name}: a pong says that everything before its ping has arrived`, async (context) => {
    const { socket, events, received } = await open(context)
    const before: number[] = []
    for (let mark = 1; mark <= 5; mark++) {
      socket.send([contentOf(20_000, mark)], () => {})
      socket.ping(mark)
      await eventually('the pong is here', () => events.pongs.includes(mark))
      before.push(received.length)
    }
    assert.deepEqual(events.pongs, [1, 2, 3, 4, 5])
    assert.deepEqual(before, [1, 2, 3, 4, 5])
    socket.ping()
    await eventually('a ping without a mark is answered too', () => events.pongs.includes(0))
  })

  test(`${name}: a paused socket delivers little more, and everything once it is resumed`, async (context) => {
    const { socket, events, client } = await open(context)
    events.onMessage = () => socket.pause()
    const contents = Array.from({ length: 40 }, (_, index) => contentOf(50_000, index))
    client.send(contents[0] ?? new Uint8Array())
    await eventually('the first is here', () => events.messages.length === 1)
    for (const content of contents.slice(1)) client.send(content)
    // The same client hears the server all the while.
    const pongs = events.pongs.length
    socket.send([contentOf(10)], () => {})
    assert.ok(events.messages.length < contents.length)
    assert.equal(events.pongs.length, pongs)
    events.onMessage = () => {}
    socket.resume()
    await eventually('all are here', () => events.messages.length === contents.length)
    assertSame(events.messages, contents)
  })

  test(`${name}: the server's close brings its code and its reason, after what was sent before it`, async (context) => {
    const { socket, events, received, ends } = await open(context)
    socket.send([contentOf(300_000)], () => {})
    socket.close(4403, 'Grüße: das dürfen Sie nicht.')
    let told = 0
    socket.send([contentOf(5)], () => told++)
    await eventually('both ends are closed', () => ends.length > 0 && events.ends.length > 0)
    assertSame(received, [contentOf(300_000)])
    assert.deepEqual(
      ends.map(({ code, reason }) => ({ code, reason })),
      [{ code: 4403, reason: 'Grüße: das dürfen Sie nicht.' }],
    )
    assert.equal(events.ends.length, 1)
    assert.equal(told, 0, 'what was sent too late was not sent')
  })

  test(`${name}: a client's close comes after everything that it sent`, async (context) => {
    const { events, client, ends } = await open(context)
    const contents = [contentOf(10), contentOf(400_000), contentOf(20)]
    for (const content of contents) client.send(content)
    client.close(1000, '')
    await eventually('both ends are closed', () => ends.length > 0 && events.ends.length > 0)
    assertSame(events.messages, contents)
    assert.deepEqual(events.ends, [1000])
    assert.equal(ends.length, 1)
  })

  test(`${name}: terminating ends both, and nothing that waits counts as sent after that`, async (context) => {
    const { socket, events, ends } = await open(context)
    let told = 0
    for (let index = 0; index < 10; index++) socket.send([contentOf(200_000)], () => told++)
    socket.terminate()
    await eventually('both ends are closed', () => ends.length > 0 && events.ends.length > 0)
    const toldBefore = told
    assert.ok(toldBefore < 10, `${toldBefore} messages were taken`)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(told, toldBefore)
    assert.deepEqual(events.ends, [1006])
    assert.deepEqual(
      ends.map(({ code }) => code),
      [1006],
    )
  })

  test(`${name}: a message that is larger than may be is not delivered, and the connection is told (G1)`, async (context) => {
    const { socket, events, client } = await open(context)
    client.send(contentOf(10))
    client.send(new Uint8Array(MESSAGE_BYTES_MAX + 1))
    await eventually('it is told, or the socket is gone', () => events.tooLargeCount > 0)
    assertSame(events.messages, [contentOf(10)])
    socket.close(4413, 'too large')
    await eventually('it is closed', () => events.ends.length === 1)
  })
}

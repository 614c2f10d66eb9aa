// The contract of a transport, for each that there is, between its real ends and over real sockets. The test takes the place of the gateway's connection.
import { strict as assert } from 'node:assert'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { HttpSocket } from '../../client/transports/http-socket.js'
import { type TransportName, transportNames } from '../../client/transports/negotiation.js'
import { findWebSocket, type WebSocketLike } from '../../client/transports/web-socket.js'
import { systemClock } from '../../core/clock.js'
import { Counters } from '../../core/counters.js'
import { defaultLimits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import { systemRandom } from '../../core/random.js'
import { dialects } from '../../server/composition/dialects.js'
import { httpTransport } from '../../server/gateway/http-transport.js'
import { serveUpgrades } from '../../server/gateway/upgrade.js'
import { HttpSockets } from '../../server/transport/http/http-sockets.js'
import type { Socket } from '../../server/transport/socket.js'
import { eventually } from '../helpers/states.js'
import { HeardEvents, MESSAGE_BYTES_MAX, type OpenPair, transportContract } from './transport-contract.js'

const limits = { ...defaultLimits, messageBytesMax: MESSAGE_BYTES_MAX }
const common = {
  clock: systemClock,
  random: systemRandom,
  limits,
  budget: new MemoryBudget(limits.memoryBytesMax),
  counters: new Counters(),
  logger: silentLogger,
  dialects,
}

/** What the network does to requests; by default nothing. */
let network: typeof fetch = (input, init) => fetch(input, init)

async function clientOf(name: TransportName, url: string): Promise<WebSocketLike> {
  if (name !== 'websocket')
    return new HttpSocket(url, ['weft.1'], { down: name, clock: systemClock, fetch: (input, init) => network(input, init) })
  const WebSocket = await findWebSocket()
  return new WebSocket(url, ['weft.1'])
}

function pairOver(name: TransportName): OpenPair {
  return async (context) => {
    const events = new HeardEvents()
    const accepted: Socket[] = []
    const gateway = {
      admission: () => 'admitted' as const,
      room: () => 'admitted' as const,
      nodeAdmission: () => 'admitted' as const,
      accept: (socket: Socket) => {
        accepted.push(socket)
        return events
      },
    }
    const httpSockets = new HttpSockets({ ...common, boot: 'here' })
    const node = { gateway, httpSockets, relay: { knows: () => false, relay: () => null } }
    const overHttp = httpTransport({
      ...common,
      node: () => node,
      transports: transportNames,
      basePath: '',
      trustedProxies: () => false,
      refusalOf: () => null,
    })
    const server = createServer((request, response) => void overHttp(request, response))
    serveUpgrades(server, { ...common, gateway: () => gateway })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    const client = await clientOf(name, `ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
    context.after(async () => {
      accepted[0]?.terminate()
      if (client.terminate === undefined) client.close()
      else client.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    const received: Uint8Array[] = []
    const ends: { readonly code?: number; readonly reason?: string }[] = []
    let isOpen = false
    client.binaryType = 'arraybuffer'
    client.addEventListener('open', () => {
      isOpen = true
    })
    client.addEventListener('message', ({ data }) => received.push(new Uint8Array(data as ArrayBuffer)))
    client.addEventListener('close', (event) => ends.push(event))
    client.addEventListener('error', () => {})
    await eventually('it is open', () => isOpen && accepted.length === 1)
    const socket = accepted[0]
    assert.ok(socket !== undefined)
    return { socket, events, client, received, ends }
  }
}

for (const name of transportNames) transportContract(name, pairOver(name))

// Over HTTP more is sure than a WebSocket promises: its requests come and go beside each other.
for (const name of ['sse', 'poll'] as const) {
  test(`${name}: what has arrived is told also while the server reads nothing of what the client sends`, async (context) => {
    const { socket, events, client, received } = await pairOver(name)(context)
    socket.pause()
    client.send(Uint8Array.of(1))
    socket.send([new Uint8Array(100_000)], () => {})
    socket.ping(1)
    await eventually('the pong is here', () => events.pongs.includes(1))
    assert.equal(received.length, 1)
    assert.equal(events.messages.length, 0)
    socket.resume()
    await eventually('what was sent is read', () => events.messages.length === 1)
  })

  test(`${name}: a close that is followed by the end at once is heard all the same (G5)`, async (context) => {
    const { socket, events, ends } = await pairOver(name)(context)
    await eventually('the client waits for something', () => events.receivedCount > 0)
    socket.close(1012, 'The server is stopping.')
    socket.terminate()
    await eventually('both ends are closed', () => ends.length > 0 && events.ends.length > 0)
    assert.deepEqual(
      ends.map(({ code, reason }) => [code, reason]),
      [[1012, 'The server is stopping.']],
    )
  })

  test(`${name}: who asks too often is refused, confirms all the same, and gets everything later (G1)`, async (context) => {
    const { socket, events, received } = await pairOver(name)(context)
    await eventually('the client waits for something', () => events.requestCount > 0)
    // A poll ends with each of these, a stream is confirmed: each is a request.
    events.requestsMax = events.requestCount
    socket.send([new Uint8Array(20_000)], () => {})
    await eventually('more was asked than may be', () => events.requestCount > events.requestsMax)
    await eventually('what was sent is confirmed', () => socket.bufferedBytes === 0)
    events.requestsMax = Number.MAX_SAFE_INTEGER
    socket.send([new Uint8Array(20_000)], () => {})
    await eventually('all of it arrives', () => received.length === 2 && socket.bufferedBytes === 0)
    assert.deepEqual(events.ends, [])
  })

  test(`${name}: a client that is dropped by whoever hears a message does nothing more`, async (context) => {
    const { socket, events, client, ends } = await pairOver(name)(context)
    client.addEventListener('message', () => client.terminate?.())
    socket.send([new Uint8Array(20_000)], () => {})
    socket.send([new Uint8Array(20_000)], () => {})
    await eventually('both ends are closed', () => ends.length > 0 && events.ends.length > 0)
    assert.equal(ends.length, 1)
  })
}

test('sse: nothing of a request outlives it: each has a signal of its own, and the end of the connection ends those under way', async (context) => {
  const before = network
  const signals: (AbortSignal | null | undefined)[] = []
  network = (input, init) => {
    signals.push(init?.signal)
    return fetch(input, init)
  }
  context.after(() => {
    network = before
  })
  const { events, client, ends } = await pairOver('sse')(context)
  for (const byte of [1, 2, 3]) {
    client.send(Uint8Array.of(byte))
    await eventually(`message ${byte} is here`, () => events.messages.length === byte)
  }
  // The one that opens it, the stream, and one for each message.
  assert.equal(signals.length, 5)
  assert.equal(new Set(signals).size, 5)
  client.terminate?.()
  await eventually('it has ended', () => ends.length === 1)
  assert.ok(signals[1]?.aborted, 'nothing more is read of the stream')
})

test('sse: a confirmation that gets lost is made again', async (context) => {
  const { socket, events } = await pairOver('sse')(context)
  let lost = 0
  const before = network
  network = (input, init) => {
    if (init?.method !== 'POST' || lost === 3) return fetch(input, init)
    lost += 1
    return Promise.reject(new TypeError('The network is gone.'))
  }
  context.after(() => {
    network = before
  })
  socket.ping(7)
  await eventually('the pong is here', () => events.pongs.includes(7))
  assert.equal(lost, 3)
})

// The client's connection: when it tries again, when it does not, how it notices a dead socket, and that it ends without a trace.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { Backoff } from '../../client/backoff.js'
import type { ConnectionStatus } from '../../client/index.js'
import { webSocketUrl } from '../../client/transports/web-socket.js'
import { seededRandom } from '../../core/random.js'
import { clientFixture, stateOf, type } from '../helpers/client-fixture.js'

const always = (fraction: number) => ({ ...seededRandom(1), fraction: () => fraction })

test('waits grow exponentially to a cap, with full jitter', () => {
  const most = new Backoff({ baseMs: 100, capMs: 30_000 }, always(0.999_999))
  const waits = Array.from({ length: 12 }, () => Math.round(most.next()))
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000])
  const least = new Backoff({ baseMs: 100, capMs: 30_000 }, always(0))
  assert.deepEqual([least.next(), least.next(), least.next()], [0, 0, 0])
  most.reset()
  assert.equal(Math.round(most.next()), 100)
  for (let failures = 0; failures < 5_000; failures++) assert.ok(most.next() <= 30_000)
})

test('http URLs become WebSocket URLs, others are refused', () => {
  assert.equal(webSocketUrl('http://localhost:1234'), 'ws://localhost:1234/')
  assert.equal(webSocketUrl('https://example.org/sync?x=1#here'), 'wss://example.org/sync?x=1')
  assert.equal(webSocketUrl('wss://example.org'), 'wss://example.org/')
  assert.throws(() => webSocketUrl('ftp://example.org'), TypeError)
  assert.throws(() => webSocketUrl('/relative'), /^TypeError: Not a ws, wss, http or https URL: \/relative$/)
  assert.throws(() => webSocketUrl(undefined as never), /^TypeError: Not a ws, wss, http or https URL: undefined$/)
  assert.throws(() => webSocketUrl('ws://host:port'), TypeError)
  assert.equal(webSocketUrl('WSS://example.org:8443?x=1'), 'wss://example.org:8443/?x=1')
})

test('a URL that cannot be changed, as on React Native, is not needed for an absolute one', () => {
  const { URL } = globalThis
  globalThis.URL = class {
    get protocol(): string {
      throw new Error('URL.protocol is not implemented')
    }
  } as unknown as typeof URL
  try {
    assert.equal(webSocketUrl('https://example.org/sync?x=1'), 'wss://example.org/sync?x=1')
  } finally {
    globalThis.URL = URL
  }
})

test('the waits between attempts grow until a document was synced, not until a socket was opened', async () => {
  const { clock, server, network, connect } = clientFixture()
  server.accepts = false
  network.onSocket((end) => {
    end.onMessage(({ type }) => {
      // Welcomes, and goes away before any document is synced.
      if (type === 'hello') end.send({ type: 'welcome', serverId: 's', messageBytesMax: 1000, pingPeriodMs: 25_000 })
      if (type === 'open') end.end(1011)
    })
    end.open()
  })
  const connection = connect({ random: always(0.5) })
  connection.open('a', new Y.Doc())
  const waits: number[] = []
  for (let attempt = 0; attempt < 5; attempt++) {
    await clock.settle()
    waits.push(clock.nextTimerMs ?? -1)
    await clock.advanceAsync(clock.nextTimerMs ?? 0)
  }
  assert.deepEqual(waits, [50, 100, 200, 400, 800])
  await connection.close()

  const healthy = clientFixture()
  const other = healthy.connect({ random: always(0.5) })
  other.open('a', new Y.Doc())
  for (let loss = 0; loss < 3; loss++) {
    await healthy.clock.settle()
    healthy.network.last.end()
    await healthy.clock.settle()
    assert.equal(healthy.clock.nextTimerMs, 50)
    await healthy.clock.advanceAsync(50)
  }
  await other.close()
})

test('G5: a close code between 4400 and 4499 ends the attempts, with the reason, until the application asks again', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const statuses: ConnectionStatus[] = []
  connection.on('status', (status) => statuses.push(status))
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  await clock.settle()
  network.last.end(4401, 'The token has expired.')
  await clock.settle()
  const refused = { state: 'refused', code: 'unauthenticated', closeCode: 4401, reason: 'The token has expired.' } as const
  assert.deepEqual(connection.status, refused)
  assert.deepEqual(session.status, refused)
  assert.equal(clock.timerCount, 0)
  type(doc, 'kept')
  assert.equal(session.unsaved, 1)
  const later = connection.open('b', new Y.Doc())
  assert.equal(stateOf(later), 'refused')

  connection.retry()
  await clock.settle()
  assert.equal(stateOf(connection), 'connected')
  assert.equal(stateOf(session), 'saved')
  assert.equal(server.text('a'), 'kept')
  assert.equal(stateOf(later), 'saved')
  assert.deepEqual(
    statuses.map(({ state }) => state),
    ['connected', 'refused', 'connecting', 'connected'],
  )
  await connection.close()
})

test('G4: a server that announced its restart is asked again at once, after the delay it named', async () => {
  const { clock, network, connect } = clientFixture()
  const connection = connect({ random: always(0.5) })
  const session = connection.open('a', new Y.Doc())
  await clock.settle()
  network.last.end(1012, 'Restarting.')
  await clock.settle()
  assert.deepEqual(session.status, { state: 'offline', reason: 'Restarting.' })
  assert.equal(clock.nextTimerMs, 50)
  await clock.advanceAsync(50)
  assert.equal(stateOf(session), 'saved')

  network.last.send({ type: 'drain', retryAfterMs: 2_000 })
  await clock.settle()
  assert.equal(stateOf(session), 'saved', 'a drain alone interrupts nothing')
  network.last.end(1001)
  await clock.settle()
  assert.equal(clock.nextTimerMs, 2_050)
  await clock.advanceAsync(2_050)
  assert.equal(stateOf(session), 'saved')
  await connection.close()
})

test('G3: a server that has gone silent is asked, given up within 35 s, and connected to again', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const session = connection.open('a', new Y.Doc())
  await clock.settle()
  await clock.advanceAsync(25_000)
  assert.equal(network.last.receivedOf('ping').length, 1)
  await clock.advanceAsync(30_000)
  assert.equal(network.sockets.length, 1, 'it answered')

  // From here on the other end is gone without a word.
  const dead = network.last
  dead.onMessage(() => {})
  server.accepts = false
  await clock.advanceAsync(35_000)
  assert.equal(dead.closedByClient?.code, 1006)
  assert.equal(stateOf(session), 'offline')
  server.accepts = true
  network.last.end()
  await clock.advanceAsync(1_000)
  assert.equal(stateOf(session), 'saved')
  await connection.close()
})

test('G3: an answer starts the period of silence anew at once, also while a document is owed and its bytes may take long', async () => {
  const { clock, server, network, connect } = clientFixture()
  server.holdsState = true
  const connection = connect()
  connection.open('a', new Y.Doc())
  await clock.settle()
  await clock.advanceAsync(25_000)
  assert.equal(network.last.receivedOf('ping').length, 1, 'it asks, and is answered')

  const dead = network.last
  dead.onMessage(() => {})
  server.accepts = false
  await clock.advanceAsync(25_000)
  assert.equal(dead.receivedOf('ping').length, 2, 'it asks again one period later')
  await connection.close()
})

test('a server that accepts the socket and never answers is given up', async () => {
  const { clock, server, network, connect } = clientFixture()
  server.accepts = false
  const connection = connect()
  await clock.settle()
  network.last.open()
  await clock.advanceAsync(30_000)
  assert.equal(network.sockets[0]?.closedByClient?.code, 1006)
  assert.deepEqual(connection.status, { state: 'offline', reason: 'The server did not answer in time.' })
  await connection.close()
})

test('G3: an error without a close while connecting is a loss, at once and once', async () => {
  const { clock, server, network, connect } = clientFixture()
  server.accepts = false
  const connection = connect({ random: always(0.5) })
  const session = connection.open('a', new Y.Doc())
  const statuses: ConnectionStatus[] = []
  connection.on('status', (status) => statuses.push(status))
  await clock.settle()
  const refused = network.last
  refused.fail('connect ECONNREFUSED 127.0.0.1:1234')
  await clock.settle()
  assert.deepEqual(session.status, { state: 'offline', reason: 'connect ECONNREFUSED 127.0.0.1:1234' })
  assert.equal(clock.nextTimerMs, 50, 'and the next attempt is due')
  refused.end(1006)
  await clock.settle()
  assert.equal(statuses.length, 1)
  assert.equal(clock.timerCount, 1)
  server.accepts = true
  await clock.advanceAsync(50)
  assert.equal(stateOf(session), 'saved')
  assert.equal(network.sockets.length, 2)
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

test('G3: a socket that reports an error once it was open is given up soon, with the close code if one comes', async () => {
  for (const code of [null, 4403]) {
    const { clock, network, connect } = clientFixture()
    const connection = connect({ backoff: { baseMs: 30_000 } })
    const session = connection.open('a', new Y.Doc())
    await clock.settle()
    network.last.fail('read ETIMEDOUT')
    if (code !== null) network.last.end(code, 'Not yours.')
    await clock.advanceAsync(1_000)
    assert.equal(stateOf(session), code === null ? 'offline' : 'refused')
    await connection.close()
    assert.equal(clock.timerCount, 0)
  }
})

test('a socket that throws when something is sent, or that closes without a code, is a lost one', async () => {
  const { clock, network, connect } = clientFixture()
  const connection = connect()
  const session = connection.open('a', new Y.Doc())
  await clock.settle()
  network.last.client.send = () => {
    throw new Error('The socket is not open.')
  }
  type(session.doc, 'typed meanwhile')
  await clock.advanceAsync(2_000)
  assert.equal(network.sockets.length, 2)
  assert.equal(stateOf(session), 'saved')
  network.last.client.deliver('close', {})
  await clock.settle()
  assert.equal(stateOf(session), 'offline')
  await clock.advanceAsync(1_000)
  assert.equal(stateOf(session), 'saved')
  await connection.close()
})

test('a token source that hangs, or gives no string, is a failed attempt, for a connection and for a document', async () => {
  const { clock, network, connect } = clientFixture()
  const answers: (() => unknown)[] = [
    () => new Promise(() => {}),
    () => undefined,
    () => 'connection',
    () => new Promise(() => {}),
    () => null,
    () => 'document',
  ]
  const connection = connect({ token: () => (answers.shift()?.() ?? null) as string, backoff: { baseMs: 1, capMs: 1 } })
  const session = connection.open('a', new Y.Doc())
  await clock.advanceAsync(29_000)
  assert.equal(stateOf(session), 'connecting')
  await clock.advanceAsync(1_000)
  assert.deepEqual(session.status, { state: 'offline', reason: 'The token could not be fetched in time.' })
  await clock.advanceAsync(2)
  assert.equal(network.last.receivedOf('hello')[0]?.token, 'connection')
  assert.equal(stateOf(session), 'syncing')
  await clock.advanceAsync(30_002)
  assert.equal(network.last.receivedOf('open')[0]?.token, 'document')
  assert.equal(stateOf(session), 'saved')
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

for (const [what, data] of [
  ['a text message', 'hello'],
  ['garbage', Uint8Array.of(255, 255, 255).buffer],
] as const) {
  test(`${what} from the server ends the socket, not the client`, async () => {
    const { clock, network, connect } = clientFixture()
    const connection = connect()
    const session = connection.open('a', new Y.Doc())
    await clock.settle()
    network.last.sendRaw(data)
    await clock.settle()
    assert.equal(stateOf(session), 'offline')
    await clock.advanceAsync(100)
    assert.equal(stateOf(session), 'saved')
    await connection.close()
  })
}

test('the token is fetched anew for each attempt, and one that cannot be had is a failed attempt', async () => {
  const { clock, network, connect } = clientFixture()
  const tokens = [new Error('the identity service is down'), 'first', 'for a', 'second', 'for a again']
  const connection = connect({
    token: async () => {
      const token = tokens.shift() ?? ''
      if (token instanceof Error) throw token
      return token
    },
  })
  connection.open('a', new Y.Doc())
  await clock.settle()
  assert.equal(stateOf(connection), 'offline')
  await clock.advanceAsync(100)
  assert.equal(network.last.receivedOf('hello')[0]?.token, 'first')
  assert.equal(network.last.receivedOf('open')[0]?.token, 'for a')
  network.last.end()
  await clock.advanceAsync(200)
  assert.equal(network.last.receivedOf('hello')[0]?.token, 'second')
  await connection.close()
})

test('a browser that comes back online, or a tab that is shown, connects at once and doubts its socket', async () => {
  const target = new EventTarget()
  const scope = globalThis as unknown as Record<string, unknown>
  scope['addEventListener'] = target.addEventListener.bind(target)
  scope['removeEventListener'] = target.removeEventListener.bind(target)
  try {
    const { clock, server, network, connect } = clientFixture()
    const connection = connect({ random: always(0.999), backoff: { baseMs: 30_000 } })
    const session = connection.open('a', new Y.Doc())
    await clock.settle()
    network.last.end()
    await clock.settle()
    assert.ok((clock.nextTimerMs ?? 0) > 20_000)
    target.dispatchEvent(new Event('online'))
    await clock.settle()
    assert.equal(stateOf(session), 'saved')

    // Asleep for a while: the socket is dead and nobody said so.
    const dead = network.last
    dead.onMessage(() => {})
    server.accepts = true
    target.dispatchEvent(new Event('pageshow'))
    await clock.settle()
    assert.equal(dead.receivedOf('ping').length, 1)
    await clock.advanceAsync(5_000)
    assert.equal(stateOf(session), 'offline')
    await connection.close()
    target.dispatchEvent(new Event('online'))
    await clock.settle()
    assert.equal(network.sockets.length, 2)
  } finally {
    delete scope['addEventListener']
    delete scope['removeEventListener']
  }
})

for (const when of [
  'before the first attempt',
  'a token that is being fetched',
  'greeting',
  'connected',
  'waiting',
  'refused',
  'a peer that ignores the close',
] as const) {
  test(`close is idempotent and leaves no timer: ${when}`, async () => {
    const { clock, server, network, connect } = clientFixture()
    server.accepts = when !== 'greeting'
    const token = (): Promise<string> => (when === 'a token that is being fetched' ? new Promise(() => {}) : Promise.resolve(''))
    const connection = connect({ token })
    const session = connection.open('a', new Y.Doc())
    if (when !== 'before the first attempt') await clock.settle()
    if (when === 'waiting') network.last.end()
    if (when === 'refused') network.last.end(4403)
    if (when === 'a peer that ignores the close') network.answersClose = false
    await clock.settle()
    const closing = [connection.close(), connection.close()]
    await clock.advanceAsync(2_000)
    await Promise.all([...closing, connection.closed])
    assert.equal(clock.timerCount, 0)
    assert.equal(stateOf(connection), 'closed')
    assert.equal(stateOf(session), 'offline')
  })
}

// The states of the client's connection, each against everything that may happen to it, and of the renewal of tokens: what comes of it, and that after the end
// no socket is opened, nothing is sent and no timer is left.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import type { WeftConnection } from '../../client/index.js'
import { type ClientFixture, clientFixture, stateOf, type } from '../helpers/client-fixture.js'

interface Scene extends ClientFixture {
  readonly connection: WeftConnection
  giveToken(token: string | Error): Promise<void>
}

function scene(): Scene {
  const fixture = clientFixture()
  const tokens: ((token: string | Error) => void)[] = []
  const token = (): Promise<string> =>
    new Promise((resolve, reject) => tokens.push((given) => (given instanceof Error ? reject(given) : resolve(given))))
  const connection = fixture.connect({ backoff: { baseMs: 10_000, capMs: 10_000 }, token })
  const giveToken = async (given: string | Error): Promise<void> => {
    tokens.shift()?.(given)
    await fixture.clock.settle()
  }
  return { ...fixture, connection, giveToken }
}

const states = {
  preparing: async (): Promise<Scene> => scene(),
  greeting: async (): Promise<Scene> => {
    const at = scene()
    at.server.accepts = false
    await at.giveToken('t')
    return at
  },
  connected: async (): Promise<Scene> => {
    const at = scene()
    await at.giveToken('t')
    return at
  },
  draining: async (): Promise<Scene> => {
    const at = await states.connected()
    at.network.last.send({ type: 'drain', retryAfterMs: 1_000 })
    await at.clock.settle()
    return at
  },
  waiting: async (): Promise<Scene> => {
    const at = await states.connected()
    at.network.last.end()
    await at.clock.settle()
    return at
  },
  refused: async (): Promise<Scene> => {
    const at = await states.connected()
    at.network.last.end(4401, 'Because.')
    await at.clock.settle()
    return at
  },
}

const events = {
  'a token': (at: Scene) => at.giveToken('t'),
  'a token that cannot be had': (at: Scene) => at.giveToken(new Error('away')),
  'token in time no more': (at: Scene) => at.clock.advanceAsync(30_000),
  welcome: (at: Scene) => at.network.sockets.at(-1)?.send({ type: 'welcome', serverId: 's', messageBytesMax: 1_000, pingPeriodMs: 25_000 }),
  drain: (at: Scene) => at.network.sockets.at(-1)?.send({ type: 'drain', retryAfterMs: 1_000 }),
  'error without a close': (at: Scene) => at.network.sockets.at(-1)?.fail('read ECONNRESET'),
  lost: (at: Scene) => at.network.sockets.at(-1)?.end(1006),
  'refused by the server': (at: Scene) => at.network.sockets.at(-1)?.end(4403, 'Because.'),
  'a message that cannot be read': (at: Scene) => at.network.sockets.at(-1)?.sendRaw('text'),
  retry: (at: Scene) => at.connection.retry(),
}
type State = keyof typeof states
type Event = keyof typeof events

/** The status that each event leads to; those that are not named change nothing. */
const table: Record<State, { readonly at: string } & Partial<Record<Event, string>>> = {
  preparing: { at: 'connecting', 'a token': 'connected', 'a token that cannot be had': 'offline', 'token in time no more': 'offline' },
  greeting: {
    at: 'connecting',
    'token in time no more': 'offline',
    welcome: 'connected',
    'error without a close': 'offline',
    lost: 'offline',
    'refused by the server': 'refused',
    'a message that cannot be read': 'offline',
  },
  connected: { at: 'connected', lost: 'offline', 'refused by the server': 'refused', 'a message that cannot be read': 'offline' },
  draining: { at: 'connected', lost: 'offline', 'refused by the server': 'refused', 'a message that cannot be read': 'offline' },
  waiting: { at: 'offline' },
  refused: { at: 'refused', retry: 'connecting' },
}

const helloes = ({ network }: Scene): number => network.sockets.reduce((sum, { received }) => sum + received.length, 0)

for (const [state, row] of Object.entries(table) as [State, (typeof table)[State]][])
  test(`G5: a connection that is ${state} takes each event as its table says, and leaves nothing`, async () => {
    for (const [event, happen] of Object.entries(events) as [Event, (at: Scene) => unknown][]) {
      const at = await states[state]()
      const name = `${event} while ${state}`
      assert.equal(stateOf(at.connection), row.at, `before ${name}`)
      await happen(at)
      await at.clock.settle()
      assert.equal(stateOf(at.connection), row[event] ?? row.at, name)
      const [first, again] = [at.connection.close(), at.connection.close()]
      await at.clock.advanceAsync(5_000)
      await Promise.all([first, again, at.connection.closed])
      assert.equal(at.clock.timerCount, 0, `timers are left after ${name}`)
      const [sockets, sent] = [at.network.sockets.length, helloes(at)]
      await at.giveToken('too late')
      for (const late of Object.values(events)) await late(at)
      await at.clock.advanceAsync(120_000)
      assert.deepEqual([at.network.sockets.length, helloes(at)], [sockets, sent], `something came of it after the end: ${name}`)
      assert.equal(stateOf(at.connection), 'closed')
      assert.equal(at.clock.timerCount, 0)
    }
  })

test('a status listener may close the connection in any change, and nothing follows', async () => {
  for (const when of ['connected', 'offline', 'refused']) {
    const { clock, network, connect } = clientFixture()
    const connection = connect()
    const session = connection.open('a', new Y.Doc())
    const told: string[] = []
    connection.on('status', ({ state }) => {
      told.push(state)
      if (state === when) void connection.close()
    })
    await clock.settle()
    network.last.end(when === 'refused' ? 4403 : 1006)
    await clock.advanceAsync(10_000)
    assert.deepEqual(told, [...new Set(['connected', when, 'closed'])])
    assert.equal(stateOf(connection), 'closed')
    assert.deepEqual(session.status, { state: 'offline', reason: 'The session is closed.' })
    assert.equal(network.sockets.length, 1)
    assert.equal(clock.timerCount, 0)
  }
})

/** A document whose right lasts a minute, and a source of tokens that is answered by hand. */
async function expiring() {
  const fixture = clientFixture()
  const asked: { readonly give: (token: string) => void; readonly fail: () => void }[] = []
  const connection = fixture.connect({ token: '' })
  const token = (): Promise<string> => new Promise((give, reject) => asked.push({ give, fail: () => reject(new Error('away')) }))
  const session = connection.open('a', new Y.Doc(), { token })
  await fixture.clock.settle()
  asked.shift()?.give('first')
  await fixture.clock.settle()
  const expires = () => fixture.server.tell('a', (channel) => ({ type: 'expires', channel, inMs: 60_000 }))
  expires()
  await fixture.clock.settle()
  const shown = (): string[] => fixture.network.sockets.flatMap((end) => end.receivedOf('token').map((message) => message.token))
  return { ...fixture, asked, connection, session, expires, shown }
}

test('X3: a token that expires is renewed before, once, and again when the server names another end', async () => {
  const { clock, asked, connection, expires, shown } = await expiring()
  await clock.advanceAsync(47_999)
  assert.equal(asked.length, 0)
  await clock.advanceAsync(1)
  asked.shift()?.give('second')
  await clock.settle()
  assert.deepEqual(shown(), ['second'])
  expires()
  await clock.advanceAsync(48_000)
  asked.shift()?.give('third')
  await clock.settle()
  assert.deepEqual(shown(), ['second', 'third'])
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

test('X3: a renewed token that cannot be had is asked for again while the right lasts, and leaves no timer when the document is closed', async () => {
  const { clock, asked, connection, session, shown } = await expiring()
  const before = clock.timerCount
  await clock.advanceAsync(48_000)
  asked.shift()?.fail()
  await clock.settle()
  assert.equal(clock.timerCount, before, 'one to ask again, and none for the answer that came')
  await clock.advanceAsync(3_000)
  assert.equal(asked.length, 1)
  await session.close()
  asked.shift()?.give('too late')
  await clock.settle()
  assert.deepEqual(shown(), [])
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

for (const [what, happen, opens] of [
  [
    'its session is moved',
    (at) =>
      at.server.tell('a', (channel) => ({ type: 'closed', channel, closeCode: 4512, code: 'owner-moved', reason: '', retryable: true })),
    2,
  ],
  ['its socket is lost', (at) => at.network.last.end(), 1],
] satisfies [string, (at: ClientFixture) => void, number][]) {
  test(`X3: a token that is being renewed when ${what} is not shown to the next; that one asks for its own`, async () => {
    const at = await expiring()
    await at.clock.advanceAsync(48_000)
    const [renewal] = at.asked.splice(0)
    happen(at)
    await at.clock.advanceAsync(1_000)
    renewal?.give('old')
    at.asked.shift()?.give('new')
    await at.clock.settle()
    assert.deepEqual(at.shown(), [])
    const tokens = at.network.last.receivedOf('open').map(({ token }) => token)
    assert.equal(tokens.at(-1), 'new')
    assert.equal(tokens.length, opens)
    assert.equal(stateOf(at.session), 'saved')
    await at.connection.close()
    assert.equal(at.clock.timerCount, 0)
  })
}

test('D3: a submission that is under way when its document is opened again is submitted once more, and an old acknowledgement does not count', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const session = connection.open('a', new Y.Doc())
  await clock.settle()
  server.acknowledges = 'by hand'
  type(session.doc, 'x')
  await clock.settle()
  server.tell('a', (channel) => ({ type: 'closed', channel, closeCode: 4512, code: 'owner-moved', reason: 'Moved.', retryable: true }))
  await clock.settle()
  network.last.send({ type: 'acknowledged', channel: 1, through: 1, seq: 1 })
  await clock.settle()
  assert.equal(session.unsaved, 1, 'the channel is not that one any more')
  await clock.advanceAsync(1_000)
  assert.equal(stateOf(session), 'saving')
  network.last.send({ type: 'acknowledged', channel: 1, through: 1, seq: 1 })
  await clock.settle()
  assert.equal(stateOf(session), 'saving')
  assert.deepEqual(
    network.last.receivedOf('submit').map(({ channel, submission }) => [channel, submission]),
    [
      [1, 1],
      [2, 1],
    ],
  )
  network.last.send({ type: 'acknowledged', channel: 2, through: 1, seq: 1 })
  await clock.settle()
  assert.equal(stateOf(session), 'saved')
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

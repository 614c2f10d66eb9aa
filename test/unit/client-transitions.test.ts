// The states of the client's documents and of its connection, each against everything that may happen to it: what the application is told, what is sent, and that
// after the end nothing is sent and no timer is left.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import type { DocumentSession, LocalCopy, WeftConnection } from '../../client/index.js'
import type { WeftServerMessage } from '../../protocol/dialects/weft.js'
import { type ClientFixture, clientFixture, stateOf, type, updateWith } from '../helpers/client-fixture.js'

interface Scene extends ClientFixture {
  readonly connection: WeftConnection
  readonly session: DocumentSession
  /** Answers the question for a token; nothing if none was asked. */
  giveToken(token: string | Error): Promise<void>
  /** What is stored on the device is read. */
  giveCopy(): Promise<void>
}

const stays = { backoff: { baseMs: 10_000, capMs: 10_000 } }

function scene({ stored = false } = {}): Scene {
  const fixture = clientFixture()
  const tokens: ((token: string | Error) => void)[] = []
  let copied: () => void = () => {}
  const copy: LocalCopy = {
    loaded: new Promise<void>((resolve) => {
      copied = resolve
    }),
    close: () => Promise.resolve(),
  }
  const connection = fixture.connect({ ...stays, token: 'for the connection' })
  const token = (): Promise<string> =>
    new Promise((resolve, reject) => tokens.push((given) => (given instanceof Error ? reject(given) : resolve(given))))
  const session = connection.open('a', new Y.Doc(), { token, persistence: stored ? { open: () => copy } : null })
  session.synced.catch(() => {})
  return {
    ...fixture,
    connection,
    session,
    giveToken: async (given) => {
      tokens.shift()?.(given)
      await fixture.clock.settle()
    },
    giveCopy: async () => {
      copied()
      await fixture.clock.settle()
    },
  }
}

const closed = (code: string, closeCode: number, retryable: boolean) => (channel: number) =>
  ({ type: 'closed', channel, closeCode, code, reason: 'Because.', retryable }) as const

/** How each state of a document is reached. */
const states = {
  loading: async (): Promise<Scene> => settled(scene({ stored: true })),
  offline: async (): Promise<Scene> => {
    const at = await states.preparing()
    at.network.last.end()
    return settled(at)
  },
  preparing: async (): Promise<Scene> => settled(scene()),
  opening: async (): Promise<Scene> => {
    const at = await states.preparing()
    // Nobody answers.
    at.network.last.onMessage(() => {})
    await at.giveToken('for the document')
    return at
  },
  'catching-up': async (): Promise<Scene> => {
    const at = await states.preparing()
    at.server.holdsState = true
    await at.giveToken('for the document')
    return at
  },
  live: async (): Promise<Scene> => {
    const at = await states.preparing()
    await at.giveToken('for the document')
    return at
  },
  saving: async (): Promise<Scene> => {
    const at = await states.live()
    at.server.acknowledges = 'by hand'
    type(at.session.doc, 'x')
    return settled(at)
  },
  retrying: async (): Promise<Scene> => {
    const at = await states.live()
    at.server.tell('a', closed('owner-moved', 4512, true))
    return settled(at)
  },
  'refused document': async (): Promise<Scene> => {
    const at = await states.live()
    at.server.tell('a', closed('forbidden', 4403, false))
    return settled(at)
  },
  'refused connection': async (): Promise<Scene> => {
    const at = await states.live()
    at.network.last.end(4403, 'Because.')
    return settled(at)
  },
  closed: async (): Promise<Scene> => {
    const at = await states.live()
    await at.session.close()
    return settled(at)
  },
} satisfies Record<string, () => Promise<Scene>>

async function settled(at: Scene): Promise<Scene> {
  await at.clock.settle()
  return at
}

/** To the channel that the client opened last. */
const say = (message: (channel: number) => WeftServerMessage) => (at: Scene) => {
  at.network.last.send(message(at.network.last.receivedOf('open').at(-1)?.channel ?? 1))
}
const noRoom = { closeCode: 4503, code: 'overloaded', reason: 'Full.', retryable: true }

const events = {
  'socket lost': (at: Scene) => at.network.last.end(),
  'error without a close': (at: Scene) => at.network.last.fail('read ECONNRESET'),
  'connection refused': (at: Scene) => at.network.last.end(4403, 'Because.'),
  'closed for a while': say(closed('owner-moved', 4512, true)),
  'closed for good': say(closed('forbidden', 4403, false)),
  'a right that ended': say(closed('unauthenticated', 4401, false)),
  'acknowledgement of what was not sent': say((channel) => ({ type: 'acknowledged', channel, through: 99, seq: 1 })),
  'refusal of what was not sent': say((channel) => ({ type: 'refused', channel, submission: 99, ...noRoom })),
  'a state nobody asked for': say((channel) => ({ type: 'state', channel, seq: 1, updates: [updateWith('y')] })),
  'a catch-up that fails': say((channel) => ({ type: 'state', channel, seq: 1, updates: [Uint8Array.of(9, 9, 9)] })),
  'an update that cannot be read': say((channel) => ({ type: 'update', channel, seq: 1, update: Uint8Array.of(9, 9, 9) })),
  'a second opened': say((channel) => ({
    type: 'opened',
    channel,
    incarnation: 'another',
    seq: 0,
    stateVector: Uint8Array.of(0),
    permission: 'read-only',
  })),
  retry: (at: Scene) => at.session.retry(),
  'retry of the connection': (at: Scene) => at.connection.retry(),
  'a token': (at: Scene) => at.giveToken('another'),
  'a token that cannot be had': (at: Scene) => at.giveToken(new Error('away')),
  'the copy is read': (at: Scene) => at.giveCopy(),
  close: (at: Scene) => at.session.close(),
  'the document is destroyed': (at: Scene) => at.session.doc.destroy(),
}
type State = keyof typeof states
type Event = keyof typeof events

/** The status that each event leads to, then what is sent because of it. Those that are not named change nothing and send nothing. */
const table: Record<State, { readonly at: string } & Partial<Record<Event, string>>> = {
  loading: {
    at: 'connecting',
    'socket lost': 'connecting',
    'connection refused': 'refused',
    'the copy is read': 'syncing',
    close: 'offline',
    'the document is destroyed': 'offline',
  },
  offline: { at: 'offline', 'retry of the connection': 'syncing > hello', close: 'offline', 'the document is destroyed': 'offline' },
  preparing: {
    at: 'syncing',
    'socket lost': 'offline',
    'connection refused': 'refused',
    'a token': 'saved > open',
    'a token that cannot be had': 'offline',
    close: 'offline',
    'the document is destroyed': 'offline',
  },
  opening: {
    at: 'syncing',
    'socket lost': 'offline',
    'connection refused': 'refused',
    'closed for a while': 'offline',
    'closed for good': 'refused',
    'a right that ended': 'refused',
    close: 'offline > close',
    'the document is destroyed': 'offline > close',
  },
  'catching-up': {
    at: 'syncing',
    'socket lost': 'offline',
    'connection refused': 'refused',
    'closed for a while': 'offline',
    'closed for good': 'refused',
    'a right that ended': 'offline',
    'a state nobody asked for': 'saved',
    'a catch-up that fails': 'offline > close',
    'an update that cannot be read': 'offline > close',
    close: 'offline > close',
    'the document is destroyed': 'offline > close',
  },
  live: {
    at: 'saved',
    'socket lost': 'offline',
    'connection refused': 'refused',
    'closed for a while': 'offline',
    'closed for good': 'refused',
    'a right that ended': 'offline',
    'a catch-up that fails': 'offline > close',
    'an update that cannot be read': 'offline > close',
    close: 'offline > close',
    'the document is destroyed': 'offline > close',
  },
  saving: {
    at: 'saving',
    // It covers what was.
    'acknowledgement of what was not sent': 'saved',
    'socket lost': 'offline',
    'connection refused': 'refused',
    'closed for a while': 'offline',
    'closed for good': 'refused',
    'a right that ended': 'offline',
    'a catch-up that fails': 'offline > close',
    'an update that cannot be read': 'offline > close',
    close: 'offline > close',
    'the document is destroyed': 'offline > close',
  },
  retrying: { at: 'offline', 'connection refused': 'refused', retry: 'syncing', close: 'offline', 'the document is destroyed': 'offline' },
  'refused document': { at: 'refused', retry: 'syncing', close: 'offline', 'the document is destroyed': 'offline' },
  'refused connection': {
    at: 'refused',
    'retry of the connection': 'syncing > hello',
    close: 'offline',
    'the document is destroyed': 'offline',
  },
  closed: { at: 'offline' },
}

const sentBy = ({ network }: Scene): string[] =>
  network.sockets.flatMap(({ received }) => received.map(({ type }) => type)).filter((type) => type !== 'awareness')

for (const [state, row] of Object.entries(table) as [State, (typeof table)[State]][])
  test(`D1, G5: a document that is ${state} takes each event as its table says, and leaves nothing`, async () => {
    for (const [event, happen] of Object.entries(events) as [Event, (at: Scene) => unknown][]) {
      const at = await states[state]()
      const name = `${event} while ${state}`
      assert.equal(stateOf(at.session), row.at, `before ${name}`)
      const sent = sentBy(at).length
      await happen(at)
      await at.clock.settle()
      const after = sentBy(at).slice(sent)
      assert.equal([stateOf(at.session), ...(after.length > 0 ? ['>', ...after] : [])].join(' '), row[event] ?? row.at, name)
      await assertEnds(at, name)
    }
  })

/** Closed, nothing comes of anything any more. */
async function assertEnds(at: Scene, name: string): Promise<void> {
  const { clock, connection, network, session } = at
  await session.close()
  const closing = connection.close()
  await clock.advanceAsync(5_000)
  await closing
  assert.equal(clock.timerCount, 0, `timers are left after ${name}`)
  const sent = sentBy(at).length
  await at.giveToken('too late')
  await at.giveCopy()
  network.last.send({ type: 'welcome', serverId: 'late', messageBytesMax: 1_000, pingPeriodMs: 1_000 })
  network.last.end(1006)
  network.last.end(4403)
  await clock.advanceAsync(120_000)
  assert.equal(sentBy(at).length, sent, `sent after the end: ${name}`)
  assert.equal(stateOf(session), 'offline')
  assert.equal(stateOf(connection), 'closed')
  assert.equal(clock.timerCount, 0)
}

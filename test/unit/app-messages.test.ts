// What applications say beside their edits, without sockets: who gets it, how much of it, and what becomes of it between nodes.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Counters } from '../../core/counters.js'
import { defaultLimits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { type RegisteredSession, SessionRegistry } from '../../server/access/session-registry.js'
import { type MessageBus, soloAwarenessBus } from '../../server/awareness/bus.js'
import { ExchangeBus } from '../../server/awareness/exchange/exchange.js'
import { MemoryNetwork, type MemoryTransport } from '../../server/awareness/exchange/transport.js'
import { Allowances } from '../../server/messages/allowances.js'
import { AppMessages, type AppMessagesOptions } from '../../server/messages/app-messages.js'
import { ManualClock } from '../helpers/manual-clock.js'

type About = Partial<Pick<RegisteredSession, 'documentId' | 'user' | 'connectionId'>>

function scene(clock = new ManualClock(), bus: MessageBus = soloAwarenessBus.messages, options: Partial<AppMessagesOptions> = {}) {
  const sessions = new SessionRegistry()
  const counters = new Counters()
  const heard: string[] = []
  const messages = new AppMessages({
    sessions,
    bus,
    clock,
    counters,
    logger: silentLogger,
    limits: defaultLimits,
    mayPass: null,
    ...options,
  })
  return {
    clock,
    sessions,
    counters,
    heard,
    messages,
    /** `takes`: whether it is not behind. */
    join(sessionId: string, { documentId = 'notes', user = null, connectionId = 1 }: About = {}, takes = true): RegisteredSession {
      const session: RegisteredSession = {
        sessionId,
        documentId,
        user,
        connectionId,
        admin: false,
        expiresAt: null,
        lag: () => ({ state: 'live', edits: 0, waitingBytes: 0 }),
        name: null,
        permission: 'read-write',
        address: null,
        since: 0,
        tokenId: null,
        issuedAt: null,
        askedAt: 0,
        tell: ({ payload }) => {
          if (takes) heard.push(`${sessionId}: ${payload}`)
          return takes
        },
        end: () => {},
      }
      sessions.set(session)
      return session
    },
    /** What was heard since the last time. */
    news: (): readonly string[] => heard.splice(0),
  }
}

const from = (sessionId: string, documentId = 'notes', user: string | null = null) => ({ sessionId, documentId, user })

test('what a client says goes to all others on its document, to one user there, or to one session there, and to nobody elsewhere', () => {
  const at = scene()
  at.join('a1', { user: 'ada' })
  at.join('a2', { user: 'ada', connectionId: 2 })
  at.join('b1', { user: 'bob', connectionId: 3 })
  at.join('b2', { user: 'bob', connectionId: 3, documentId: 'other' })
  at.messages.fromSession(from('a1'), { kind: 'document' }, 'all')
  assert.deepEqual(at.news(), ['a2: all', 'b1: all'])
  at.messages.fromSession(from('a1'), { kind: 'user', id: 'bob' }, 'bob')
  assert.deepEqual(at.news(), ['b1: bob'])
  at.messages.fromSession(from('b1'), { kind: 'session', id: 'a2' }, 'two')
  assert.deepEqual(at.news(), ['a2: two'])
  at.messages.fromSession(from('a1'), { kind: 'session', id: 'b2' }, 'not on this document')
  at.messages.fromSession(from('a1'), { kind: 'user', id: 'eve' }, 'nobody')
  assert.deepEqual(at.news(), [])
})

test('what the program says to a user is heard once on each of their connections, and follows who a session is now', () => {
  const at = scene()
  at.join('a1', { user: 'ada' })
  at.join('a2', { user: 'ada', documentId: 'other' })
  at.join('a3', { user: 'ada', connectionId: 2 })
  at.messages.send({ kind: 'user', user: 'ada', documentId: null }, 'hi', null)
  assert.deepEqual(at.news(), ['a1: hi', 'a3: hi'])
  at.join('a3', { user: 'bob', connectionId: 2 })
  at.sessions.delete('a1')
  at.messages.send({ kind: 'user', user: 'ada', documentId: null }, 'again', null)
  at.messages.send({ kind: 'user', user: 'bob', documentId: null }, 'you', null)
  at.messages.send({ kind: 'session', sessionId: 'a2', documentId: null }, 'two', null)
  at.messages.send({ kind: 'document', documentId: 'other' }, 'other', null)
  assert.deepEqual(at.news(), ['a2: again', 'a3: you', 'a2: two', 'a2: other'])
})

test('a recipient gets so many messages a second however many speak, and whoever is behind gets none; both are counted', () => {
  const at = scene()
  at.join('a1')
  at.join('slow', { connectionId: 2 }, false)
  const most = defaultLimits.appMessagesPerRecipientPerSecondMax
  for (let count = 0; count < 3 * most; count++) at.messages.send({ kind: 'document', documentId: 'notes' }, 'x', null)
  assert.equal(at.news().length, 2 * most)
  assert.equal(at.counters.get('app_messages_delivered'), 2 * most)
  assert.equal(at.counters.get('app_messages_dropped'), 2 * most + 2 * most)
  at.clock.advance(500)
  for (let count = 0; count < most; count++) at.messages.send({ kind: 'document', documentId: 'notes' }, 'y', null)
  assert.equal(at.news().length, most / 2)
})

test('recipients that have been quiet for the longest time are forgotten, so that they are bounded', () => {
  const allowances = new Allowances(new ManualClock(), () => 1)
  assert.deepEqual([allowances.take('first'), allowances.take('first'), allowances.take('first')], [true, true, false])
  for (let count = 0; count < 10_000; count++) allowances.take(`other ${count}`)
  assert.equal(allowances.take('first'), true)
})

test('a message that is too large is refused with words, counted in bytes of UTF-8', () => {
  const at = scene()
  at.join('a1')
  const most = defaultLimits.appMessageBytesMax
  at.messages.send({ kind: 'document', documentId: 'notes' }, 'x'.repeat(most), null)
  assert.equal(at.news().length, 1)
  for (const payload of ['x'.repeat(most + 1), 'ü'.repeat(most / 2 + 1)])
    assert.throws(() => at.messages.send({ kind: 'document', documentId: 'notes' }, payload, null), { code: 'message-too-large' })
  assert.deepEqual(at.news(), [])
})

test('what the hook keeps, and what it fails on, nobody gets', () => {
  const asked: string[] = []
  const at = scene(undefined, undefined, {
    mayPass: ({ payload, user }) => {
      asked.push(`${user}: ${payload}`)
      if (payload === 'broken') throw new Error('the hook is broken')
      return payload !== 'for the program'
    },
  })
  at.join('a1')
  for (const payload of ['for the program', 'broken', 'for all'])
    at.messages.fromSession(from('b1', 'notes', 'bob'), { kind: 'document' }, payload)
  assert.deepEqual(asked, ['bob: for the program', 'bob: broken', 'bob: for all'])
  assert.deepEqual(at.news(), ['a1: for all'])
  assert.equal(at.counters.get('app_messages_dropped'), 2)
})

/** Two nodes; those on a document are subscribed as their awareness is. */
function twoNodes() {
  const clock = new ManualClock()
  const network = new MemoryNetwork(clock)
  const nodes = ['n1', 'n2'].map((nodeId) => {
    const transport: MemoryTransport = network.transport(nodeId)
    const bus = new ExchangeBus({
      transport,
      self: { nodeId, boot: `boot of ${nodeId}` },
      clock,
      counters: new Counters(),
      logger: silentLogger,
    })
    bus.subscribe('notes', { states: () => {}, fullStates: () => {}, gone: () => {}, localStates: () => Uint8Array.of(0) })
    return { transport, bus, ...scene(clock, bus.messages) }
  })
  const [one, two] = nodes
  assert.ok(one && two)
  return { clock, one, two }
}

test('messages cross nodes once: also when the bus repeats them, and not later when it was away', async () => {
  const { clock, one, two } = twoNodes()
  await clock.settle()
  one.join('a1', { user: 'ada' })
  const target = two.join('b1', { user: 'bob' })
  const frames: (readonly [string, Uint8Array])[] = []
  const deliver = two.transport.deliver.bind(two.transport)
  two.transport.deliver = (documentId, frame) => {
    frames.push([documentId, frame])
    deliver(documentId, frame)
  }
  one.messages.fromSession(from('a1', 'notes', 'ada'), { kind: 'document' }, 'all')
  one.messages.send({ kind: 'user', user: 'bob', documentId: null }, 'bob', null)
  one.messages.send({ kind: 'session', sessionId: target.sessionId, documentId: null }, 'session', null)
  await clock.settle()
  assert.deepEqual([...two.heard], ['b1: all', 'b1: bob', 'b1: session'])
  for (const [documentId, frame] of frames.splice(0)) deliver(documentId, frame)
  assert.equal(two.news().length, 3, 'what is repeated is not heard again')
  assert.deepEqual(one.news(), [], 'nobody hears themselves')
  one.transport.setConnected(false)
  one.messages.send({ kind: 'document', documentId: 'notes' }, 'lost', null)
  assert.deepEqual(one.news(), ['a1: lost'])
  one.transport.setConnected(true)
  one.messages.send({ kind: 'document', documentId: 'notes' }, 'heard', null)
  await clock.settle()
  assert.deepEqual(two.news(), ['b1: heard'])
  await Promise.all([one.bus.close(), two.bus.close()])
})

test('what cannot be read from the bus is ignored', async () => {
  const { clock, one, two } = twoNodes()
  await clock.settle()
  two.join('b1')
  for (const bytes of [Uint8Array.of(), Uint8Array.of(0xff, 0x7b), Buffer.from('{"to":7}'), Buffer.from('null')])
    one.bus.messages.send('notes', bytes)
  await clock.settle()
  assert.deepEqual(two.news(), [])
  await Promise.all([one.bus.close(), two.bus.close()])
})

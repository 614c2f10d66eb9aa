// One socket for the tabs of a browser: each has channels of its own on it, and none notices the others.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { type ConnectOptions, connect } from '../../client/index.js'
import { PortSocket } from '../../client/shared-socket/index.js'
import type { PagePort } from '../../client/shared-socket/port.js'
import { SharedSockets } from '../../client/shared-socket/sockets.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import { clientFixture, stateOf, type, updateWith } from '../helpers/client-fixture.js'

/** Two ends of a MessageChannel, in memory. */
function channel(): readonly [PagePort, PagePort] {
  const ends: [PagePort, PagePort] = [end(() => ends[1]), end(() => ends[0])]
  return ends
}

function end(other: () => PagePort): PagePort {
  let open = true
  return {
    onmessage: null,
    postMessage(message) {
      const data: unknown = structuredClone(message)
      if (open) queueMicrotask(() => other().onmessage?.({ data }))
    },
    close: () => {
      open = false
    },
  }
}

function setUp() {
  const { clock, network, server } = clientFixture()
  const gone = new Map<string, () => void>()
  const sockets = new SharedSockets({
    WebSocket: network.WebSocket,
    clock,
    gone: (lock) => new Promise((resolve) => void gone.set(lock, resolve)),
  })
  const tab = (name: string, options: ConnectOptions = {}) => {
    class Socket extends PortSocket {
      constructor(url: string, protocols: string[]) {
        const [page, worker] = channel()
        sockets.connect(url, protocols, name, worker)
        super(page)
      }
    }
    return connect('ws://weft.test', { WebSocket: Socket, clock, random: seededRandom(1), logger: silentLogger, ...options })
  }
  return { clock, network, server, tab, crash: (name: string) => gone.get(name)?.() }
}

test('tabs share one socket, each with documents of its own; the last one closes it', async () => {
  const { clock, network, server, tab } = setUp()
  const [one, two] = [tab('one'), tab('two')]
  const [a, alsoA, b] = [one.open('a', new Y.Doc()), two.open('a', new Y.Doc()), two.open('b', new Y.Doc())]
  await clock.settle()
  assert.deepEqual([a, alsoA, b].map(stateOf), ['saved', 'saved', 'saved'])
  assert.equal(network.sockets.length, 1)
  assert.equal(network.last.receivedOf('hello').length, 1)
  type(a.doc, 'from one')
  type(b.doc, 'in b')
  await Promise.all([a.saved(), b.saved()])
  assert.deepEqual([server.text('a'), server.text('b')], ['from one', 'in b'])
  server.write('a', updateWith(' and another'))
  await clock.settle()
  assert.equal(a.doc.getText('body').toString(), alsoA.doc.getText('body').toString())

  await one.close()
  await clock.settle()
  assert.equal(network.last.closedByClient, null)
  type(b.doc, ', still')
  await b.saved()
  await two.close()
  await clock.settle()
  assert.notEqual(network.last.closedByClient, null)
  assert.equal(clock.timerCount, 0)
})

test('a tab that crashes gives its documents back, and one that comes later finds the socket there', async () => {
  const { clock, network, tab, crash } = setUp()
  const [one, two] = [tab('one'), tab('two')]
  one.open('a', new Y.Doc())
  two.open('b', new Y.Doc())
  await clock.settle()
  network.last.receivedOf('close')
  crash('one')
  await clock.settle()
  assert.equal(network.last.receivedOf('close').length, 1)
  const more = Array.from({ length: 8 }, (_, index) => tab(`more ${index}`))
  const sessions = more.map((connection) => connection.open('c', new Y.Doc()))
  await clock.settle()
  assert.ok(sessions.every((session) => stateOf(session) === 'saved'))
  assert.equal(network.sockets.length, 2, 'a ninth tab has another one')
  await Promise.all([one, two, ...more].map((connection) => connection.close()))
  assert.equal(clock.timerCount, 0)
})

test('D3: when the socket is lost all tabs come back over another one, and each submits what it has', async () => {
  const { clock, network, server, tab } = setUp()
  const [one, two] = [tab('one'), tab('two')]
  const [a, b] = [one.open('a', new Y.Doc()), two.open('b', new Y.Doc())]
  await clock.settle()
  network.last.end()
  await clock.settle()
  assert.deepEqual([a, b].map(stateOf), ['offline', 'offline'])
  type(a.doc, 'mine')
  type(b.doc, 'yours')
  await clock.advanceAsync(1_000)
  await Promise.all([a.saved(), b.saved()])
  assert.deepEqual([server.text('a'), server.text('b'), network.sockets.length], ['mine', 'yours', 2])
  await Promise.all([one.close(), two.close()])
  assert.equal(clock.timerCount, 0)
})

test('each tab shows its own token with its documents, and pongs go to whoever asked', async () => {
  const { clock, network, tab } = setUp()
  const one = tab('one', { token: 'ada' })
  one.open('a', new Y.Doc())
  await clock.settle()
  const two = tab('two', { token: 'grace' })
  const session = two.open('b', new Y.Doc(), { token: 'for b alone' })
  two.open('c', new Y.Doc())
  await clock.settle()
  assert.deepEqual(
    network.last.receivedOf('open').map(({ documentId, token }) => [documentId, token]),
    [
      ['a', ''],
      ['b', 'for b alone'],
      ['c', 'grace'],
    ],
  )
  await clock.advanceAsync(60_000)
  assert.deepEqual([stateOf(one), stateOf(two), stateOf(session)], ['connected', 'connected', 'saved'])
  await Promise.all([one.close(), two.close()])
  assert.equal(clock.timerCount, 0)
})

test('G3: when one tab finds that the server has gone silent, all of them leave the socket', async () => {
  const { clock, network, tab } = setUp()
  const [one, two] = [
    tab('one', { heartbeat: { periodMs: 5_000, answerMsMax: 6_000 } }),
    tab('two', { heartbeat: { periodMs: 600_000, answerMsMax: 6_000 } }),
  ]
  const [a, b] = [one.open('a', new Y.Doc()), two.open('b', new Y.Doc())]
  await clock.settle()
  network.last.onMessage(() => {})
  await clock.advanceAsync(30_000)
  assert.equal(network.sockets.length, 2)
  assert.deepEqual([a, b].map(stateOf), ['saved', 'saved'])
  await Promise.all([one.close(), two.close()])
})

// Tabs of one browser: what each tells the others without the server, and what it keeps to itself.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { shareBetweenTabs, type TabChannel } from '../../client/tabs/index.js'
import { clientFixture, stateOf, type, updateWith } from '../helpers/client-fixture.js'

/** BroadcastChannels of one browser, in memory: messages arrive in a later turn, as copies. */
function browser() {
  const channels = new Map<string, Set<TabChannel>>()
  let bytes = 0
  const open = (name: string): TabChannel => {
    const all = channels.get(name) ?? new Set()
    channels.set(name, all)
    const channel: TabChannel = {
      onmessage: null,
      postMessage(message) {
        const data: unknown = structuredClone(message)
        bytes += JSON.stringify(data).length
        for (const other of all) if (other !== channel) queueMicrotask(() => other.onmessage?.({ data }))
      },
      close: () => void all.delete(channel),
    }
    all.add(channel)
    return channel
  }
  return { open, channels, bytes: () => bytes }
}

function setUp() {
  const fixture = clientFixture()
  const { open, channels } = browser()
  const tab = (id = 'a', key?: string) => {
    const connection = fixture.connect()
    const session = connection.open(id, new Y.Doc())
    const tabs = shareBetweenTabs(connection, session, key === undefined ? { open } : { open, key })
    return { connection, session, tabs, text: () => session.doc.getText('body').toString() }
  }
  return { ...fixture, channels, tab }
}

test('what is edited in one tab is in the others without the server, which is told by each of them, and each is saved when the server has it', async () => {
  const { clock, network, server, tab } = setUp()
  const one = tab()
  type(one.session.doc, 'before the other tab. ')
  const two = tab()
  await clock.settle()
  assert.equal(two.text(), 'before the other tab. ')
  for (const socket of network.sockets) socket.end()
  await clock.settle()
  type(two.session.doc, 'offline. ')
  one.session.awareness.setLocalState({ name: 'Ada', cursor: 7 })
  await clock.settle()
  assert.equal(one.text(), 'before the other tab. offline. ')
  assert.equal(two.session.awareness.getStates().get(one.session.doc.clientID)?.['cursor'], 7)
  assert.deepEqual(
    [one, two].map(({ session }) => [stateOf(session), session.unsaved]),
    [
      ['offline', 1],
      ['offline', 1],
    ],
  )
  // One of them is enough to bring it to the server.
  await two.connection.close()
  assert.equal(one.session.awareness.getStates().size, 1, 'its cursor went with it')
  await clock.advanceAsync(1_000)
  await one.session.saved()
  assert.ok(server.text('a').includes('offline. '))
  await one.connection.close()
  assert.equal(clock.timerCount, 0)
})

test('a tab that comes brings what the others lack, and what the server says is not told on', async () => {
  const { clock, network, server, tab } = setUp()
  const one = tab()
  await clock.settle()
  for (const socket of network.sockets) socket.end()
  const two = tab()
  type(two.session.doc, 'mine. ')
  await clock.settle()
  assert.equal(one.text(), 'mine. ')
  await clock.advanceAsync(1_000)
  const told: unknown[] = []
  one.session.doc.on('update', (_update: Uint8Array, origin: unknown) => told.push(origin))
  server.write('a', updateWith('from another. '))
  await clock.settle()
  assert.deepEqual(told, [one.session], 'it comes from the server alone')
  await Promise.all([one.connection.close(), two.connection.close()])
})

test('tabs of other documents and with other keys hear nothing, a reader takes nothing, and what is no message of ours is passed over', async () => {
  const { clock, network, server, channels, tab } = setUp()
  const reader = tab()
  await clock.settle()
  server.tell('a', (channel) => ({ type: 'permission', channel, permission: 'read-only' }))
  await clock.settle()
  const [one, otherDocument, otherKey] = [tab(), tab('b'), tab('a', 'grace')]
  await clock.settle()
  for (const socket of network.sockets) socket.end()
  await clock.settle()
  type(one.session.doc, 'mine')
  await clock.settle()
  assert.deepEqual(
    [otherDocument, otherKey, reader].map(({ text }) => text()),
    ['', '', ''],
  )
  assert.equal(reader.session.unsaved, 0)
  const [channel] = [...channels.values()].flatMap((all) => [...all])
  for (const data of [
    null,
    'hello',
    { kind: 'update' },
    { kind: 'hello', from: 1, to: null, stateVector: 'x' },
    { kind: 'other', update: new Uint8Array() },
  ]) {
    channel?.onmessage?.({ data })
  }
  one.tabs.close()
  one.tabs.close()
  one.session.doc.destroy()
  await Promise.all([one, otherDocument, otherKey, reader].map(({ connection }) => connection.close()))
  assert.equal(clock.timerCount, 0)
})

test("the platform's own channel does it too, and is let go with the document", {
  skip: typeof BroadcastChannel !== 'function',
}, async () => {
  const fixture = clientFixture()
  const tabs = [1, 2].map(() => {
    const connection = fixture.connect()
    const session = connection.open('a', new Y.Doc())
    shareBetweenTabs(connection, session)
    return { connection, doc: session.doc }
  })
  const [one, two] = tabs
  assert.ok(one !== undefined && two !== undefined)
  const arrived = new Promise((resolve) => two.doc.getText('body').observe(resolve))
  type(one.doc, 'by the platform')
  await arrived
  assert.equal(two.doc.getText('body').toString(), 'by the platform')
  for (const { connection, doc } of tabs) {
    doc.destroy()
    await connection.close()
  }
})

// The client's side of awareness: local changes go out once, remote ones are never sent back, and nobody becomes a ghost.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate } from 'y-protocols/awareness.js'
import * as Y from 'yjs'
import { decodeAwareness, isRemoval } from '../../protocol/awareness.js'
import { clientFixture } from '../helpers/client-fixture.js'
import type { ServerEnd } from '../helpers/client-network.js'

const sent = (end: ServerEnd) => end.receivedOf('awareness').flatMap(({ update }) => decodeAwareness(update))

test('the state of another client arrives and is not sent back; local changes of one turn are one message', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const session = connection.open('a', new Y.Doc())
  session.awareness.setLocalState({ name: 'Ada' })
  await clock.settle()
  const first = sent(network.last)
  assert.equal(first.length, 1)
  assert.equal(first[0]?.clientId, session.awareness.clientID)
  assert.ok((first[0]?.clock ?? 0) > 0, 'a first state at clock 0 would be ignored')

  const other = new Awareness(new Y.Doc())
  other.setLocalState({ name: 'Grace' })
  const update = encodeAwarenessUpdate(other, [other.clientID])
  server.tell('a', (channel) => ({ type: 'awareness', channel, update }))
  await clock.settle()
  assert.deepEqual(session.awareness.getStates().get(other.clientID), { name: 'Grace' })
  assert.equal(sent(network.last).length, 1)

  session.awareness.setLocalStateField('cursor', 1)
  session.awareness.setLocalStateField('cursor', 2)
  await clock.settle()
  assert.equal(sent(network.last).length, 2)
  other.destroy()
  await connection.close()
})

test('A5: on a disconnect the others are removed, on reconnect they are back at once although their clocks did not move', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const session = connection.open('a', new Y.Doc())
  await clock.settle()
  const other = new Awareness(new Y.Doc())
  other.setLocalState({ name: 'Grace' })
  const update = encodeAwarenessUpdate(other, [other.clientID])
  const tell = (): void => server.tell('a', (channel) => ({ type: 'awareness', channel, update }))
  tell()
  await clock.settle()
  const before = sent(network.last).at(-1)?.clock ?? 0
  const removed: number[] = []
  session.awareness.on('change', (change: { removed: number[] }) => removed.push(...change.removed))

  network.last.end()
  await clock.settle()
  assert.deepEqual([...session.awareness.getStates().keys()], [session.awareness.clientID])
  assert.deepEqual(removed, [other.clientID])

  await clock.advanceAsync(100)
  tell()
  await clock.settle()
  assert.ok(session.awareness.getStates().has(other.clientID))
  assert.equal(sent(network.last).length, 1)
  assert.ok((sent(network.last)[0]?.clock ?? 0) > before, 'announced with a newer clock')
  other.destroy()
  await connection.close()
})

test('A5: closing a session removes its state for the others, and a later one is seen again', async () => {
  const { clock, network, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  const awareness = new Awareness(doc)
  awareness.setLocalState({ name: 'Ada' })
  const session = connection.open('a', doc, { awareness })
  assert.equal(session.awareness, awareness)
  await clock.settle()
  const watcher = new Awareness(new Y.Doc())
  const watch = (): void => {
    for (const { update } of network.last.receivedOf('awareness')) applyAwarenessUpdate(watcher, update, null)
  }
  watch()
  assert.ok(watcher.getStates().has(doc.clientID))
  await session.close()
  await clock.settle()
  watch()
  assert.ok(!watcher.getStates().has(doc.clientID))
  const last = sent(network.last).at(-1)
  assert.ok(last !== undefined && isRemoval(last))
  assert.deepEqual(awareness.getLocalState(), { name: 'Ada' }, "the application's own is left as it is")

  const again = connection.open('a', doc, { awareness })
  await clock.settle()
  watch()
  assert.ok(watcher.getStates().has(doc.clientID))
  await again.close()
  awareness.destroy()
  watcher.destroy()
  await connection.close()
})

test('a session that somebody else declared gone says that it is still there', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const session = connection.open('a', new Y.Doc())
  await clock.settle()
  const [announced] = sent(network.last)
  assert.ok(announced !== undefined)
  const removal = encodeAwarenessUpdate(session.awareness, [announced.clientId], new Map())
  // The same clock and null: what another client sends when it believes that this one timed out.
  session.awareness.meta.set(announced.clientId, { clock: announced.clock - 1, lastUpdated: 0 })
  server.tell('a', (channel) => ({ type: 'awareness', channel, update: removal }))
  await clock.settle()
  const last = sent(network.last).at(-1)
  assert.ok(last !== undefined && !isRemoval(last) && last.clock > announced.clock)
  await connection.close()
})

test('a session without awareness sends and keeps none', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const session = connection.open('a', new Y.Doc(), { awareness: null })
  const none: null = session.awareness
  assert.equal(none, null)
  await clock.settle()
  server.tell('a', (channel) => ({ type: 'awareness', channel, update: Uint8Array.of(0) }))
  await clock.settle()
  assert.equal(sent(network.last).length, 0)
  await connection.close()
})

test('awareness that cannot be read, and a listener that throws, leave the document alone', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const session = connection.open('a', new Y.Doc())
  await clock.settle()
  session.awareness.on('change', () => {
    throw new Error('a bug of the application')
  })
  const other = new Awareness(new Y.Doc())
  other.setLocalState({ name: 'Grace' })
  const update = encodeAwarenessUpdate(other, [other.clientID])
  server.tell('a', (channel) => ({ type: 'awareness', channel, update }))
  server.tell('a', (channel) => ({ type: 'awareness', channel, update: Uint8Array.of(1, 2, 3, 1, 65) }))
  await clock.settle()
  assert.deepEqual(session.status, { state: 'saved' })
  assert.equal(network.sockets.length, 1)
  other.destroy()
  await connection.close()
})

test('A2: a document whose client id Yjs changed keeps its cursor: the old id is said goodbye to, the state goes on under the new one', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  const own = new Awareness(doc)
  for (const awareness of [undefined, own]) {
    const session = connection.open('a', doc, awareness === undefined ? {} : { awareness })
    session.awareness.setLocalState({ name: 'Ada' })
    await clock.settle()
    const before = doc.clientID
    const others = new Awareness(new Y.Doc())
    const watch = (): void => {
      for (const { update } of network.last.receivedOf('awareness')) applyAwarenessUpdate(others, update, null)
    }
    watch()
    assert.deepEqual(others.getStates().get(before), { name: 'Ada' })

    // Somebody else writes under the same client id, and has a cursor.
    const double = new Y.Doc()
    double.clientID = before
    Y.applyUpdate(double, Y.encodeStateAsUpdate(doc))
    double.getText('body').insert(0, 'x')
    const changes: { added: number[]; removed: number[] }[] = []
    session.awareness.on('change', (change: { added: number[]; removed: number[] }) => changes.push(change))
    server.write('a', Y.encodeStateAsUpdate(double))
    await clock.settle()
    assert.notEqual(doc.clientID, before)
    assert.equal(session.awareness.clientID, doc.clientID)
    assert.deepEqual(
      [...session.awareness.getStates()].filter(([id]) => id !== others.clientID),
      [[doc.clientID, { name: 'Ada' }]],
    )
    assert.deepEqual(
      changes.map(({ added, removed }) => [added, removed]),
      [
        [[], [before]],
        [[doc.clientID], []],
      ],
    )
    watch()
    assert.equal(others.getStates().get(before), undefined)
    assert.deepEqual(others.getStates().get(doc.clientID), { name: 'Ada' })

    // From now on the old id is the other one's.
    const theirs = new Awareness(double)
    theirs.setLocalState({ name: 'Grace' })
    server.tell('a', (channel) => ({ type: 'awareness', channel, update: encodeAwarenessUpdate(theirs, [before]) }))
    await clock.settle()
    assert.deepEqual(session.awareness.getStates().get(before), { name: 'Grace' })
    session.awareness.setLocalStateField('cursor', 7)
    await clock.settle()
    watch()
    assert.deepEqual(others.getStates().get(doc.clientID), { name: 'Ada', cursor: 7 })
    await session.close()
    await clock.settle()
    const last = sent(network.last).at(-1)
    assert.ok(last !== undefined && isRemoval(last) && last.clientId === doc.clientID)
    for (const awareness of [others, theirs]) awareness.destroy()
  }
  own.destroy()
  await connection.close()
})

test('A5: a document that is opened, closed and opened again, in one turn or later, is seen by those who saw it go', async () => {
  const { clock, network, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  const others = new Awareness(new Y.Doc())
  let seen = 0
  const watch = (): void => {
    const messages = network.last.receivedOf('awareness')
    for (const { update } of messages.slice(seen)) applyAwarenessUpdate(others, update, null)
    seen = messages.length
  }
  for (let mount = 0; mount < 5; mount++) {
    const first = connection.open('a', doc)
    void first.close()
    const second = connection.open('a', doc)
    second.awareness.setLocalState({ mount })
    await clock.settle()
    watch()
    assert.deepEqual(others.getStates().get(doc.clientID), { mount })
    await second.close()
    await clock.settle()
    watch()
    assert.equal(others.getStates().has(doc.clientID), false)
  }
  const listeners = ({ _observers }: Y.Doc): number => [..._observers.values()].reduce((sum, set) => sum + set.size, 0)
  assert.equal(listeners(doc), listeners(new Y.Doc()), 'a document that lives on is not kept by sessions that ended')
  others.destroy()
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

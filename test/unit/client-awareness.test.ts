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

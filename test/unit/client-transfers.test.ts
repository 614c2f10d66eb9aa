// Large transfers over slow links, as a browser sees them, which knows nothing of messages that are not whole: they finish, others pass between, a reconnect
// goes on where it was, and a link that is dead is still found.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { seededRandom } from '../../core/random.js'
import { type ClientFixture, clientFixture, stateOf, type, updateWith } from '../helpers/client-fixture.js'

const KiB = 1024
/** 4 KiB in each heartbeat of 25 s. */
const slowest = (4 * KiB) / 25

const body = (doc: Y.Doc): string => doc.getText('body').toString()

/** Text that is as large in an update, in one struct. */
function text(bytes: number): string {
  const random = seededRandom(7)
  return Array.from({ length: bytes }, () => String.fromCharCode(97 + random.below(26))).join('')
}

function slow({ network, clock }: ClientFixture, bytesPerSecond: number): void {
  network.speed = { clock, bytesPerSecond }
}

/** Bytes of all submissions that one socket carried. */
function submittedBytes({ network }: ClientFixture, socket = network.sockets.length - 1): number {
  const end = network.sockets[socket]
  const parts = end?.receivedOf('part').map(({ bytes }) => bytes.length) ?? []
  const submits = end?.receivedOf('submit').map(({ update }) => update.length) ?? []
  return [...parts, ...submits].reduce((sum, length) => sum + length, 0)
}

test('G9: an edit of any size is saved over a link that moves 4 KiB in each heartbeat, on one socket', async () => {
  const fixture = clientFixture()
  const { clock, server, network, connect } = fixture
  slow(fixture, slowest)
  const connection = connect()
  const session = connection.open('a', new Y.Doc())
  await clock.advanceAsync(60_000)
  assert.equal(stateOf(session), 'saved')
  // A binary cannot be cut.
  const value = new Uint8Array(40 * KiB).fill(7)
  session.doc.getMap('values').set('binary', value)
  type(session.doc, text(100 * KiB))
  let saved = false
  void session.saved().then(() => (saved = true))
  const seconds = (submitted: number) => (submitted / slowest) * 1.1 + 60
  await clock.advanceAsync(seconds(140 * KiB) * 1_000)
  assert.equal(network.sockets.length, 1)
  assert.ok(saved)
  assert.equal(server.text('a').length, 100 * KiB)
  assert.deepEqual(server.document('a').doc.getMap('values').get('binary'), value)
  await connection.close()
})

test('G9: a document of any size arrives over a link that moves 4 KiB in each heartbeat, on one socket', async () => {
  const fixture = clientFixture()
  const { clock, server, network, connect } = fixture
  server.holdsState = true
  slow(fixture, slowest)
  const connection = connect()
  const session = connection.open('a', new Y.Doc())
  await clock.advanceAsync(60_000)
  assert.equal(stateOf(session), 'syncing')
  const doc = new Y.Doc()
  for (let piece = 0; piece < 10; piece++) {
    const before = Y.encodeStateVector(doc)
    type(doc, text(8 * KiB))
    const update = Y.encodeStateAsUpdate(doc, before)
    server.tell('a', (channel) => ({ type: 'piece', channel, update }))
  }
  server.tell('a', (channel) => ({ type: 'state', channel, seq: 1, updates: [] }))
  await clock.advanceAsync(((80 * KiB) / slowest) * 1_100)
  await session.synced
  assert.equal(network.sockets.length, 1)
  assert.equal(body(session.doc), body(doc))
  await connection.close()
})

test('G9: a reconnect in the middle goes on where it was: what was acknowledged is not sent again', async () => {
  const fixture = clientFixture()
  const { clock, network, server, connect } = fixture
  const connection = connect()
  const session = connection.open('a', new Y.Doc())
  await clock.settle()
  slow(fixture, 100_000)
  const size = 2_000 * KiB
  type(session.doc, text(size))
  await clock.advanceAsync(10_000)
  const before = submittedBytes(fixture)
  assert.ok(before > 700_000 && before < 1_100_000, `${before} bytes in 10 s`)
  network.last.end()
  await clock.advanceAsync(20_000)
  await session.saved()
  assert.equal(network.sockets.length, 2)
  const again = before + submittedBytes(fixture) - size
  assert.ok(again > 0 && again < 150 * KiB, `${again} bytes were sent twice`)
  assert.equal(server.text('a'), body(session.doc))
  await connection.close()
})

test('G9: cursors, pings and the edits of other documents pass between; the link is used and never flooded', async () => {
  const fixture = clientFixture()
  const { clock, network, server, connect } = fixture
  const connection = connect()
  const large = connection.open('large', new Y.Doc())
  const small = connection.open('small', new Y.Doc())
  const middle = connection.open('middle', new Y.Doc())
  await clock.settle()
  const bytesPerSecond = 100_000
  slow(fixture, bytesPerSecond)
  type(large.doc, text(3_000_000))
  const sizes: number[] = []
  await clock.advanceAsync(5_000)
  for (let edit = 0; edit < 5; edit++) {
    type(small.doc, 'typed ')
    type(middle.doc, text(3_000))
    small.awareness.setLocalState({ edit })
    const cursors = network.last.receivedOf('awareness').length
    await clock.advanceAsync(4_000)
    assert.equal(network.last.receivedOf('awareness').length, cursors + 1)
    assert.equal(server.text('small').length, (edit + 1) * 6)
    assert.equal(server.text('middle').length, (edit + 1) * 3_000)
    sizes.push(Math.max(...network.last.receivedOf('part').map(({ bytes }) => bytes.length)))
  }
  assert.equal(stateOf(large), 'saving')
  assert.equal(network.last.receivedOf('part')[0]?.bytes.length, 8 * KiB, 'it begins small')
  assert.ok((sizes.at(-1) ?? 0) > 8 * KiB && (sizes.at(-1) ?? 0) <= 256 * KiB)
  const used = submittedBytes(fixture) / (25 * bytesPerSecond)
  assert.ok(used > 0.85, `the link was used to ${used}`)
  await clock.advanceAsync(10_000)
  assert.equal(stateOf(large), 'saved')

  // The link becomes slow: so do the messages. It is tested, when the tab is shown, without being cut.
  slow(fixture, 2_000)
  type(large.doc, text(400_000))
  await clock.advanceAsync(120_000)
  const parts = network.last.receivedOf('part')
  assert.ok((parts.at(-1)?.bytes.length ?? 0) <= 8 * KiB, `${parts.at(-1)?.bytes.length}`)
  await connection.close()
})

test('G3: a link that dies during a transfer is found, up and down, and the transfer goes on with the next one', async () => {
  for (const direction of ['up', 'down'] as const) {
    const fixture = clientFixture()
    const { clock, network, server, connect } = fixture
    server.holdsState = direction === 'down'
    server.write('a', updateWith('there before'))
    const connection = connect()
    const session = connection.open('a', new Y.Doc())
    await clock.settle()
    slow(fixture, 5_000)
    if (direction === 'up') type(session.doc, text(100 * KiB))
    await clock.advanceAsync(4_000)
    slow(fixture, 0)
    server.holdsState = false
    // A ping after 25 s of silence; its answer may take 10 s, and the time that 16 KiB take on the slowest link.
    await clock.advanceAsync(150_000)
    assert.notEqual(network.sockets[0]?.closedByClient, null, direction)
    network.speed = null
    await clock.advanceAsync(40_000)
    await session.saved()
    assert.equal(body(session.doc), server.text('a'))
    await connection.close()
    assert.equal(stateOf(session), 'offline')
  }
})

test('G3: a link that has proved fast and falls silent is given up after 35 s, whatever is under way', async () => {
  const fixture = clientFixture()
  const { clock, network, connect } = fixture
  const connection = connect()
  const session = connection.open('a', new Y.Doc())
  await clock.settle()
  slow(fixture, 1_000_000)
  type(session.doc, text(2_000_000))
  await clock.advanceAsync(1_000)
  assert.equal(stateOf(session), 'saving')
  slow(fixture, 0)
  await clock.advanceAsync(36_000)
  assert.notEqual(network.sockets[0]?.closedByClient, null)
  await connection.close()
})

for (const visible of ['bytes that are read', 'bytes that are taken'] as const) {
  test(`G9: a socket that tells of ${visible} is not given up while they move, and is when they do not`, async () => {
    const fixture = clientFixture()
    const { clock, network, server, connect } = fixture
    const connection = connect()
    const session = connection.open('a', new Y.Doc())
    await clock.settle()
    const { client } = network.last
    const stream = { bytesRead: 0 }
    let moving = true
    if (visible === 'bytes that are read') Object.assign(client, { _socket: stream })
    else Object.assign(client, { bufferedAmount: 1_000_000 })
    const move = (): void => {
      if (!moving) return
      stream.bytesRead += 10
      if ('bufferedAmount' in client) Object.assign(client, { bufferedAmount: Number(client.bufferedAmount) - 1_000 })
      clock.after(8_000, move)
    }
    move()
    // Nothing whole comes.
    server.accepts = false
    network.last.onMessage(() => {})
    await clock.advanceAsync(300_000)
    assert.equal(stateOf(session), 'saved')
    assert.equal(network.last.closedByClient, null)
    moving = false
    await clock.advanceAsync(80_000)
    assert.equal(network.sockets[0]?.closedByClient?.code, 1006)
    await connection.close()
  })
}

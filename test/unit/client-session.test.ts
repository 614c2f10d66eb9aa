// The client's document session: what is submitted, what counts as saved, and what a reconnect resumes.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { RefusedError, SessionClosedError } from '../../client/index.js'
import { clientFixture, stateOf, statesOf, type, updateWith } from '../helpers/client-fixture.js'

/** Types into `doc`, and gives what came of it in `count` pieces, each of which applies on those before it. */
function typedInPieces(doc: Y.Doc, words: number, count: number): Uint8Array[] {
  const updates: Uint8Array[] = []
  const collect = (update: Uint8Array): void => void updates.push(update)
  doc.on('update', collect)
  for (let word = 0; word < words; word++) type(doc, `word ${word} `)
  doc.off('update', collect)
  const each = Math.ceil(words / count)
  return Array.from({ length: count }, (_, piece) => Y.mergeUpdates(updates.slice(piece * each, (piece + 1) * each)))
}

const body = (doc: Y.Doc): string => doc.getText('body').toString()

test('D1: a session is saved only when the server has acknowledged, and says so truthfully on the way', async () => {
  const { clock, server, network, connect } = clientFixture()
  server.acknowledges = 'by hand'
  server.write('a', updateWith('there before '))
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  const states = statesOf(session)
  await clock.settle()
  assert.equal(body(doc), 'there before ')
  assert.deepEqual(states, ['connecting', 'syncing', 'saved'])
  await session.synced

  type(doc, 'x')
  assert.deepEqual(session.status, { state: 'saving' }, 'at once, not only when it is sent')
  assert.equal(session.unsaved, 1)
  let saved = false
  const done = session.saved().then(() => (saved = true))
  await clock.settle()
  assert.equal(network.last.receivedOf('submit').length, 1)
  assert.equal(saved, false)
  assert.equal(stateOf(session), 'saving')

  server.acknowledge('a')
  await done
  assert.equal(session.unsaved, 0)
  assert.deepEqual(states, ['connecting', 'syncing', 'saved', 'saving', 'saved'])
  await connection.close()
})

test('what is typed in one turn is one submission, and what comes back is not submitted again', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  connection.open('a', doc)
  await clock.settle()
  type(doc, 'one ')
  type(doc, 'two ')
  server.write('a', updateWith('from another '))
  await clock.settle()
  assert.equal(network.last.receivedOf('submit').length, 1)
  assert.equal(server.text('a'), body(doc))
  await connection.close()
})

test('updates from another provider are submitted, also when the server completes them', async () => {
  const { clock, server, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  await clock.settle()

  const other = new Y.Doc()
  const updates: Uint8Array[] = []
  other.on('update', (update: Uint8Array) => updates.push(update))
  type(other, 'first ')
  type(other, 'second')
  const [first, second] = updates
  assert.ok(first !== undefined && second !== undefined)
  // What it depends on is not here yet: the document holds it back, and tells nobody.
  Y.applyUpdate(doc, second, 'another provider')
  await clock.settle()
  assert.equal(server.text('a'), '')
  server.write('a', first)
  await clock.settle()
  assert.equal(body(doc), 'first second')
  assert.equal(server.text('a'), 'first second')
  assert.equal(stateOf(session), 'saved')
  await connection.close()
})

test('D3: what was not acknowledged is submitted again after a reconnect, which resumes from the last seq applied', async () => {
  const { clock, server, network, connect } = clientFixture()
  server.write('a', updateWith('a long history '.repeat(1000)))
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  await clock.settle()
  const firstBytes = network.last.bytesSent

  server.acknowledges = 'by hand'
  type(doc, 'typed before the loss ')
  await clock.settle()
  network.last.end()
  await clock.settle()
  assert.equal(stateOf(session), 'offline')
  type(doc, 'typed offline')
  assert.equal(session.unsaved, 2)
  const other = updateWith('meanwhile ')
  server.write('a', other)

  await clock.advanceAsync(100)
  await clock.settle()
  assert.equal(network.sockets.length, 2)
  const [open] = network.last.receivedOf('open')
  assert.deepEqual(open?.known.kind === 'seq' ? [open.known.incarnation, open.known.seq] : null, ['life-1', 2])
  assert.ok(network.last.bytesSent < firstBytes / 10, `resumed with ${network.last.bytesSent} bytes after ${firstBytes}`)
  assert.equal(network.last.receivedOf('submit').length, 1, 'merged')
  assert.equal(session.unsaved, 2)
  server.acknowledge('a')
  await session.saved()
  assert.equal(server.text('a'), body(doc))
  assert.equal(stateOf(session), 'saved')
  await connection.close()
})

test('a seq counts only when its frame was applied', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  connection.open('a', doc)
  await clock.settle()
  server.write('a', updateWith('x'))
  await clock.settle()
  // The server says that it is at 7 by an acknowledgement; this client has applied 1.
  server.tell('a', (channel) => ({ type: 'acknowledged', channel, through: 0, seq: 7 }))
  await clock.settle()
  network.last.end()
  await clock.advanceAsync(100)
  const [open] = network.last.receivedOf('open')
  assert.equal(open?.known.kind === 'seq' ? open.known.seq : null, 1)
  await connection.close()
})

test('S3: a document without content submits nothing when it is opened', async () => {
  const { clock, network, connect } = clientFixture()
  const connection = connect()
  connection.open('a', new Y.Doc())
  await clock.settle()
  assert.deepEqual(network.last.receivedOf('open')[0]?.known, { kind: 'nothing' })
  assert.equal(network.last.receivedOf('submit').length, 0)
  await connection.close()
})

test('what the document held before it was opened counts as unsaved, and is submitted', async () => {
  const { clock, server, network, connect } = clientFixture()
  server.acknowledges = 'by hand'
  const doc = new Y.Doc()
  type(doc, 'from before')
  const connection = connect()
  const session = connection.open('a', doc)
  assert.equal(session.unsaved, 1)
  await clock.settle()
  assert.equal(stateOf(session), 'saving')
  assert.equal(server.text('a'), 'from before')
  server.acknowledge('a')
  await session.saved()
  assert.equal(network.last.receivedOf('submit').length, 1)
  await connection.close()
})

test('D1: what the server knows without having acknowledged it is not called saved after a reload', async () => {
  const { clock, server, connect } = clientFixture()
  server.acknowledges = 'by hand'
  const update = updateWith('sent just before the reload')
  server.write('a', update)
  const doc = new Y.Doc()
  Y.applyUpdate(doc, update)
  const connection = connect()
  const session = connection.open('a', doc)
  await clock.settle()
  assert.equal(stateOf(session), 'saving')
  server.acknowledge('a')
  await session.saved()
  await connection.close()
})

for (const [what, harm] of [
  ['was replaced by another life of the document', 'replace'],
  ['was set back to an earlier state', 'set back'],
] as const) {
  test(`D3: a server whose data ${what} gets everything that this client has`, async () => {
    const { clock, server, network, connect } = clientFixture()
    const connection = connect()
    const doc = new Y.Doc()
    const session = connection.open('a', doc)
    await clock.settle()
    type(doc, 'saved once')
    await session.saved()
    network.last.end()
    if (harm === 'replace') server.documents.delete('a')
    else server.documents.set('a', { ...server.document('a'), doc: new Y.Doc(), log: [] })
    await clock.advanceAsync(100)
    assert.equal(server.text('a'), 'saved once')
    assert.equal(stateOf(session), 'saved')
    await connection.close()
  })
}

test('D3: an update that the server lacks at the same seq is submitted again', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  await clock.settle()
  type(doc, 'lost by the server')
  await session.saved()
  network.last.end()
  const stored = server.document('a')
  server.documents.set('a', { ...stored, doc: new Y.Doc(), log: [Uint8Array.of(0, 0)] })
  await clock.advanceAsync(100)
  assert.equal(server.text('a'), 'lost by the server')
  await connection.close()
})

test('G5: a refused edit stays unsaved with its reason, others still arrive, and an edit that helps is saved', async () => {
  const { clock, server, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  await clock.settle()
  server.refuses = (update) =>
    update.length > 1000 ? { closeCode: 4413, code: 'document-too-large', reason: 'The document is full.', retryable: false } : null
  type(doc, 'too much '.repeat(1000))
  const saved = session.saved()
  await assert.rejects(saved, (error) => error instanceof RefusedError && error.code === 'document-too-large' && error.closeCode === 4413)
  assert.deepEqual(session.status, { state: 'refused', code: 'document-too-large', closeCode: 4413, reason: 'The document is full.' })
  assert.equal(session.unsaved, 1)
  server.write('a', updateWith('still here'))
  await clock.settle()
  assert.ok(body(doc).includes('still here'))

  const text = doc.getText('body')
  text.delete(body(doc).indexOf('too much'), 'too much '.repeat(1000).length)
  assert.equal(stateOf(session), 'refused')
  await clock.advanceAsync(200)
  assert.equal(stateOf(session), 'saved')
  assert.equal(server.text('a'), 'still here')
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

test('an edit that the server cannot take now is submitted again by itself', async () => {
  const { clock, server, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  await clock.settle()
  server.refuses = () => ({ closeCode: 4503, code: 'overloaded', reason: 'Too busy.', retryable: true })
  type(doc, 'x')
  await clock.settle()
  assert.equal(stateOf(session), 'saving')
  server.refuses = () => null
  await clock.advanceAsync(100)
  assert.equal(stateOf(session), 'saved')
  await connection.close()
})

test('G5: a document that the server refuses rejects synced and saved, and retry asks again', async () => {
  const { clock, server, network, connect } = clientFixture()
  server.accepts = false
  network.onSocket((end) => {
    end.onMessage((message) => {
      if (message.type === 'hello') end.send({ type: 'welcome', serverId: 's', messageBytesMax: 1000, pingPeriodMs: 25_000 })
      if (message.type === 'open')
        end.send({ type: 'closed', channel: message.channel, closeCode: 4403, code: 'forbidden', reason: 'Not yours.', retryable: false })
    })
    end.open()
  })
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  await assert.rejects(session.synced, RefusedError)
  type(doc, 'x')
  assert.deepEqual(session.status, { state: 'refused', code: 'forbidden', closeCode: 4403, reason: 'Not yours.' })
  await assert.rejects(session.saved(), RefusedError)
  assert.equal(connection.status.state, 'connected')
  session.retry()
  await clock.settle()
  assert.deepEqual(
    network.last.receivedOf('open').map(({ channel }) => channel),
    [1, 2],
    'never the same channel twice',
  )
  await connection.close()
})

test('a session that the server ends for a passing reason is opened again on a new channel', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  await clock.settle()
  server.tell('a', (channel) => ({ type: 'closed', channel, closeCode: 4512, code: 'owner-moved', reason: 'Moved.', retryable: true }))
  await clock.settle()
  assert.deepEqual(session.status, { state: 'offline', reason: 'Moved.' })
  type(doc, 'meanwhile')
  await clock.advanceAsync(100)
  assert.equal(stateOf(session), 'saved')
  assert.deepEqual(
    network.last.receivedOf('open').map(({ channel }) => channel),
    [1, 2],
  )
  assert.equal(network.sockets.length, 1)
  await connection.close()
})

test('G6: an edit without the right to write is refused, and saved once the right is there', async () => {
  const { clock, server, connect } = clientFixture()
  server.permission = 'read-only'
  server.refuses = () =>
    server.permission === 'read-write' ? null : { closeCode: 4403, code: 'forbidden', reason: 'Read-only.', retryable: false }
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  const permissions: string[] = []
  session.on('permission', (permission) => permissions.push(permission))
  await clock.settle()
  assert.equal(session.permission, 'read-only')
  assert.equal(stateOf(session), 'saved')
  type(doc, 'x')
  await clock.settle()
  assert.equal(stateOf(session), 'refused')
  server.permission = 'read-write'
  server.tell('a', (channel) => ({ type: 'permission', channel, permission: 'read-write' }))
  await clock.settle()
  assert.equal(stateOf(session), 'saved')
  assert.equal(server.text('a'), 'x')
  assert.deepEqual(permissions, ['read-only', 'read-write'])
  await connection.close()
})

test('G1: a difference larger than one message is submitted in parts, one larger value is refused with the reason', async () => {
  const { clock, server, network, connect } = clientFixture()
  server.messageBytesMax = 2_000
  const connection = connect()
  const doc = new Y.Doc()
  for (let line = 0; line < 100; line++) doc.getArray('lines').insert(0, ['x'.repeat(100)])
  const session = connection.open('a', doc)
  await clock.settle()
  await session.saved()
  const submissions = network.last.receivedOf('submit')
  assert.ok(submissions.length > 5)
  assert.ok(submissions.every(({ update }) => update.length < 2_000))
  assert.deepEqual(server.document('a').doc.getArray('lines').toJSON(), doc.getArray('lines').toJSON())

  type(doc, 'y'.repeat(3_000))
  await session.saved()
  assert.equal(server.text('a'), body(doc))
  doc.getMap('values').set('one', 'z'.repeat(3_000))
  await clock.settle()
  const { status } = session
  assert.ok(
    status.state === 'refused' && status.code === 'message-too-large' && /larger than the server takes in one message/.test(status.reason),
    JSON.stringify(status),
  )
  assert.equal(session.unsaved, 1)
  await connection.close()
})

test('a slow server is not flooded: what is typed meanwhile merges', async () => {
  const { clock, server, network, connect } = clientFixture()
  server.acknowledges = 'by hand'
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  await clock.settle()
  for (let key = 0; key < 500; key++) {
    type(doc, 'k')
    await Promise.resolve()
    await Promise.resolve()
  }
  await clock.settle()
  assert.equal(network.last.receivedOf('submit').length, 64)
  assert.equal(session.unsaved, 500)
  server.acknowledge('a')
  await clock.settle()
  assert.equal(network.last.receivedOf('submit').length, 65)
  server.acknowledge('a')
  await session.saved()
  assert.equal(server.text('a'), 'k'.repeat(500))
  await connection.close()
})

test('several documents share one socket, each on its own channel', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const docs = ['a', 'b', 'c'].map((id) => {
    const doc = new Y.Doc()
    connection.open(id, doc)
    return doc
  })
  await clock.settle()
  docs.forEach((doc, index) => {
    type(doc, `document ${index}`)
  })
  await clock.settle()
  assert.equal(network.sockets.length, 1)
  assert.deepEqual([server.text('a'), server.text('b'), server.text('c')], ['document 0', 'document 1', 'document 2'])
  await connection.close()
})

test('an observer that throws does not stop the session', async () => {
  const { clock, server, connect } = clientFixture()
  const errors: string[] = []
  const ignore = (): void => {}
  const connection = connect({
    logger: { debug: ignore, info: ignore, warn: ignore, error: (_fields, message) => void errors.push(message) },
  })
  const doc = new Y.Doc()
  connection.open('a', doc)
  await clock.settle()
  doc.getText('body').observe(() => {
    throw new Error('a bug of the application')
  })
  server.write('a', updateWith('one '))
  server.write('a', updateWith('two '))
  await clock.settle()
  assert.equal(body(doc).length, 8)
  assert.equal(errors.length, 2)
  await connection.close()
})

test('D1: a catch-up or an update that cannot be applied is neither synced nor saved: the status says why, and everything is asked for again', async () => {
  for (const kind of ['catch-up', 'update'] as const) {
    const { clock, server, network, connect } = clientFixture()
    server.write('a', updateWith('there before'))
    // The struct has a kind of content that does not exist.
    const broken = Uint8Array.of(1, 1, 5, 0, 11, 1, 1, 116, 0, 0)
    if (kind === 'catch-up') server.document('a').log.push(broken)
    const connection = connect()
    const doc = new Y.Doc()
    // By its log, so that the broken row is in what the server sends.
    const session = connection.open('a', doc)
    let synced = 0
    session.on('synced', () => synced++)
    let sent: typeof network.last.send | null = null
    if (kind === 'catch-up') {
      await Promise.resolve()
      const { send } = network.last
      sent = send
      network.last.send = (message) =>
        send.call(network.last, message.type === 'state' ? { ...message, updates: [...message.updates, broken] } : message)
    }
    await clock.settle()
    if (kind === 'update') {
      assert.equal(stateOf(session), 'saved')
      server.tell('a', (channel) => ({ type: 'update', channel, seq: 2, update: broken }))
      await clock.settle()
    }
    const before = kind === 'update' ? 1 : 0
    assert.deepEqual(session.status, { state: 'offline', reason: 'What the server sent could not be applied to the document.' })
    assert.equal(synced, before)
    type(doc, 'mine')
    const saved = session.saved()
    await clock.advanceAsync(50)
    if (kind === 'catch-up') {
      assert.notEqual(stateOf(session), 'saved')
      assert.equal(synced, before, 'pending as long as it is broken')
      if (sent !== null) network.last.send = sent
    }
    await clock.advanceAsync(2_000)
    await saved
    assert.equal(synced, before + 1)
    assert.equal(network.last.receivedOf('open').at(-1)?.known.kind, 'state-vector', 'not from the seq that was not applied')
    assert.ok(server.text('a').includes('mine') && body(doc).includes('there before'))
    assert.equal(network.sockets.length, 1)
    await connection.close()
    assert.equal(clock.timerCount, 0)
  }
})

test('D1: a change that a throwing listener kept from this client is not called saved, and is saved', async () => {
  const { clock, server, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  let throws = false
  // It comes first, as the listener of another provider does. Yjs emits no event any more after it has thrown.
  doc.on('update', () => {
    if (throws) throw new Error('The database connection is closing.')
  })
  const session = connection.open('a', doc)
  await session.synced
  throws = true
  assert.throws(() => type(doc, 'one '))
  type(doc, 'two ')
  throws = false
  const saved = new Promise<void>((resolve) => {
    session.on('unsaved', (unsaved) => {
      if (unsaved === 0) resolve()
    })
  })
  await saved
  assert.equal(server.text('a'), 'one two ')
  type(doc, 'three')
  assert.equal(session.unsaved, 1, 'the document tells of its changes again')
  await session.saved()
  assert.equal(server.text('a'), 'one two three')
  await clock.settle()
  await connection.close()
})

test('a session that is closed by an observer, or by a listener, stays closed', async () => {
  const { clock, server, connect } = clientFixture()
  server.write('a', updateWith('x'))
  const connection = connect()
  const observed = connection.open('a', new Y.Doc())
  observed.doc.getText('body').observe(() => void observed.close())
  const heard = connection.open('a', new Y.Doc())
  heard.on('permission', () => void heard.close())
  await clock.settle()
  for (const session of [observed, heard]) {
    assert.deepEqual(session.status, { state: 'offline', reason: 'The session is closed.' })
    await assert.rejects(session.synced, SessionClosedError)
  }
  assert.equal(heard.awareness.getLocalState(), null)
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

test('S6: pieces are shown with the message that completes them, in one transaction, and count when a reconnect says what is there', async () => {
  const { clock, server, network, connect } = clientFixture()
  const writer = new Y.Doc()
  const pieces = typedInPieces(writer, 300, 3)
  const connection = connect()
  const doc = new Y.Doc()
  let transactions = 0
  doc.on('update', () => transactions++)
  const session = connection.open('a', doc)
  server.holdsState = true
  server.write('a', Y.encodeStateAsUpdate(writer))
  await clock.settle()
  const piece = (update: Uint8Array) => (channel: number) => ({ type: 'piece' as const, channel, update })
  for (const update of pieces.slice(0, 2)) server.tell('a', piece(update))
  await clock.settle()
  assert.equal(body(doc), '')
  assert.equal(stateOf(session), 'syncing')

  network.last.end()
  server.holdsState = false
  await clock.advanceAsync(100)
  const { known } = network.last.receivedOf('open')[0] ?? { known: null }
  assert.equal(known?.kind, 'state-vector')
  assert.ok(network.last.bytesSent < Y.encodeStateAsUpdate(writer).length / 2, `${network.last.bytesSent} bytes came again`)
  assert.equal(body(doc), body(writer))
  assert.equal(transactions, 1)
  await session.saved()
  assert.equal(network.last.receivedOf('submit').length, 0)

  // The same for an update, without a loss.
  const [first, second] = typedInPieces(writer, 20, 2)
  assert.ok(first !== undefined && second !== undefined)
  server.tell('a', piece(first))
  await clock.settle()
  assert.equal(transactions, 1)
  server.tell('a', (channel) => ({ type: 'update', channel, seq: 2, update: second }))
  await clock.settle()
  assert.equal(transactions, 2)
  assert.equal(body(doc), body(writer))
  await connection.close()
})

test('S6: pieces that wait for one which comes later are not taken for what is there: the reconnect asks for all from the gap on', async () => {
  const { clock, server, network, connect } = clientFixture()
  const writer = new Y.Doc()
  const [first, second, third] = typedInPieces(writer, 300, 3)
  assert.ok(first !== undefined && second !== undefined && third !== undefined)
  server.holdsState = true
  server.write('a', Y.encodeStateAsUpdate(writer))
  const connection = connect()
  const session = connection.open('a', new Y.Doc())
  await clock.settle()
  for (const update of [second, third]) server.tell('a', (channel) => ({ type: 'piece', channel, update }))
  await clock.settle()
  network.last.end()
  server.holdsState = false
  await clock.advanceAsync(100)
  assert.equal(body(session.doc), body(writer))
  assert.equal(session.doc.store.pendingStructs, null)
  await connection.close()
})

test('D3: pieces of a document that was set back while they were on their way are thrown away', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const session = connection.open('a', new Y.Doc())
  server.holdsState = true
  await clock.settle()
  server.tell('a', (channel) => ({ type: 'piece', channel, update: updateWith('from a life before') }))
  await clock.settle()
  server.holdsState = false
  server.write('a', updateWith('what there is now'))
  network.last.end()
  await clock.advanceAsync(100)
  await session.synced
  assert.equal(body(session.doc), 'what there is now')
  assert.equal(server.text('a'), 'what there is now')
  assert.equal(stateOf(session), 'saved')
  await connection.close()
})

test('close is idempotent, sends what waits, and rejects what can no longer happen', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  await clock.settle()
  type(doc, 'the last word')
  await Promise.all([session.close(), session.close()])
  await clock.settle()
  assert.equal(server.text('a'), 'the last word')
  assert.equal(network.last.receivedOf('close').length, 1)
  await assert.rejects(session.saved(), SessionClosedError)
  type(doc, 'not sent')
  await clock.settle()
  assert.equal(server.text('a'), 'the last word')

  const never = connection.open('b', new Y.Doc())
  doc.destroy()
  await never.close()
  await assert.rejects(never.synced, SessionClosedError)
  await connection.close()
  assert.throws(() => connection.open('c', new Y.Doc()), SessionClosedError)
  assert.equal(clock.timerCount, 0)
})

test('G5: a refused document is not asked for again by a mere reconnect, only by retry', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const session = connection.open('a', new Y.Doc())
  const other = connection.open('b', new Y.Doc())
  await clock.settle()
  server.tell('a', (channel) => ({
    type: 'closed',
    channel,
    closeCode: 4404,
    code: 'no-such-document',
    reason: 'Deleted.',
    retryable: false,
  }))
  await clock.settle()
  network.last.end()
  await clock.advanceAsync(100)
  assert.equal(stateOf(other), 'saved')
  assert.equal(stateOf(session), 'refused')
  assert.deepEqual(
    network.last.receivedOf('open').map(({ documentId }) => documentId),
    ['b'],
  )
  session.retry()
  await clock.settle()
  assert.equal(stateOf(session), 'saved')
  await connection.close()
})

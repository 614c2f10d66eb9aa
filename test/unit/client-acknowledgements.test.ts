// Which acknowledgement covers what, and what a server may have lost although it has every struct.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { Submissions } from '../../client/submissions.js'
import { clientFixture, stateOf, type, updateWith } from '../helpers/client-fixture.js'

test('D1: an acknowledgement covers the submissions up to its number and no later one', async () => {
  const { clock, server, connect } = clientFixture()
  server.acknowledges = 'by hand'
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  await clock.settle()
  for (const text of ['one ', 'two ', 'three ']) {
    type(doc, text)
    await clock.settle()
  }
  assert.equal(session.unsaved, 3)
  let saved = false
  session.saved().then(
    () => {
      saved = true
    },
    () => {},
  )
  for (const [through, unsaved] of [
    [1, 2],
    [2, 1],
  ] as const) {
    server.tell('a', (channel) => ({ type: 'acknowledged', channel, through, seq: through }))
    await clock.settle()
    assert.deepEqual([session.unsaved, stateOf(session), saved], [unsaved, 'saving', false])
  }
  server.tell('a', (channel) => ({ type: 'acknowledged', channel, through: 3, seq: 3 }))
  await clock.settle()
  assert.deepEqual([session.unsaved, stateOf(session), saved], [0, 'saved', true])
  await connection.close()
})

test('D1: an update that is sent in parts is unsaved until its last part is acknowledged', () => {
  const submissions = new Submissions()
  submissions.add(updateWith('x'.repeat(1000)))
  const sent: number[] = []
  for (let next = submissions.next(300); next !== null; next = submissions.next(300)) sent.push(next.submission)
  assert.ok(sent.length > 2)
  for (const submission of sent) {
    assert.equal(submissions.unsaved, 1)
    submissions.acknowledged(submission)
  }
  assert.equal(submissions.unsaved, 0)
})

test('D3: another life of the document that has every struct but lacks a deletion gets it', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  await clock.settle()
  type(doc, 'keep, drop')
  await session.saved()
  const beforeDeletion = Y.encodeStateAsUpdate(doc)
  doc.getText('body').delete(4, 6)
  await session.saved()
  network.last.end()
  const old = new Y.Doc({ gc: false })
  Y.applyUpdate(old, beforeDeletion)
  server.documents.set('a', { doc: old, incarnation: 'another life', log: [beforeDeletion, Uint8Array.of(0, 0)] })
  await clock.advanceAsync(100)
  assert.equal(server.text('a'), 'keep')
  assert.equal(stateOf(session), 'saved')
  await connection.close()
})

test('D3, S1: a server that was set back and has gone on past where this client was sends what the client lacks, and gets what it lacks', async () => {
  const { clock, server, network, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  await clock.settle()
  type(doc, 'kept ')
  await session.saved()
  const backup = Y.encodeStateAsUpdate(doc)
  type(doc, 'lost ')
  await session.saved()
  network.last.end()
  // From a backup: the same life of the document, one row back; meanwhile others have written two more.
  const restored = new Y.Doc({ gc: false })
  Y.applyUpdate(restored, backup)
  server.documents.set('a', { ...server.document('a'), doc: restored, log: [backup] })
  server.write('a', updateWith('second '))
  server.write('a', updateWith('third '))
  await clock.advanceAsync(100)
  assert.equal(stateOf(session), 'saved')
  assert.equal(doc.getText('body').toString(), server.text('a'))
  for (const word of ['kept', 'lost', 'second', 'third']) assert.ok(server.text('a').includes(word), word)
  await connection.close()
})

// What `open` takes: a document id that can be sent, and a Y.Doc that the client's own Yjs can work with.
import { strict as assert } from 'node:assert'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import * as Y from 'yjs'
import { WeftError } from '../../client/index.js'
import { clientFixture, stateOf } from '../helpers/client-fixture.js'

test('G5: a Y.Doc of another copy of Yjs is refused in words that say how to get one copy', async () => {
  const { clock, server, connect } = clientFixture()
  const connection = connect()
  // Yjs as CommonJS is a copy of its own beside Yjs as a module.
  const otherCopy: typeof Y = createRequire(import.meta.url)('yjs')
  assert.notEqual(otherCopy.Doc, Y.Doc)
  assert.throws(
    () => connection.open('a', new otherCopy.Doc()),
    (error) =>
      error instanceof WeftError &&
      error.code === 'foreign-document' &&
      ['another copy of Yjs', '`import`', '`require`', 'dedupe', 'alias', 'npm ls yjs'].every((words) => error.message.includes(words)),
  )
  assert.throws(() => connection.open('a', undefined as unknown as Y.Doc), TypeError)
  await clock.settle()
  assert.equal(server.documents.size, 0, 'the server was not asked')

  class OwnDoc extends Y.Doc {}
  const session = connection.open('a', new OwnDoc())
  await clock.settle()
  assert.equal(stateOf(session), 'saved')
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

test('a Y.Doc that is open under another id is refused in words, since it would make one document of two; it may be open twice under one, and later under another', async () => {
  const { clock, server, connect } = clientFixture()
  const connection = connect()
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  assert.throws(() => connection.open('b', doc), /open as "a"; close that session, or take another Y.Doc for "b"/)
  await connection.open('a', doc).close()
  // Another server has documents of its own.
  const elsewhere = connect().open('b', doc)
  await elsewhere.close()
  await session.close()
  connection.open('b', doc)
  await clock.settle()
  assert.deepEqual([...server.documents.keys()], ['b'])
  await connection.close()
})

test('an event that there is not is refused, with those that there are', async () => {
  const connection = clientFixture().connect()
  const session = connection.open('a', new Y.Doc())
  assert.throws(
    () => session.on('saved' as 'status', () => {}),
    /no event saved, but: status, unsaved, synced, permission, notice, message/,
  )
  assert.throws(() => connection.on('open' as 'status', () => {}), /no event open, but: status/)
  assert.throws(() => session.presence().on('changed' as 'others', () => {}), /no event changed, but: others, cursors/)
  await connection.close()
})

test('a document id that is not valid Unicode is refused before it could name another document', () => {
  const { connect } = clientFixture()
  const connection = connect()
  for (const id of ['\ud800', 'a\udc00', '\ud800\ud800\udc00', 'é\ud83d']) {
    assert.throws(() => connection.open(id, new Y.Doc()), { code: 'invalid-document-id' }, JSON.stringify(id))
  }
  for (const id of ['\u{1f600}', 'a\u{10ffff}b', '\ufeff']) void connection.open(id, new Y.Doc()).close()
  return connection.close()
})

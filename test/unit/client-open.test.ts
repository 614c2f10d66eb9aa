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

test('a document id that is not valid Unicode is refused before it could name another document', () => {
  const { connect } = clientFixture()
  const connection = connect()
  for (const id of ['\ud800', 'a\udc00', '\ud800\ud800\udc00', 'é\ud83d']) {
    assert.throws(() => connection.open(id, new Y.Doc()), { code: 'invalid-document-id' }, JSON.stringify(id))
  }
  for (const id of ['\u{1f600}', 'a\u{10ffff}b', '\ufeff']) void connection.open(id, new Y.Doc()).close()
  return connection.close()
})

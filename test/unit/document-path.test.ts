// The document id in a request target.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { basePathOf, behindBasePath, documentIdFromTarget } from '../../core/document-path.js'
import { WeftError } from '../../core/errors.js'
import { cutUtf8 } from '../../server/transport/ws-socket.js'

describe('document path', () => {
  for (const [target, id] of [
    ['/notes', 'notes'],
    ['/notes/today?token=x', 'notes/today'],
    ['/notes%2Ftoday', 'notes/today'],
    ['/a%20b', 'a b'],
    ['/%E2%82%AC', '€'],
    // A client that sends raw UTF-8: node:http gives one character per byte.
    [`/${Buffer.from('€').toString('latin1')}`, '€'],
    ['/100%25', '100%'],
    // As browsers send what is no percent-encoding.
    ['/100%', '100%'],
    ['/%', '%'],
    ['/%2', '%2'],
    ['/%zz', '%zz'],
    ['/50%%20off', '50% off'],
    ['/%E2%82%AC%', '€%'],
    ['//x', '/x'],
    ['/', ''],
    ['/?a=b', ''],
  ] as const) {
    test(`${JSON.stringify(target)} is ${JSON.stringify(id)}`, () => assert.equal(documentIdFromTarget(target), id))
  }

  for (const target of ['/%FF', '/%C3', '/%E2%82', '/\xff']) {
    test(`G5: ${JSON.stringify(target)} is refused with a reason`, () => {
      assert.throws(
        () => documentIdFromTarget(target),
        (error) => error instanceof WeftError && error.code === 'invalid-document-id',
      )
    })
  }

  test('a base path is taken with and without slashes around it, and refused by the name of its setting', () => {
    for (const text of ['collab', '/collab', '/collab/', '//collab//']) assert.equal(basePathOf(text, '--base-path'), '/collab')
    for (const text of ['', '/']) assert.equal(basePathOf(text, '--base-path'), '')
    assert.equal(basePathOf('/a/b.c/~d', '--base-path'), '/a/b.c/~d')
    for (const text of ['a b', '/a//b', '/%2F', '/a?b', '/a#b', '/../a', 'a/./b', 'é']) {
      assert.throws(() => basePathOf(text, '--base-path'), /^WeftError: --base-path is /, text)
    }
  })

  test('what is behind a base path, and what is not', () => {
    assert.equal(behindBasePath('/collab/notes?token=x', '/collab'), '/notes?token=x')
    assert.equal(behindBasePath('/collab?token=x', '/collab'), '?token=x')
    assert.equal(behindBasePath('/collab', '/collab'), '')
    assert.equal(behindBasePath('/notes', ''), '/notes')
    for (const target of ['/', '/notes', '/collaborate/notes', '/x/collab/notes'])
      assert.equal(behindBasePath(target, '/collab'), null, target)
  })

  test('a close reason is cut between characters', () => {
    assert.equal(cutUtf8('abc', 3), 'abc')
    assert.equal(cutUtf8('ab€', 4), 'ab')
    assert.equal(cutUtf8('a😀', 4), 'a')
  })
})

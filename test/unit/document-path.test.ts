// The document id in a request target.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { documentIdFromTarget } from '../../core/document-path.js'
import { WeftError } from '../../core/errors.js'
import { cutUtf8 } from '../../server/gateway/ws-socket.js'

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

  test('a close reason is cut between characters', () => {
    assert.equal(cutUtf8('abc', 3), 'abc')
    assert.equal(cutUtf8('ab€', 4), 'ab')
    assert.equal(cutUtf8('a😀', 4), 'a')
  })
})

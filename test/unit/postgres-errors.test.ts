// How errors of PostgreSQL and its driver become Weft's: what passes, what an operator must change, and which setting is named.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WeftError, type WeftErrorCode } from '../../core/errors.js'
import { silentLogger } from '../../core/log.js'
import { Database } from '../../persistence/postgres/database.js'
import { asStoreError } from '../../persistence/postgres/errors.js'

const thrown = (code: string, message = 'as the driver says it') => Object.assign(new Error(message), { code })

const cases: readonly (readonly [string, WeftErrorCode])[] = [
  ['ECONNREFUSED', 'store-unavailable'],
  ['ECONNRESET', 'store-unavailable'],
  ['EPIPE', 'store-unavailable'],
  ['ENOTFOUND', 'store-unavailable'],
  ['57P01', 'store-unavailable'],
  ['57P03', 'store-unavailable'],
  ['57014', 'store-unavailable'],
  ['53300', 'store-unavailable'],
  ['08006', 'store-unavailable'],
  ['25006', 'store-unavailable'],
  ['53100', 'store-full'],
  ['28P01', 'invalid-configuration'],
  ['3D000', 'invalid-configuration'],
  ['42501', 'invalid-configuration'],
  ['42P01', 'invalid-configuration'],
  ['XX000', 'store-failed'],
  ['22P02', 'store-failed'],
]

test('D7: each failure of the database has its code, and only what can pass is retryable', () => {
  for (const [code, expected] of cases) {
    const error = asStoreError(thrown(code), 'db:5432/weft')
    assert.equal(error.code, expected, code)
    assert.equal(error.retryable, expected !== 'invalid-configuration', code)
    assert.ok(error.message.includes('db:5432/weft'))
    if (expected === 'invalid-configuration') assert.ok(error.message.includes('DATABASE_URL'), error.message)
  }
})

test('D7: what the driver throws without a code, such as a timeout, is a database that does not answer', () => {
  for (const message of ['Query read timeout', 'Connection terminated unexpectedly', 'timeout exceeded when trying to connect'])
    assert.equal(asStoreError(new Error(message), 'db').code, 'store-unavailable')
  const own = new WeftError('document-corrupt', 'no')
  assert.equal(asStoreError(own, 'db'), own, 'a Weft error stays itself')
})

test('G5: a URL that is none is refused with the name of the setting, and without the password', () => {
  for (const url of ['', 'nonsense', 'mysql://user:secret@host/db', 'postgres:///db', 'http://user:secret@host']) {
    assert.throws(
      () => new Database({ url, logger: silentLogger }),
      (error: unknown) =>
        error instanceof WeftError &&
        error.code === 'invalid-configuration' &&
        error.message.includes('DATABASE_URL') &&
        !error.message.includes('secret'),
      url,
    )
  }
  assert.equal(new Database({ url: 'postgres://user:secret@host:5433/weft', logger: silentLogger }).where, 'host:5433/weft')
})

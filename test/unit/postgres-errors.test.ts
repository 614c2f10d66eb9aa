// How errors of PostgreSQL and its driver become Weft's: what passes, what an operator must change, and which setting is named.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
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
  // In no table: the server answered, and nothing says that it would have to refuse the next statement.
  ['XX000', 'store-refused'],
  ['XX002', 'store-refused'],
  ['22P02', 'store-refused'],
  ['54000', 'store-refused'],
  ['P0001', 'store-refused'],
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

test('D7: an unknown state that ends the connection says nothing about the statement', () => {
  for (const severity of ['FATAL', 'PANIC'])
    assert.equal(asStoreError(Object.assign(thrown('XX000'), { severity }), 'db').code, 'store-unavailable')
  assert.equal(asStoreError(Object.assign(thrown('XX000'), { severity: 'ERROR' }), 'db').code, 'store-refused')
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

/** A message of the server's: its type, its length with these four bytes, its body. */
function serverMessage(type: string, body: Uint8Array): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

// As of a server that dies while it lets somebody in. Ended by the operating system's timing, this took hours to happen once.
test('a connection that is ended in the same breath as it is made is an error of that statement, not the end of the process', async () => {
  const authenticated = serverMessage('R', Buffer.alloc(4))
  const readyForQuery = serverMessage('Z', Buffer.from('I'))
  const fatal = serverMessage('E', Buffer.from('SFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0'))
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(Buffer.concat([authenticated, readyForQuery, fatal])))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const database = new Database({ url: `postgres://weft@127.0.0.1:${address.port}/weft`, logger: silentLogger })
  const code = (error: unknown): boolean => error instanceof WeftError && error.code === 'store-unavailable'
  await assert.rejects(database.read('bulk', 'SELECT 1'), code)
  await assert.rejects(database.run('append', 'SELECT 1'), code)
  await database.close()
  server.close()
})

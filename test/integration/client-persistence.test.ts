// Unsaved work across a reload without a network: kept on the device, and not called saved before the server has it.
import 'fake-indexeddb/auto'
import { strict as assert } from 'node:assert'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import * as Y from 'yjs'
import { connect, indexedDbPersistence } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { createServer } from '../../server/index.js'
import { clientFixture, stateOf, type, updateWith } from '../helpers/client-fixture.js'
import { eventually } from '../helpers/states.js'

const body = (doc: Y.Doc): string => doc.getText('body').toString()

test('D3: what was typed offline survives a reload, counts as unsaved, and is saved when the server is back', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'weft-offline-'))
  const start = async (port: number) => {
    const started = await createServer({ dataDir: folder, demo: false, logger: silentLogger })
    context.after(() => started.close())
    await started.listen(port)
    return started
  }
  let server = await start(0)
  const url = server.url
  const options = { persistence: indexedDbPersistence({ prefix: 'reload:' }), logger: silentLogger, backoff: { baseMs: 20, capMs: 100 } }

  const before = connect(url, options)
  const doc = new Y.Doc()
  const session = before.open('notes', doc)
  await session.synced
  type(doc, 'saved ')
  await session.saved()
  await server.close()
  await eventually('offline', () => session.status.state === 'offline')
  type(doc, 'not saved')
  assert.equal(session.unsaved, 1)
  // The page is closed, with unsaved work.
  await before.close()

  const after = connect(url, options)
  const reloaded = new Y.Doc()
  const again = after.open('notes', reloaded)
  await again.loaded
  assert.equal(body(reloaded), 'saved not saved')
  assert.ok(again.unsaved > 0)
  await eventually('offline', () => again.status.state === 'offline')
  let savedEarly = false
  const saved = again.saved().then(() => (savedEarly = true))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(savedEarly, false)

  server = await start(Number(new URL(url).port))
  try {
    await saved
    assert.equal(stateOf(again), 'saved')
    assert.equal(again.unsaved, 0)
    const other = connect(url, { logger: silentLogger })
    const copy = new Y.Doc()
    await other.open('notes', copy).synced
    assert.equal(body(copy), 'saved not saved')
    await other.close()
  } finally {
    await after.close()
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
})

test('a local store that cannot be read does not keep the document from the server', async () => {
  const { clock, server, connect } = clientFixture()
  const connection = connect({
    persistence: {
      open: (id) => {
        if (id === 'throws') throw new Error('no')
        return { loaded: id === 'broken' ? Promise.reject(new Error('no')) : new Promise(() => {}), close: async () => {} }
      },
    },
  })
  const throws = connection.open('throws', new Y.Doc())
  const broken = connection.open('broken', new Y.Doc())
  const silent = connection.open('silent', new Y.Doc())
  await clock.settle()
  assert.equal(stateOf(throws), 'saved')
  assert.equal(stateOf(broken), 'saved')
  assert.equal(stateOf(silent), 'connecting', 'not saved: what is stored is not known yet')
  await clock.advanceAsync(5_000)
  assert.equal(stateOf(silent), 'saved')
  type(silent.doc, 'x')
  await silent.saved()
  assert.equal(server.text('silent'), 'x')
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

test('a session that is closed while its copy is being read ends at once: without a timer, a warning, or a promise that never settles', async () => {
  const warnings: string[] = []
  const ignore = (): void => {}
  const logger = { debug: ignore, info: ignore, warn: (_fields: object, message: string) => void warnings.push(message), error: ignore }
  const { clock, connect } = clientFixture()
  const connection = connect({ logger, persistence: { open: () => ({ loaded: new Promise(() => {}), close: async () => {} }) } })
  const session = connection.open('a', new Y.Doc())
  await clock.settle()
  await session.close()
  await session.loaded
  await connection.close()
  assert.equal(clock.timerCount, 0)
  await clock.advanceAsync(5_000)
  assert.deepEqual(warnings, [])
})

test('a session of a copy in IndexedDB that is closed as soon as it is opened ends, and the copy is there for the next one', async () => {
  const { clock, server, connect } = clientFixture()
  server.write('a', updateWith('on the server'))
  const connection = connect({ persistence: indexedDbPersistence({ prefix: 'closed early:' }) })
  const doc = new Y.Doc()
  const first = connection.open('a', doc)
  const second = connection.open('a', doc)
  await Promise.all([first.close(), first.loaded])
  await second.loaded
  await clock.settle()
  await second.synced
  assert.equal(body(doc), 'on the server')
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

test('a copy that does not let go does not keep a session from its end', async () => {
  const { clock, connect } = clientFixture()
  const persistence = { open: () => ({ loaded: Promise.resolve(), close: () => new Promise<void>(() => {}) }) }
  const connection = connect({ persistence })
  const session = connection.open('a', new Y.Doc())
  await clock.settle()
  const closed = assert.rejects(session.close(), /did not answer in time/)
  await clock.advanceAsync(5_000)
  await closed
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

test('where IndexedDB does not open, as in private windows, the document comes from the server at once', async (context) => {
  // y-indexeddb leaves what it was refused to whoever listens.
  const before = process.rawListeners('unhandledRejection') as NodeJS.UnhandledRejectionListener[]
  process.removeAllListeners('unhandledRejection')
  const refused = new Promise((resolve) => process.once('unhandledRejection', resolve))
  const opened = context.mock.method(indexedDB, 'open', () => {
    throw new DOMException('Not in a private window.', 'SecurityError')
  })
  const { clock, server, connect } = clientFixture()
  server.write('a', updateWith('on the server'))
  const connection = connect({ persistence: indexedDbPersistence() })
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  // The clock stands still: nothing waits for a time.
  await session.synced
  assert.equal(body(doc), 'on the server')
  await refused
  assert.equal(opened.mock.callCount(), 1)
  await connection.close()
  for (const listener of before) process.on('unhandledRejection', listener)
  assert.equal(clock.timerCount, 0)
})

test('a device that is full, or a browser that takes its database away, disturbs nobody who types: it is said once, and the server has all of it', async (context) => {
  const { clock, server, connect } = clientFixture()
  const connection = connect({ persistence: indexedDbPersistence({ prefix: 'full:' }) })
  const doc = new Y.Doc()
  const session = connection.open('a', doc)
  await session.loaded
  await clock.settle()
  const warned = context.mock.method(console, 'warn', () => {})
  context.mock.method(IDBDatabase.prototype, 'transaction', () => {
    throw new DOMException('The database connection is closing.', 'InvalidStateError')
  })
  for (const word of ['two ', 'one ']) type(doc, word)
  await clock.settle()
  await session.saved()
  assert.equal(server.text('a').length, 'one two '.length)
  assert.equal(warned.mock.callCount(), 1)
  assert.match(String(warned.mock.calls[0]?.arguments[0]), /not kept on this device any more/)
  await connection.close()
  assert.equal(clock.timerCount, 0)
})

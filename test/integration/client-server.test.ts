// The client against a real server, over real sockets: convergence, saved from disk, resume, drain, refusals, and an end without a trace.
import { strict as assert } from 'node:assert'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { type ConnectOptions, connect, RefusedError, type WeftConnection } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { createServer, type ServerOptions, type WeftServer } from '../../server/index.js'
import { type } from '../helpers/client-fixture.js'
import { canonicalState, eventually } from '../helpers/states.js'
import { storedDocument } from '../helpers/stored-document.js'

const run = promisify(execFile)

interface Fixture {
  readonly server: WeftServer
  readonly folder: string
  connect(options?: ConnectOptions): WeftConnection
}

async function fixture(context: TestContext, options: ServerOptions = {}): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-client-'))
  const server = await createServer({ dataDir: folder, demo: false, logger: silentLogger, ...options })
  const connections: WeftConnection[] = []
  context.after(async () => {
    await Promise.all(connections.map((connection) => connection.close()))
    await server.close()
    await rm(folder, { recursive: true, force: true })
  })
  await server.listen(0)
  return {
    server,
    folder,
    connect: (clientOptions = {}) => {
      const connection = connect(server.url, { logger: silentLogger, ...clientOptions })
      connections.push(connection)
      return connection
    },
  }
}

/** Sockets of one client, with what each received, in bytes. */
function observedSockets() {
  const sockets: (WebSocket & { bytesReceived: number })[] = []
  return {
    sockets,
    WebSocket: class extends WebSocket {
      bytesReceived = 0

      constructor(url: string, protocols: string[]) {
        super(url, protocols)
        sockets.push(this)
        this.on('message', (data: ArrayBuffer) => {
          this.bytesReceived += data.byteLength
        })
      }
    },
  }
}

test('A6: a cursor reaches those who look at the same part of a document, and that its client is here reaches everybody, stock clients too', async (t) => {
  const { server, connect } = await fixture(t)
  const people = ['page 1', 'page 1', 'page 2'].map((page, index) => {
    const session = connect().open('scoped', new Y.Doc())
    const presence = session.presence<{ readonly name: string }, number>()
    presence.share({ name: `person ${index}` })
    presence.look(page)
    return { session, presence }
  })
  const [ada, alan, grace] = people
  assert.ok(ada !== undefined && alan !== undefined && grace !== undefined)
  const stock = new WebsocketProvider(server.url, 'scoped', new Y.Doc(), { WebSocketPolyfill: WebSocket as never })
  t.after(() => {
    stock.destroy()
    stock.doc.destroy()
  })
  for (const { session, presence } of people) {
    await session.synced
    await eventually('each sees the others', () => presence.others.length === 2)
  }
  ada.presence.move(7)
  const cursorsOf = ({ presence }: typeof ada): string => JSON.stringify(presence.cursors.map(({ state, cursor }) => [state.name, cursor]))
  const adaId = ada.session.doc.clientID
  await eventually('who looks there sees it', () => cursorsOf(alan) === '[["person 0",7]]')
  await eventually('a stock client sees it', () => stock.awareness.getStates().get(adaId)?.['cursor'] === 7)
  assert.equal(grace.session.awareness.getStates().get(adaId)?.['cursor'], undefined)
  grace.presence.look('page 1')
  await eventually('who comes to look there sees it', () => cursorsOf(grace) === '[["person 0",7]]')
})

test('S1: two clients that type at once converge', async (context) => {
  const { connect } = await fixture(context)
  const docs = [new Y.Doc(), new Y.Doc()]
  const sessions = docs.map((doc) => connect().open('notes/today', doc))
  await Promise.all(sessions.map((session) => session.synced))
  for (let key = 0; key < 50; key++) {
    for (const doc of docs) type(doc, `${key} `)
    await Promise.resolve()
  }
  await Promise.all(sessions.map((session) => session.saved()))
  const [first, second] = docs
  assert.ok(first !== undefined && second !== undefined)
  await eventually('the same state', () => canonicalState(first) === canonicalState(second))
})

test('D1: what saved() promised is in the store', async (context) => {
  const { server, folder, connect } = await fixture(context)
  const doc = new Y.Doc()
  const session = connect().open('notes/today', doc)
  await session.synced
  type(doc, 'Hello')
  await session.saved()
  assert.deepEqual(session.status, { state: 'saved' })
  await server.close()
  const copy = new Y.Doc()
  Y.applyUpdate(copy, await storedDocument(folder, 'notes/today'))
  assert.equal(copy.getText('body').toString(), 'Hello')
})

test('several documents share one socket and do not mix', async (context) => {
  const { server, connect } = await fixture(context)
  const connection = connect()
  const docs = Array.from({ length: 20 }, () => new Y.Doc())
  const sessions = docs.map((doc, index) => connection.open(`document/${index}`, doc))
  docs.forEach((doc, index) => {
    type(doc, `I am ${index}`)
  })
  await Promise.all(sessions.map((session) => session.saved()))
  assert.equal(server.counters.get('connections_accepted'), 1)
  const copy = new Y.Doc()
  await connect().open('document/7', copy).synced
  assert.equal(copy.getText('body').toString(), 'I am 7')
})

test('a reconnect resumes by seq and receives only what it missed', async (context) => {
  const { connect } = await fixture(context)
  const observed = observedSockets()
  const writer = new Y.Doc()
  const reader = new Y.Doc()
  const writing = connect().open('long', writer)
  const readerConnection = connect({ WebSocket: observed.WebSocket })
  type(writer, 'a long history '.repeat(20_000))
  await writing.saved()
  const reading = readerConnection.open('long', reader)
  await reading.synced
  await eventually('the history', () => reader.getText('body').length === writer.getText('body').length)
  const [first] = observed.sockets
  assert.ok(first !== undefined && first.bytesReceived > 300_000)

  const offline = new Promise<void>((resolve) => {
    reading.on('status', ({ state }) => {
      if (state === 'offline') resolve()
    })
  })
  // The network goes away under it.
  first.terminate()
  await offline
  type(reader, 'typed offline')
  assert.equal(reading.unsaved, 1)
  await reading.saved()
  const bytesReceived = observed.sockets[1]?.bytesReceived ?? 0
  assert.ok(bytesReceived > 0 && bytesReceived < 2_000, `received ${bytesReceived} bytes`)
  await eventually('the other sees it', () => canonicalState(writer) === canonicalState(reader))
})

test('G5: a document id that is too long is refused with the reason, the other documents go on', async (context) => {
  const { connect } = await fixture(context)
  const connection = connect()
  const good = connection.open('good', new Y.Doc())
  const bad = connection.open('x'.repeat(600), new Y.Doc())
  await good.synced
  await assert.rejects(bad.synced, (error) => error instanceof RefusedError && error.closeCode === 4400 && /512 bytes/.test(error.reason))
  assert.equal(bad.status.state, 'refused')
  assert.deepEqual(good.status, { state: 'saved' })
  assert.equal(connection.status.state, 'connected')
})

test('G1: a document past its limit refuses the edit; others still see everything else', async (context) => {
  const { connect } = await fixture(context, { limits: { documentBytesMax: 10_000 } })
  const doc = new Y.Doc()
  const session = connect().open('small', doc)
  await session.synced
  type(doc, 'x'.repeat(20_000))
  await assert.rejects(session.saved(), (error) => error instanceof RefusedError && error.code === 'document-too-large')
  assert.equal(session.unsaved, 1)
  doc.getText('body').delete(0, 20_000)
  type(doc, 'less')
  await eventually('the smaller document is saved', () => session.status.state === 'saved')
})

test('a document many times the size of a message is submitted in parts', async (context) => {
  const { folder, server, connect } = await fixture(context, { limits: { messageBytesMax: 64 * 1024 } })
  const doc = new Y.Doc()
  for (let line = 0; line < 1_000; line++) doc.getArray('lines').push([`line ${line} ${'x'.repeat(500)}`])
  const session = connect().open('large', doc)
  await session.saved()
  await server.close()
  const copy = new Y.Doc()
  Y.applyUpdate(copy, await storedDocument(folder, 'large'))
  assert.deepEqual(copy.getArray('lines').toJSON(), doc.getArray('lines').toJSON())
})

test('awareness: each sees the other, and no longer after it closed', async (context) => {
  const { connect } = await fixture(context)
  const ada = connect().open('a', new Y.Doc())
  const grace = connect().open('a', new Y.Doc())
  ada.awareness.setLocalState({ name: 'Ada' })
  grace.awareness.setLocalState({ name: 'Grace' })
  const names = () => [...grace.awareness.getStates().values()].map((state) => String(state['name'])).sort()
  await eventually('both are there', () => names().join() === 'Ada,Grace')
  await ada.close()
  await eventually('one has left', () => names().join() === 'Grace')
})

test('G4: when the server drains, what was typed is saved or kept, and the client is back at once on the next one', async (context) => {
  const { server, folder, connect } = await fixture(context)
  const port = Number(new URL(server.url).port)
  const doc = new Y.Doc()
  const session = connect({ backoff: { baseMs: 50 } }).open('a', doc)
  await session.synced
  type(doc, 'before ')
  await server.drain()
  await eventually('offline', () => session.status.state === 'offline')
  type(doc, 'between')
  const next = await createServer({ dataDir: folder, demo: false, logger: silentLogger })
  try {
    await next.listen(port)
    await session.saved()
  } finally {
    await next.close()
  }
  const copy = new Y.Doc()
  Y.applyUpdate(copy, await storedDocument(folder, 'a'))
  assert.equal(copy.getText('body').toString(), 'before between')
})

test('a program that closes its connection ends by itself, without a global WebSocket too', async (context) => {
  const { server } = await fixture(context)
  const client = new URL('../../client/index.js', import.meta.url).href
  const program = `
    import * as Y from ${JSON.stringify(import.meta.resolve('yjs'))}
    import { connect } from ${JSON.stringify(client)}
    delete globalThis.WebSocket
    const connection = connect(${JSON.stringify(server.url)})
    const doc = new Y.Doc()
    const session = connection.open('program', doc)
    await session.synced
    doc.getText('body').insert(0, 'from a program')
    await session.saved()
    await Promise.all([connection.close(), connection.close()])
    console.log('closed', process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length)
  `
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { timeout: 180_000 })
  assert.equal(stdout, 'closed 0\n')
})

test('G1, G5: a cursor that is too large is said to our client once, and logged; editing goes on', async (context) => {
  const warnings: string[] = []
  const logger = { ...silentLogger, warn: (_fields: object, words: string) => void warnings.push(words) }
  const { connect } = await fixture(context, { limits: { awarenessStateBytesMax: 100 }, logger })
  const doc = new Y.Doc()
  const session = connect().open('notes', doc)
  const notices: string[] = []
  session.on('notice', ({ code, reason }) => void notices.push(`${code}: ${reason}`))
  await session.synced
  session.awareness.setLocalState({ cursor: 'x'.repeat(200) })
  await eventually('the notice', () => notices.length > 0)
  session.awareness.setLocalState({ cursor: 'x'.repeat(300) })
  type(doc, 'still here')
  await session.saved()
  assert.equal(notices.length, 1)
  assert.match(notices[0] ?? '', /^message-too-large: Your cursor and presence have 213 bytes, and at most 100/)
  assert.deepEqual(warnings, ['a cursor or presence state is too large to be passed on'])
})

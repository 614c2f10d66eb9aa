// Who wrote, from the token of a client to the store: through both dialects, over a node link, after a restart, and in a folder of the version before.
import { strict as assert } from 'node:assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { DATA_FILE } from '../../persistence/data-folder.js'
import { type DocumentStore, openLmdbStore } from '../../persistence/index.js'
import type { Authorize } from '../../server/index.js'
import { createServer } from '../../server/index.js'
import { TestCluster } from '../helpers/cluster.js'
import { repositoryRoot } from '../helpers/repository.js'
import { eventually } from '../helpers/states.js'

const DOCUMENT = 'notes/today'

/** The token says who somebody is. */
const byToken: Authorize = ({ token }) => ({ user: token === '' ? null : token, permission: 'read-write' })

function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'weft-who-wrote-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function openLmdb(folder: string): Promise<DocumentStore> {
  return openLmdbStore({
    folder,
    clock: systemClock,
    logger: silentLogger,
    onFatal: (error) => {
      throw error
    },
  })
}

/** A client that has typed one text, which is saved; it stays connected. */
async function typeAs(context: TestContext, url: string, token: string, clientId: number): Promise<Y.Doc> {
  const doc = new Y.Doc()
  doc.clientID = clientId
  const connection = connect(url, { token, logger: silentLogger })
  context.after(() => connection.close())
  const session = connection.open(DOCUMENT, doc)
  await session.synced
  doc.getText('text').insert(0, `of ${token}`)
  await session.saved()
  return doc
}

async function stockTypesAs(context: TestContext, url: string, token: string, clientId: number): Promise<void> {
  const doc = new Y.Doc()
  doc.clientID = clientId
  const provider = new WebsocketProvider(url.replace('http', 'ws'), DOCUMENT, doc, {
    params: { token },
    WebSocketPolyfill: WebSocket as never,
    disableBc: true,
  })
  context.after(() => {
    provider.destroy()
    doc.destroy()
  })
  await eventually('synced', () => provider.synced)
  doc.getText('text').insert(0, `of ${token}`)
}

async function whoWrote(store: DocumentStore): Promise<{ readonly users: readonly string[]; readonly uses: readonly string[] }> {
  const rows = await store.readAuthors(DOCUMENT, { afterSeq: 0, limit: 1_000 })
  const uses = await store.readFirstUses(DOCUMENT, { limit: 1_000 })
  return { users: rows.items.flatMap(({ users }) => users), uses: uses.items.map(({ clientId, user }) => `${clientId} ${user}`) }
}

test('H5: whoever types, by either dialect, is in the log of the embedded store, also of an earlier start', async (context) => {
  const dataDir = temporaryFolder(context)
  for (const [start, users] of [['first', ['ann', 'ben']] as const, ['second', ['ann', 'cat']] as const]) {
    const server = await createServer({ dataDir, demo: false, logger: silentLogger, authorize: byToken })
    context.after(() => server.close())
    await server.listen(0)
    const offset = start === 'first' ? 0 : 10
    await typeAs(context, server.url, users[0], 1 + offset)
    await stockTypesAs(context, server.url, users[1], 2 + offset)
    const doc = await typeAs(context, server.url, '', 3 + offset)
    // Others see an edit once it is committed.
    await eventually('all is committed', () => doc.getText('text').toString().includes(`of ${users[1]}`))
    await server.close()
  }
  const store = await openLmdb(dataDir)
  assert.deepEqual(await whoWrote(store), { users: ['ann', 'ben', 'ann', 'cat'], uses: ['1 ann', '2 ben', '11 ann', '12 cat'] })
  await store.close()
})

test('H5: who types on one node is in the log that another node writes', async (context) => {
  const cluster = await TestCluster.start(context, { nodes: 2, authorize: byToken })
  const owner = cluster.nodes.find((node) => node.owns(DOCUMENT))
  const other = cluster.nodes.find((node) => !node.owns(DOCUMENT))
  assert.ok(owner !== undefined && other !== undefined)
  await typeAs(context, other.url, 'ann', 1)
  await typeAs(context, owner.url, 'ben', 2)
  await typeAs(context, other.url, 'cat', 3)
  await typeAs(context, other.url, '', 4)
  assert.deepEqual(await whoWrote(owner.memory), { users: ['ann', 'ben', 'cat'], uses: ['1 ann', '2 ben', '3 cat'] })
})

test('H5: where client ids are bound, who uses the id of somebody on another node is refused, also by the next owner; the client says so and reads on', async (context) => {
  const cluster = await TestCluster.start(context, { nodes: 2, authorize: byToken, bindClientIds: true })
  const owner = cluster.nodes.find((node) => node.owns(DOCUMENT))
  const other = cluster.nodes.find((node) => !node.owns(DOCUMENT))
  assert.ok(owner !== undefined && other !== undefined)
  const ofAnn = await typeAs(context, other.url, 'ann', 5)
  const forge = async (url: string, token: string): Promise<void> => {
    const doc = new Y.Doc()
    doc.clientID = 5
    const connection = connect(url, { token, logger: silentLogger })
    const session = connection.open(DOCUMENT, doc)
    await session.synced
    // Yjs itself takes another id when it meets its own.
    doc.clientID = 5
    doc.getText('text').insert(0, 'forged ')
    await assert.rejects(session.saved(), { code: 'forbidden', message: /client id 5 is of another user/ })
    await connection.close()
    doc.destroy()
  }
  await Promise.all([forge(owner.url, 'eve'), forge(other.url, 'eve'), forge(owner.url, '')])
  await owner.kill()
  await eventually('the other node has the document', () => other.owns(DOCUMENT))
  await forge(other.url, 'eve')
  ofAnn.getText('text').insert(0, 'more ')
  await typeAs(context, other.url, 'ben', 6)
  const { users, uses } = await whoWrote(other.memory)
  assert.deepEqual(
    [[...new Set(users)], uses],
    [
      ['ann', 'ben'],
      ['5 ann', '6 ben'],
    ],
  )
})

test('H5, D3: a folder of the version before opens with all that is in it, and its next rows name their users', async (context) => {
  const dataDir = temporaryFolder(context)
  const written = readFileSync(path.join(repositoryRoot, 'test/fixtures/folder-of-format-1/weft.mdb.gz'))
  writeFileSync(path.join(dataDir, DATA_FILE), gunzipSync(written))
  const server = await createServer({ dataDir, demo: false, logger: silentLogger, authorize: byToken })
  context.after(() => server.close())
  await server.listen(0)
  await typeAs(context, server.url, 'ann', 7)
  await server.close()
  const store = await openLmdb(dataDir)
  const stored = await store.openDocument(DOCUMENT)
  const doc = new Y.Doc()
  if (stored.snapshot !== null) Y.applyUpdate(doc, stored.snapshot.state)
  for (const { update } of stored.tail) Y.applyUpdate(doc, update)
  const words = Array.from({ length: 60 }, (_, index) => `word ${index + 1} `).join('')
  assert.equal(doc.getText('text').toString(), `of ann${words}`)
  assert.equal(stored.head, 61)
  assert.equal((await store.readLog(DOCUMENT, 0, 60, 1_000_000))?.length, 60)
  assert.deepEqual(
    (await store.listVersions(DOCUMENT, { limit: 9 })).items.map(({ seq, name, author }) => ({ seq, name, author })),
    [{ seq: 60, name: 'before users', author: 'ann' }],
  )
  const rows = await store.readAuthors(DOCUMENT, { afterSeq: 58, limit: 9 })
  assert.deepEqual(
    rows.items.map(({ users }) => users),
    [[], [], ['ann']],
  )
  assert.deepEqual((await whoWrote(store)).uses, ['7 ann'])
  assert.equal((await store.openDocument('empty but for a word')).head, 1)
  await store.close()
})

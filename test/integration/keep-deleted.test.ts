// Documents of which deleted content is kept: Yjs' own snapshots work through real clients, compactions, moves into a process and restarts.
import { strict as assert } from 'node:assert'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { createServer, type WeftServer } from '../../server/index.js'
import { eventually } from '../helpers/states.js'

const KEPT = 'articles/kept'
const COLLECTED = 'notes/collected'

async function folderOf(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-keep-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function serve(context: TestContext, dataDir: string): Promise<WeftServer> {
  const server = await createServer({
    dataDir,
    demo: false,
    logger: silentLogger,
    keepDeleted: (documentId) => documentId.startsWith('articles/'),
    tuning: { tailRowsMax: 5, tailBytesMin: 1, tailToBaseRatio: 0 },
  })
  context.after(() => server.close())
  await server.listen(0)
  return server
}

/** Types drafts and deletes each; the snapshots show what a reader saw before the deletion. Returns when the server has compacted several times. */
async function writeDrafts(server: WeftServer, documentId: string): Promise<readonly Y.Snapshot[]> {
  const doc = new Y.Doc({ gc: false })
  const connection = connect(server.url, { logger: silentLogger })
  const session = connection.open(documentId, doc)
  await session.synced
  const text = doc.getText('text')
  const snapshots: Y.Snapshot[] = []
  const before = server.counters.get('compactions')
  for (let draft = 0; draft < 4; draft++) {
    text.insert(0, `draft ${draft}`)
    snapshots.push(Y.snapshot(doc))
    await session.saved()
    text.delete(0, text.length)
    text.insert(0, 'final')
    await session.saved()
    await eventually('a compaction', () => server.counters.get('compactions') > before + Math.min(draft, 2))
    text.delete(0, text.length)
  }
  await session.saved()
  await connection.close()
  return snapshots
}

/** What a new client sees of each snapshot; null where it cannot be made. */
async function readDrafts(server: WeftServer, documentId: string, snapshots: readonly Y.Snapshot[]): Promise<(string | null)[]> {
  const doc = new Y.Doc({ gc: false })
  const connection = connect(server.url, { logger: silentLogger })
  await connection.open(documentId, doc).synced
  await connection.close()
  return snapshots.map((snapshot) => draftIn(doc, snapshot))
}

function draftIn(doc: Y.Doc, snapshot: Y.Snapshot): string | null {
  try {
    return Y.createDocFromSnapshot(doc, snapshot).getText('text').toString()
  } catch {
    return null
  }
}

const drafts = ['draft 0', 'draft 1', 'draft 2', 'draft 3']

test('M: snapshots of Yjs read as they were, through compactions and a restart, for new clients and for the stock provider', async (context) => {
  const folder = await folderOf(context)
  const first = await serve(context, folder)
  const snapshots = await writeDrafts(first, KEPT)
  assert.deepEqual(await readDrafts(first, KEPT, snapshots), drafts)
  await first.close()

  const second = await serve(context, folder)
  assert.deepEqual(await readDrafts(second, KEPT, snapshots), drafts)
  // Further compactions start from the base that was stored.
  const more = await writeDrafts(second, KEPT)
  assert.deepEqual(await readDrafts(second, KEPT, [...snapshots, ...more]), [...drafts, ...drafts])

  const doc = new Y.Doc({ gc: false })
  const provider = new WebsocketProvider(second.url.replace('http', 'ws'), KEPT, doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  context.after(() => {
    provider.destroy()
    doc.destroy()
  })
  await eventually('the stock provider', () => provider.synced)
  assert.deepEqual(
    snapshots.map((snapshot) => draftIn(doc, snapshot)),
    drafts,
  )
})

test('M: without it what was deleted is collected', async (context) => {
  const server = await serve(context, await folderOf(context))
  const snapshots = await writeDrafts(server, COLLECTED)
  assert.notDeepEqual(await readDrafts(server, COLLECTED, snapshots), drafts)
})

// Quotas, over real sockets: past one an edit is refused in words that our client shows and that stock providers survive, and reading goes on.
import { strict as assert } from 'node:assert'
import { type TestContext, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect, type DocumentSession } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { createServer } from '../../server/index.js'
import { providerSocket } from '../helpers/hocuspocus.js'
import { type LocalServer, startLocalServer } from '../helpers/local-server.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'
import { until } from '../helpers/until.js'

async function start(t: TestContext, quotas: readonly string[]): Promise<LocalServer> {
  const local = await startLocalServer({ quotas })
  t.after(() => local.server.close())
  return local
}

function open(t: TestContext, webSocketUrl: string, documentId: string): DocumentSession {
  const connection = connect(webSocketUrl, { logger: silentLogger })
  const doc = new Y.Doc()
  t.after(async () => {
    await connection.close()
    doc.destroy()
  })
  return connection.open(documentId, doc)
}

const refusalOf = ({ status }: DocumentSession): string | null => (status.state === 'refused' ? `${status.code}: ${status.reason}` : null)
const text = (doc: Y.Doc): string => doc.getText('body').toString()

test('document-bytes: clients of every dialect over the quota go on reading on the connections that they have, and deleting makes room', async (t) => {
  const local = await start(t, ['notes/* document-bytes=2KiB'])
  const { counters } = local.server
  const ours = open(t, local.webSocketUrl, 'notes/a')
  const reader = open(t, local.webSocketUrl, 'notes/a')
  const plain = new WebsocketProvider(local.webSocketUrl, 'notes/a', new Y.Doc(), {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  let closes = 0
  plain.on('connection-close', () => {
    closes += 1
  })
  const socket = providerSocket(4, local.webSocketUrl)
  const hocuspocus = socket.open('notes/a')
  t.after(() => {
    plain.destroy()
    plain.doc.destroy()
    socket.destroy()
  })
  await until(() => plain.synced && hocuspocus.synced, 'everybody is in')
  const accepted = counters.get('connections_accepted')
  ours.doc.getText('body').insert(0, 'x'.repeat(1_500))
  await until(() => [plain.doc, hocuspocus.document, reader.doc].every((doc) => text(doc).length === 1_500), 'it is within the quota')

  plain.doc.getText('body').insert(0, 'p'.repeat(1_000))
  hocuspocus.document.getText('body').insert(0, 'h'.repeat(1_000))
  await until(() => counters.get('updates_over_quota') >= 2, 'both are refused')
  ours.doc.getText('body').insert(1_500, 'y'.repeat(1_000))
  await until(() => refusalOf(ours) !== null, 'our client says so')
  assert.match(refusalOf(ours) ?? '', /^quota-exceeded: The document would grow past its quota of 2048 bytes; this edit was not saved/)
  assert.equal(ours.unsaved, 1)

  // Reading goes on: somebody deletes, which is taken, and everybody sees it, on the connections that they have.
  reader.doc.getText('body').delete(0, 1_400)
  await reader.saved()
  await until(
    () => [plain.doc, hocuspocus.document].every((doc) => text(doc).match(/x/g)?.length === 100),
    'everybody sees what is deleted',
  )
  assert.equal(closes, 0)
  assert.equal(counters.get('connections_accepted'), accepted)
  // What was deleted takes room until it is compacted, which a refusal starts.
  await until(() => {
    ours.retry()
    return text(reader.doc).includes('yyy')
  }, 'what was refused is there once there is room')
})

test('documents: each user has so many, and one that is deleted makes room; elsewhere is not counted', async (t) => {
  const local = await start(t, ['users/{user}/** documents=2'])
  for (const documentId of ['users/ada/1', 'users/ada/deep/2', 'users/bob/1', 'elsewhere/1', 'elsewhere/2', 'elsewhere/3']) {
    const session = open(t, local.webSocketUrl, documentId)
    session.doc.getText('body').insert(0, 'something')
    await session.saved()
  }
  const third = open(t, local.webSocketUrl, 'users/ada/3')
  await third.synced
  third.doc.getText('body').insert(0, 'one too many')
  await until(() => refusalOf(third) !== null, 'the third is refused')
  assert.match(refusalOf(third) ?? '', /^quota-exceeded: There are 2 documents here already, which is the quota/)
  const first = open(t, local.webSocketUrl, 'users/ada/1')
  first.doc.getText('body').insert(0, 'more of ')
  await first.saved()

  const answer = await fetch(`${local.server.url}/api/v1/documents/users%2Fada%2Fdeep%2F2`, { method: 'DELETE' })
  assert.equal(answer.status, 200)
  await until(async () => {
    third.retry()
    return third.status.state === 'saved'
  }, 'there is room again')
})

test('log-bytes-per-day: what was written and deleted counts too, over a restart, and to the API it is 403 in words', async (t) => {
  const dataDir = temporaryFolder(t)
  const quotas = ['notes/* log-bytes-per-day=10KiB']
  const options = { dataDir, quotas, demo: false, logger: silentLogger } as const
  const server = await createServer(options)
  t.after(() => server.close())
  await server.listen(0)
  const writer = open(t, server.url.replace('http', 'ws'), 'notes/a')
  const body = writer.doc.getText('body')
  for (let round = 0; round < 3; round++) {
    body.insert(0, 'x'.repeat(3_000))
    await writer.saved()
    body.delete(0, 3_000)
    await writer.saved()
  }
  await server.close()

  const again = await createServer(options)
  t.after(() => again.close())
  await again.listen(0)
  const reader = open(t, again.url.replace('http', 'ws'), 'notes/a')
  await reader.synced
  reader.doc.getText('body').insert(0, 'x'.repeat(3_000))
  await until(() => refusalOf(reader) !== null, 'it is refused')
  assert.match(refusalOf(reader) ?? '', /^quota-exceeded: More was written to this document today than its quota of 10240 bytes/)
  const more = new Y.Doc()
  more.getText('body').insert(0, 'y'.repeat(3_000))
  const answer = await fetch(`${again.url}/api/v1/documents/notes%2Fa/updates`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/octet-stream' },
    body: Buffer.from(Y.encodeStateAsUpdate(more)),
  })
  const problem = (await answer.json()) as { readonly code: string; readonly detail: string }
  assert.equal(answer.status, 403, JSON.stringify(problem))
  assert.equal(problem.code, 'quota-exceeded')
})

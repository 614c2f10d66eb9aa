// What one client may send in a second, over real sockets: stock providers of both kinds and our client type faster than they may.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { providerSocket } from '../helpers/hocuspocus.js'
import { startLocalServer } from '../helpers/local-server.js'
import { RawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const EDITS = 400
const PER_SECOND = 20

const stock = { WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket, disableBc: true }

function typeFast(doc: Y.Doc): void {
  for (let edit = 0; edit < EDITS; edit++) doc.getArray('edits').push([`${doc.clientID}:${edit}`])
}

test('G1: messagesPerSecondMax: clients of every dialect that type twice what may come at once keep their connections, and all they typed arrives', async (t) => {
  const local = await startLocalServer({ limits: { messagesPerSecondMax: PER_SECOND } })
  t.after(() => local.server.close())
  const { counters } = local.server
  const plain = new WebsocketProvider(local.webSocketUrl, 'notes', new Y.Doc(), stock)
  let closes = 0
  plain.on('connection-close', () => {
    closes += 1
  })
  const connection = connect(local.webSocketUrl, { logger: silentLogger })
  const ours = connection.open('notes', new Y.Doc())
  const socket = providerSocket(4, local.webSocketUrl)
  const hocuspocus = socket.open('notes')
  const reader = new WebsocketProvider(local.webSocketUrl, 'notes', new Y.Doc(), stock)
  t.after(async () => {
    for (const provider of [plain, reader]) {
      provider.destroy()
      provider.doc.destroy()
    }
    socket.destroy()
    await connection.close()
    ours.doc.destroy()
  })
  await until(() => plain.synced && hocuspocus.synced && reader.synced && ours.status.state === 'saved', 'everybody is in the document')
  const accepted = counters.get('connections_accepted')
  for (const doc of [plain.doc, ours.doc, hocuspocus.document]) typeFast(doc)
  await until(() => reader.doc.getArray('edits').length === 3 * EDITS, 'every edit arrives', 120_000)
  assert.ok(counters.get('rates_exceeded_messages') >= 1)
  await until(() => ours.status.state === 'saved' && hocuspocus.unsyncedChanges === 0, 'everything is saved')
  assert.equal(closes, 0)
  assert.equal(counters.get('connections_accepted'), accepted)
})

test('a paste of 12 MiB, and a client that opens a thousand documents at once, are read without a pause', async (t) => {
  const local = await startLocalServer()
  t.after(() => local.server.close())
  const connection = connect(local.webSocketUrl, { logger: silentLogger })
  const documents = Array.from({ length: 1_000 }, (_, number) => connection.open(`notes/${number}`, new Y.Doc()))
  t.after(async () => {
    await connection.close()
    for (const { doc } of documents) doc.destroy()
  })
  await until(() => documents.every(({ status }) => status.state === 'saved'), 'all are open', 120_000)
  documents[0]?.doc.getText('body').insert(0, 'x'.repeat(12 * 1024 * 1024))
  await documents[0]?.saved()
  const { counters } = local.server
  for (const rate of ['messages', 'bytes', 'syncs', 'awareness', 'opens'] as const)
    assert.equal(counters.get(`rates_exceeded_${rate}`), 0, rate)
})

test('G1: rateExceededMsMax: a flood without end is closed with 4503 in words, and a stock provider that is closed so comes back and loses nothing', async (t) => {
  const limits = { messagesPerSecondMax: PER_SECOND, rateExceededMsMax: 1_000 }
  const local = await startLocalServer({ limits })
  t.after(() => local.server.close())
  const { counters } = local.server
  const flooder = await RawClient.weft(local.webSocketUrl)
  await flooder.weftMessage('welcome')
  for (let ping = 0; ping < 5_000; ping++) flooder.sendWeft({ type: 'ping' })
  const { code, reason } = await flooder.closed
  assert.equal(code, 4503)
  assert.match(reason, /has sent more messages than this server takes, for longer than 1000 ms/)
  assert.equal(counters.get('connections_too_fast'), 1)

  const writer = new WebsocketProvider(local.webSocketUrl, 'notes', new Y.Doc(), stock)
  const reader = connect(local.webSocketUrl, { logger: silentLogger })
  const read = reader.open('notes', new Y.Doc())
  const codes: (number | undefined)[] = []
  writer.on('connection-close', (event) => codes.push(event?.code))
  t.after(async () => {
    writer.destroy()
    writer.doc.destroy()
    await reader.close()
    read.doc.destroy()
  })
  await until(() => writer.synced && read.status.state === 'saved', 'both are in the document')
  for (let round = 0; round < 10; round++) typeFast(writer.doc)
  await until(() => codes.includes(4503), 'the provider that types without end is closed')
  await until(() => read.doc.getArray('edits').length === 10 * EDITS, 'it has come back, and everything it typed is there', 120_000)
})

// Several nodes in one process, with real sockets: clients on any node edit one document, whoever owns it and however it moves.
import { strict as assert } from 'node:assert'
import { type TestContext, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect, type DocumentSession } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { type } from '../helpers/client-fixture.js'
import { type ClusterNode, TestCluster } from '../helpers/cluster.js'
import { startLocalServer } from '../helpers/local-server.js'
import { RawClient } from '../helpers/raw-client.js'
import { canonicalState, eventually } from '../helpers/states.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'

const DOCUMENT = 'notes/today'

interface Client {
  readonly doc: Y.Doc
  readonly session: DocumentSession
  /** Sockets that the client has opened: 1 as long as none was closed under it. */
  readonly sockets: WebSocket[]
}

function openOn(context: TestContext, node: ClusterNode, documentId = DOCUMENT): Client {
  const sockets: WebSocket[] = []
  const connection = connect(node.url, {
    logger: silentLogger,
    WebSocket: class extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols)
        sockets.push(this)
      }
    },
  })
  context.after(() => connection.close())
  const doc = new Y.Doc()
  return { doc, session: connection.open(documentId, doc), sockets }
}

async function openOnAll(context: TestContext, nodes: readonly ClusterNode[], documentId = DOCUMENT): Promise<Client[]> {
  const clients = nodes.map((node) => openOn(context, node, documentId))
  await Promise.all(clients.map(({ session }) => session.synced))
  return clients
}

async function converged(clients: readonly Client[]): Promise<void> {
  await Promise.all(clients.map(({ session }) => session.saved()))
  await eventually('the same state everywhere', () => new Set(clients.map(({ doc }) => canonicalState(doc))).size === 1)
}

/** Types on every client until stopped; answers every piece that was acknowledged. */
function typing(clients: readonly Client[]): { stop(): Promise<readonly string[]> } {
  const acknowledged: string[] = []
  let running = true
  const loops = clients.map(async ({ doc, session }, index) => {
    for (let key = 0; running; key++) {
      const piece = `<${index}:${key}>`
      type(doc, piece)
      await session.saved()
      acknowledged.push(piece)
    }
  })
  return {
    stop: async () => {
      running = false
      await Promise.all(loops)
      return acknowledged
    },
  }
}

function assertHolds(doc: Y.Doc, pieces: readonly string[]): void {
  const text = doc.getText('body').toString()
  for (const piece of pieces) assert.ok(text.includes(piece), `${piece} was acknowledged and is gone`)
}

async function proxied(context: TestContext): Promise<{ proxy: TcpProxy; advertise: (port: number) => Promise<string> }> {
  const proxy = await TcpProxy.start()
  context.after(() => proxy.stop())
  return {
    proxy,
    advertise: async (port) => {
      proxy.aim(port)
      return proxy.address
    },
  }
}

test('S1: clients on any node edit one document and converge', async (context) => {
  const cluster = await TestCluster.start(context, { nodes: 3 })
  const clients = await openOnAll(context, [...cluster.nodes, ...cluster.nodes])
  for (let key = 0; key < 20; key++) {
    for (const { doc } of clients) type(doc, `${key} `)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await converged(clients)
  const expected = Array.from({ length: 20 }, (_, key) => `${key} `.length * clients.length).reduce((sum, length) => sum + length)
  assert.equal(clients[0]?.doc.getText('body').length, expected)
})

test('S1: stock y-websocket clients on different nodes converge', async (context) => {
  const cluster = await TestCluster.start(context, { nodes: 2 })
  const options = { WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket, disableBc: true }
  const providers = cluster.nodes.map((node) => new WebsocketProvider(node.url, DOCUMENT, new Y.Doc(), options))
  context.after(() => {
    for (const provider of providers) {
      provider.destroy()
      provider.awareness.destroy()
    }
  })
  await eventually('both are synced', () => providers.every(({ synced }) => synced))
  for (const { doc } of providers) type(doc, 'hello ')
  await eventually('both have both', () => providers.every(({ doc }) => doc.getText('body').toString() === 'hello hello '))
})

test('S5: a document costs one subscription between two nodes, however many sessions there are', async (context) => {
  const cluster = await TestCluster.start(context, { nodes: 2 })
  const { owner, others } = cluster.around(DOCUMENT)
  const [other] = others
  assert.ok(other !== undefined)
  const clients = await openOnAll(
    context,
    Array.from({ length: 20 }, () => other),
  )
  const [writer] = clients
  assert.ok(writer !== undefined)
  type(writer.doc, 'hello')
  await converged(clients)
  assert.equal(owner.local.sessionCount(DOCUMENT), 1)
  assert.equal(owner.counters.get('documents_opened'), 1)
  assert.equal(other.local.openDocuments, 0)
  assert.equal(other.links.size, 1)
  for (const { session } of clients) await session.close()
  await eventually('the subscription has ended', () => owner.local.sessionCount(DOCUMENT) === 0 && other.directory.remoteDocuments === 0)
})

test('O5, G4: an owner that joins and one that leaves close no socket on the nodes that stay, and nothing acknowledged is lost', async (context) => {
  const cluster = await TestCluster.start(context, { nodes: 2 })
  const staying = cluster.nodes[0]
  assert.ok(staying !== undefined)
  // Owned by the third node as soon as there is one.
  const documentId = cluster.documentOf('node-3', ['node-1', 'node-2', 'node-3'])
  const clients = await openOnAll(context, cluster.nodes, documentId)
  const load = typing(clients)
  const third = await cluster.add()
  await cluster.settled()
  await eventually('the third node owns it', () => third.owns(documentId) && third.local.sessionCount(documentId) === 2)
  await third.leave()
  await cluster.settled()
  const acknowledged = await load.stop()
  await converged(clients)
  for (const { sockets, doc } of clients) {
    assert.equal(sockets.length, 1)
    assertHolds(doc, acknowledged)
  }
  assert.ok(staying.counters.get('sessions_moved') > 0)
})

test('D3, O2: an owner that is killed loses nothing that was acknowledged, and clients of the other nodes go on over their sockets', async (context) => {
  const cluster = await TestCluster.start(context, { nodes: 3 })
  const { owner, others } = cluster.around(DOCUMENT)
  const clients = await openOnAll(context, others)
  const load = typing(clients)
  await eventually('some edits are stored', () => owner.counters.get('log_rows_committed') > 20)
  await owner.kill()
  await eventually('another node owns it', () => others.some((node) => node.owns(DOCUMENT)))
  const moved = cluster.around(DOCUMENT).owner
  await eventually('edits are stored again', () => moved.counters.get('log_rows_committed') > 20)
  const acknowledged = await load.stop()
  await converged(clients)
  for (const { sockets, doc } of clients) {
    assert.equal(sockets.length, 1)
    assertHolds(doc, acknowledged)
  }
})

test('G5: a node with another secret is refused with 401, and both logs name the setting', async (context) => {
  const lines: string[] = []
  const log = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`)
  const logger = { debug: log, info: log, warn: log, error: log }
  const cluster = await TestCluster.start(context, { nodes: 1 })
  await cluster.add({ secret: 'another secret', logger })
  await cluster.settled()
  const [right, wrong] = cluster.nodes
  assert.ok(right !== undefined && wrong !== undefined)
  const [bystander] = await openOnAll(context, [right], cluster.documentOf(right.nodeId))
  assert.ok(bystander !== undefined)
  openOn(context, right, cluster.documentOf(wrong.nodeId))
  await eventually('who was asked says it', () => lines.some((line) => /^a node was refused.*--cluster-secret/.test(line)))
  openOn(context, wrong, cluster.documentOf(right.nodeId))
  await eventually('who asked says it', () => lines.some((line) => /^a node cannot be reached.*--cluster-secret/.test(line)))
  await assert.rejects(RawClient.connect(right.url, ['weft-node.1']), /HTTP 401.*--cluster-secret/s)
  type(bystander.doc, 'still here')
  await bystander.session.saved()
})

test('G5: a node outside a cluster knows no links', async (context) => {
  const { server, webSocketUrl } = await startLocalServer()
  context.after(() => server.close())
  await assert.rejects(RawClient.connect(webSocketUrl, ['weft-node.1']), /HTTP 400/)
})

test('G3: a half-open link is found, and its sessions go on when the owner can be reached again', async (context) => {
  const { proxy, advertise } = await proxied(context)
  const cluster = await TestCluster.start(context, { nodes: 1 })
  const behind = await cluster.add({ advertise })
  await cluster.settled()
  const documentId = cluster.documentOf(behind.nodeId)
  const [near] = cluster.nodes
  assert.ok(near !== undefined)
  const [client] = await openOnAll(context, [near], documentId)
  assert.ok(client !== undefined)
  type(client.doc, 'before ')
  await client.session.saved()
  proxy.path = 'hold-both'
  type(client.doc, 'during ')
  // Membership goes on, so that only the link itself can tell.
  await eventually('the link is given up', () => near.counters.get('sessions_moved') > 0)
  assert.equal(client.session.unsaved, 1)
  proxy.path = 'open'
  await client.session.saved()
  const [reader] = await openOnAll(context, [behind], documentId)
  assert.equal(reader?.doc.getText('body').toString(), 'before during ')
  assert.equal(client.sockets.length, 1)
})

test('G2, S6: a node that falls behind is brought up to date from the log, and its sessions miss nothing', async (context) => {
  const { proxy, advertise } = await proxied(context)
  const cluster = await TestCluster.start(context, { nodes: 1 })
  const behind = await cluster.add({ advertise })
  await cluster.settled()
  const documentId = cluster.documentOf(behind.nodeId)
  const [near] = cluster.nodes
  assert.ok(near !== undefined)
  const clients = await openOnAll(context, [near, behind], documentId)
  const writer = clients[1]
  assert.ok(writer !== undefined)
  proxy.path = 'hold-answers'
  // More than the outbox of a link and the buffers of the sockets under it hold.
  for (let piece = 0; behind.counters.get('sessions_lagging') === 0; piece++) {
    assert.ok(piece < 50, 'the link never lagged')
    type(writer.doc, String(piece % 10).repeat(2 * 1024 * 1024))
    await writer.session.saved()
  }
  type(writer.doc, 'the end')
  await writer.session.saved()
  proxy.path = 'open'
  await eventually('the other node has all of it', () => clients[0]?.doc.getText('body').toString().endsWith('the end') === true)
  type(writer.doc, '.')
  await converged(clients)
})

test('G5: what the owner refuses is refused at the client, with the same words', async (context) => {
  const cluster = await TestCluster.start(context, { nodes: 2 })
  const { owner, others } = cluster.around(DOCUMENT)
  const answers: unknown[] = []
  for (const node of [owner, ...others]) {
    const client = await RawClient.weft(node.url)
    context.after(() => client.close())
    client.sendWeft({ type: 'open', channel: 1, documentId: DOCUMENT, token: '', known: { kind: 'nothing' } })
    client.sendWeft({ type: 'submit', channel: 1, submission: 1, update: Uint8Array.of(1, 1, 1) })
    answers.push(await client.weftMessage('refused'))
    client.sendWeft({ type: 'submit', channel: 1, submission: 2, update: Uint8Array.of(0, 0) })
    assert.equal((await client.weftMessage('acknowledged')).through, 2)
  }
  assert.deepEqual(answers[0], answers[1])
})

test('G1 (pendingBytesPerDocumentMax): writers far from a slow owner are held back, and nothing is lost', async (context) => {
  // Less than a socket delivers in one go.
  const pendingBytesPerDocumentMax = 24 * 1024
  const cluster = await TestCluster.start(context, { nodes: 2, limits: { pendingBytesPerDocumentMax } })
  const { owner, others } = cluster.around(DOCUMENT)
  const [other] = others
  assert.ok(other !== undefined)
  const client = await RawClient.weft(other.url)
  context.after(() => client.close())
  client.sendWeft({ type: 'open', channel: 1, documentId: DOCUMENT, token: '', known: { kind: 'nothing' } })
  await client.weftMessage('state')
  const release = owner.store.stall('append')
  const source = new Y.Doc()
  let submission = 0
  source.on('update', (update: Uint8Array) => client.sendWeft({ type: 'submit', channel: 1, submission: ++submission, update }))
  const pieces = 400
  for (let piece = 0; piece < pieces; piece++) type(source, `${piece}`.padEnd(16 * 1024, '.'))
  // It stops reading, so the bytes stay with the client.
  await eventually('the client is held back', () => other.counters.get('reads_held') > 0)
  const taken = other.counters.get('updates_received')
  assert.ok(taken < pieces / 4, `${taken} of ${pieces} updates were taken in`)
  release()
  await eventually('everything is acknowledged', () =>
    client.weftMessages.some((message) => message.type === 'acknowledged' && message.through === pieces),
  )
  assert.deepEqual(
    client.weftMessages.filter((message) => message.type === 'refused'),
    [],
  )
  const [reader] = await openOnAll(context, [owner])
  assert.equal(reader?.doc.getText('body').toString(), source.getText('body').toString())
})

// Large transfers over links that carry a bounded number of bytes a second, with heartbeats short enough that a whole message outlasts them.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { startLocalServer } from '../helpers/local-server.js'
import { RawClient } from '../helpers/raw-client.js'
import { eventually } from '../helpers/states.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'

const heartbeat = { pingPeriodMs: 150, pongMsMax: 150 }

function textUpdate(bytes: number, clientId = 1): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = clientId
  doc.getText('t').insert(0, 'x'.repeat(bytes))
  const update = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return update
}

/** Many elements with text in them, which are shown in full or not at all. */
function paragraphs(count: number): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = 2
  doc.transact(() => {
    const elements = Array.from({ length: count }, (_, index) => {
      const element = new Y.XmlElement('p')
      element.insert(0, [new Y.XmlText(`${index} ${'y'.repeat(300)}`)])
      return element
    })
    doc.getXmlFragment('x').insert(0, elements)
  })
  const update = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return update
}

async function store(url: string, documentId: string, update: Uint8Array): Promise<void> {
  const client = await RawClient.weft(url)
  client.sendWeft({ type: 'open', channel: 1, documentId, token: '', known: { kind: 'nothing' } })
  client.sendWeft({ type: 'submit', channel: 1, submission: 1, update })
  await client.weftMessage('acknowledged')
  client.close()
}

describe('slow links', () => {
  test('G9, G1 (pingPeriodMs, pongMsMax): a message that takes longer to arrive than a heartbeat waits is taken, since its bytes are a sign of life', async (context) => {
    const { server, webSocketUrl, port } = await startLocalServer({ limits: heartbeat })
    context.after(() => server.close())
    const proxy = await TcpProxy.start({ host: '127.0.0.1', port })
    context.after(() => proxy.stop())
    proxy.bytesPerSecond = 150_000
    const writer = await RawClient.connect(`ws://${proxy.address}/d`)
    writer.sendY({ type: 'update', update: textUpdate(150_000) })
    await eventually('it has arrived', () => server.counters.get('updates_received') === 1 || writer.closing !== null)
    assert.equal(writer.closing, null)
    assert.equal(server.counters.get('connections_timed_out'), 0)
    writer.close()

    const reader = await RawClient.connect(`${webSocketUrl}/d`)
    reader.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
    await eventually('the text', () => {
      const doc = new Y.Doc()
      for (const message of reader.yMessages)
        if (message.type === 'sync-step-2' || message.type === 'update') Y.applyUpdate(doc, message.update)
      return doc.getText('t').length === 150_000
    })
    reader.close()
    await server.close()
    await proxy.stop()
  })

  test('G9, G3: a large document arrives over a slow link in pieces, between which acknowledgements and other documents pass', async (context) => {
    const { server, webSocketUrl, port } = await startLocalServer({ limits: { pingPeriodMs: 1_000, pongMsMax: 500 } })
    context.after(() => server.close())
    await store(webSocketUrl, 'large', textUpdate(500_000))
    const proxy = await TcpProxy.start({ host: '127.0.0.1', port })
    context.after(() => proxy.stop())
    proxy.bytesPerSecond = 250_000
    const client = await RawClient.weft(`ws://${proxy.address}`)
    for (const [channel, documentId] of [
      [1, 'large'],
      [2, 'small'],
    ] as const)
      client.sendWeft({ type: 'open', channel, documentId, token: '', known: { kind: 'nothing' } })
    await client.weftMessage('piece')
    client.sendWeft({ type: 'submit', channel: 2, submission: 1, update: textUpdate(5) })
    await client.weftMessage('acknowledged')
    const complete = () => client.weftMessages.some((message) => message.type === 'state' && message.channel === 1)
    assert.equal(complete(), false, 'the acknowledgement did not wait for the document')
    await eventually('the document is complete', complete)
    const pieces = client.weftMessages.flatMap((message) => (message.type === 'piece' ? [message.update] : []))
    assert.ok((pieces[0]?.length ?? 0) <= 9_000)
    assert.ok(pieces.length > 8)
    const doc = new Y.Doc()
    Y.applyUpdate(doc, Y.mergeUpdates(pieces))
    assert.equal(doc.getText('t').length, 500_000)
    assert.equal(client.closing, null)
    assert.equal(server.counters.get('connections_timed_out'), 0)
    client.close()
    await server.close()
    await proxy.stop()
  })

  test('G9: a stock provider gets a large document over a slow link in several messages, and sees it at once', async (context) => {
    const { server, webSocketUrl, port } = await startLocalServer({ limits: { pingPeriodMs: 1_000, pongMsMax: 500 } })
    context.after(() => server.close())
    await store(webSocketUrl, 'large', paragraphs(600))
    const proxy = await TcpProxy.start({ host: '127.0.0.1', port })
    context.after(() => proxy.stop())
    proxy.bytesPerSecond = 150_000
    const doc = new Y.Doc()
    const seen: number[] = []
    doc.on('afterTransaction', () => {
      const { length } = doc.getXmlFragment('x')
      if (length > 0) seen.push(length)
    })
    const polyfill = WebSocket as unknown as typeof globalThis.WebSocket
    const provider = new WebsocketProvider(`ws://${proxy.address}`, 'large', doc, { WebSocketPolyfill: polyfill, disableBc: true })
    let closes = 0
    provider.on('connection-close', () => closes++)
    const times: number[] = []
    provider.on('status', () => provider.ws?.addEventListener('message', () => times.push(performance.now())))
    await eventually('all of it', () => doc.getXmlFragment('x').length === 600)
    assert.ok(seen.every((length) => length === 600))
    assert.ok(times.length > 4)
    assert.equal(closes, 0)
    // What it types afterwards, and what others do, goes on as ever.
    const writer = await RawClient.connect(`${webSocketUrl}/large`)
    writer.sendY({ type: 'update', update: textUpdate(3, 77) })
    await eventually('a later edit', () => doc.getText('t').length === 3)
    writer.close()
    provider.destroy()
    doc.destroy()
    await server.close()
    await proxy.stop()
  })

  test('G9: a client that loses a slow link in the middle goes on where it was', async (context) => {
    const { server, webSocketUrl, port } = await startLocalServer()
    context.after(() => server.close())
    await store(webSocketUrl, 'large', paragraphs(1_500))
    const proxy = await TcpProxy.start({ host: '127.0.0.1', port })
    context.after(() => proxy.stop())
    proxy.bytesPerSecond = 250_000
    const before = server.counters.get('transfer_bytes_sent')
    const sent = () => server.counters.get('transfer_bytes_sent') - before
    const doc = new Y.Doc()
    const connection = connect(`ws://${proxy.address}`, { logger: silentLogger })
    const session = connection.open('large', doc)
    await eventually('half of it is sent', () => sent() > 200_000)
    proxy.path = 'cut'
    proxy.path = 'open'
    await session.synced
    assert.equal(doc.getXmlFragment('x').length, 1_500)
    assert.ok(sent() < 1.7 * paragraphs(1_500).length, `sent ${sent()} bytes`)
    await connection.close()
    doc.destroy()
    await server.close()
    await proxy.stop()
  })

  test('G9, S1: a large paste reaches everybody in pieces, cut once, and its author is acknowledged', async (context) => {
    const { server, webSocketUrl } = await startLocalServer()
    context.after(() => server.close())
    const readers = await Promise.all([1, 2].map(() => RawClient.weft(webSocketUrl)))
    const stock = await RawClient.connect(`${webSocketUrl}/d`)
    stock.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
    await stock.yMessage('sync-step-2')
    for (const reader of readers) {
      reader.sendWeft({ type: 'open', channel: 1, documentId: 'd', token: '', known: { kind: 'nothing' } })
      await reader.weftMessage('state')
    }
    const [author] = readers as [RawClient]
    author.sendWeft({ type: 'submit', channel: 1, submission: 1, update: textUpdate(400_000) })
    assert.equal((await author.weftMessage('acknowledged')).through, 1)
    for (const reader of readers) {
      const { seq } = await reader.weftMessage('update')
      assert.equal(seq, 1)
      const pieces = reader.weftMessages.flatMap((message) => (message.type === 'piece' ? [message.update] : []))
      const doc = new Y.Doc()
      Y.applyUpdate(doc, Y.mergeUpdates(pieces))
      assert.equal(doc.getText('t').length, 400_000)
    }
    const copy = new Y.Doc()
    await eventually('the stock client has it', () => {
      for (const message of stock.yMessages) if (message.type === 'update') Y.applyUpdate(copy, message.update)
      return copy.getText('t').length === 400_000
    })
    for (const client of [...readers, stock]) client.close()
    await server.close()
  })
})

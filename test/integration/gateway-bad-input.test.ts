// What clients send that they should not: each gets its own answer, and a bystander in the same document notices nothing (G5).
import { strict as assert } from 'node:assert'
import { connect as connectTcp } from 'node:net'
import { after, before, describe, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { systemClock } from '../../core/clock.js'
import { encodeAwareness } from '../../protocol/awareness.js'
import { weftSubprotocol } from '../../protocol/dialects/weft.js'
import { type LocalServer, startLocalServer } from '../helpers/local-server.js'
import { RawClient } from '../helpers/raw-client.js'
import { eventually } from '../helpers/states.js'

const MESSAGE_BYTES_MAX = 100_000
const IGNORED_MAX = 5
const upgradeRequest = [
  'GET /shared HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`,
  '\r\n',
].join('\r\n')

describe('bad input', () => {
  let local: LocalServer
  let bystander: WebsocketProvider
  let bystanderCloses = 0
  before(async () => {
    local = await startLocalServer({ limits: { messageBytesMax: MESSAGE_BYTES_MAX, ignoredMessagesPerConnectionMax: IGNORED_MAX } })
    bystander = new WebsocketProvider(local.webSocketUrl, 'shared', new Y.Doc(), {
      WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
      disableBc: true,
    })
    bystander.on('connection-close', () => bystanderCloses++)
    await eventually('the bystander is synced', () => bystander.synced)
  })
  after(async () => {
    bystander.destroy()
    bystander.doc.destroy()
    await local.server.close()
  })

  /** The bystander is still connected, and an edit of somebody new reaches it. */
  async function bystanderIsWell(): Promise<void> {
    const doc = new Y.Doc()
    const text = `still here ${doc.clientID}`
    doc.getMap('notes').set(text, true)
    const other = await RawClient.connect(`${local.webSocketUrl}/shared`)
    other.sendY({ type: 'update', update: Y.encodeStateAsUpdate(doc) })
    await eventually('the edit reaches the bystander', () => bystander.doc.getMap('notes').has(text))
    assert.equal(bystanderCloses, 0)
    other.close()
    doc.destroy()
  }

  const yCases: readonly { title: string; send: (client: RawClient) => void; code: number; reason: RegExp }[] = [
    { title: 'an empty frame', send: (c) => c.send(new Uint8Array(0)), code: 4400, reason: /message/i },
    { title: 'a frame cut short', send: (c) => c.send(Uint8Array.of(0, 2, 50, 1)), code: 4400, reason: /message/i },
    { title: 'bytes after the message', send: (c) => c.send(Uint8Array.of(0, 0, 1, 0, 9)), code: 4400, reason: /message/i },
    {
      title: 'random bytes after a known type',
      send: (c) => c.send(Uint8Array.from({ length: 300 }, (_, i) => (i === 0 ? 1 : (i * 151 + 77) & 255))),
      code: 4400,
      reason: /./,
    },
    { title: 'a number too large', send: (c) => c.send(new Uint8Array(20).fill(0xff)), code: 4400, reason: /./ },
    {
      title: 'a message that only servers send',
      send: (c) => c.sendY({ type: 'auth-denied', reason: 'no' }),
      code: 4400,
      reason: /only a server/,
    },
    {
      title: 'an update that does not parse',
      send: (c) => c.sendY({ type: 'update', update: Uint8Array.of(1, 2, 3, 4, 5) }),
      code: 4400,
      reason: /update/i,
    },
    {
      title: 'an update that claims 32 million structs',
      send: (c) => c.sendY({ type: 'update', update: Uint8Array.of(1, 0x80, 0x80, 0x80, 0x10, 1, 0) }),
      code: 4400,
      reason: /update/i,
    },
    {
      title: 'a state vector that does not parse',
      send: (c) => c.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(5, 1) }),
      code: 4400,
      reason: /state vector/i,
    },
    {
      title: 'an awareness update that does not parse',
      send: (c) => c.sendY({ type: 'awareness', update: Uint8Array.of(3, 1) }),
      code: 4400,
      reason: /awareness/i,
    },
    { title: 'G1: messageBytesMax', send: (c) => c.send(new Uint8Array(MESSAGE_BYTES_MAX + 1)), code: 4413, reason: /larger than/ },
  ]
  for (const { title, send, code, reason } of yCases) {
    test(`G5: y-websocket: ${title} closes with ${code} and a reason`, async () => {
      const client = await RawClient.connect(`${local.webSocketUrl}/shared`)
      send(client)
      const closing = await client.closed
      assert.equal(closing.code, code)
      assert.match(closing.reason, reason)
      await bystanderIsWell()
    })
  }

  for (const [title, path, reason] of [
    ['empty', '/', /empty/],
    ['too long', `/${'x'.repeat(513)}`, /longer than 512/],
    ['not UTF-8', '/%FF%FE', /UTF-8/],
  ] as const) {
    test(`G5: a document id that is ${title} closes with 4400 and a reason, on an open socket`, async () => {
      const client = await RawClient.connect(`${local.webSocketUrl}${path}`)
      // A path that names no document is that of Hocuspocus' provider, until somebody speaks as y-websocket does there.
      client.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
      const closing = await client.closed
      assert.equal(closing.code, 4400)
      assert.match(closing.reason, reason)
      await bystanderIsWell()
    })
  }

  for (const [title, one, last] of [
    ['text frames', 'hello', /text/],
    ['messages of an unknown type', Uint8Array.of(99, 1, 2), /type/],
    ['messages of an unknown sync type', Uint8Array.of(0, 7), /type/],
  ] as const) {
    test(`G1: ignoredMessagesPerConnectionMax: ${title} are ignored and counted, and past the limit the connection closes with 4400 and a reason`, async () => {
      const ignoredBefore = local.server.counters.get('messages_ignored')
      const client = await RawClient.connect(`${local.webSocketUrl}/shared`)
      for (let count = 0; count < IGNORED_MAX; count++) client.send(one)
      client.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
      await client.yMessage('sync-step-2')
      assert.equal(local.server.counters.get('messages_ignored'), ignoredBefore + IGNORED_MAX)
      assert.equal(client.closing, null)
      client.send(one)
      const closing = await client.closed
      assert.equal(closing.code, 4400)
      assert.match(closing.reason, last)
      await bystanderIsWell()
    })
  }

  test('a room name with a bare % is itself, as browsers send it, and the same room as when it is encoded', async () => {
    const doc = new Y.Doc()
    doc.getMap('notes').set('half', true)
    const bare = await RawClient.connect(`${local.webSocketUrl}/50%`)
    bare.sendY({ type: 'update', update: Y.encodeStateAsUpdate(doc) })
    const encoded = await RawClient.connect(`${local.webSocketUrl}/50%25`)
    encoded.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
    const copy = new Y.Doc()
    await eventually('the edit is there', () => {
      for (const message of encoded.yMessages)
        if (message.type === 'sync-step-2' || message.type === 'update') Y.applyUpdate(copy, message.update)
      return copy.getMap('notes').has('half')
    })
    bare.close()
    encoded.close()
  })

  test('G5: a stock provider whose message is too large is told so once with 4413 and stops; it is counted', async () => {
    const doc = new Y.Doc()
    doc.getText('body').insert(0, 'x'.repeat(MESSAGE_BYTES_MAX * 20))
    const countedBefore = local.server.counters.get('messages_too_large')
    const acceptedBefore = local.server.counters.get('connections_accepted')
    const provider = new WebsocketProvider(local.webSocketUrl, 'large', doc, {
      WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
      disableBc: true,
    })
    const closed = await new Promise<{ code: number; reason: string }>((resolve) => provider.once('closed', resolve))
    assert.equal(closed.code, 4413)
    assert.match(closed.reason, /larger than/)
    assert.equal(provider.shouldConnect, false)
    assert.equal(local.server.counters.get('messages_too_large'), countedBefore + 1)
    assert.equal(local.server.counters.get('connections_accepted'), acceptedBefore + 1)
    provider.destroy()
    doc.destroy()
    await bystanderIsWell()
  })

  test('G1: documentIdBytesMax: 512 bytes are welcome', async () => {
    const client = await RawClient.connect(`${local.webSocketUrl}/${'x'.repeat(512)}`)
    await client.yMessage('sync-step-1')
    client.close()
  })

  test('the protocols option of the stock provider works: the first one offered is selected, without which browsers fail the connection', async () => {
    const provider = new WebsocketProvider(local.webSocketUrl, 'shared', new Y.Doc(), {
      WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
      disableBc: true,
      protocols: ['my-token.abc', 'mqtt'],
    })
    await eventually('it is synced', () => provider.synced)
    assert.equal(provider.ws?.protocol, 'my-token.abc')
    provider.destroy()
    provider.doc.destroy()
    const chosen = await RawClient.connect(`${local.webSocketUrl}/`, ['soap', weftSubprotocol])
    assert.equal(chosen.socket.protocol, weftSubprotocol)
    chosen.close()
  })

  test('G5: a subprotocol of a later Weft is answered with HTTP 400 that names the known ones', async () => {
    await assert.rejects(RawClient.connect(`${local.webSocketUrl}/shared`, ['weft.2']), /HTTP 400: .*weft\.1.*y-websocket/s)
    await bystanderIsWell()
  })

  test('A2: an awareness state for somebody else is ignored and counted, not a reason to close', async () => {
    bystander.awareness.setLocalStateField('name', 'bystander')
    const { clientID } = bystander.doc
    const client = await RawClient.connect(`${local.webSocketUrl}/shared`)
    client.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
    await client.yMessage('awareness')
    const state = new TextEncoder().encode('{"name":"impostor"}')
    client.sendY({ type: 'awareness', update: encodeAwareness([{ clientId: clientID, clock: 2 ** 30, state }]) })
    await eventually('it is counted', () => local.server.counters.get('awareness_entries_foreign') > 0)
    await bystanderIsWell()
    assert.equal(client.closing, null)
    assert.equal(bystander.awareness.getLocalState()?.['name'], 'bystander')
    client.close()
  })

  const weftCases: readonly { title: string; send: (client: RawClient) => void; reason: RegExp }[] = [
    { title: 'a message of a type no client sends', send: (c) => c.send(Uint8Array.of(33)), reason: /type 33/ },
    { title: 'a second hello', send: (c) => c.sendWeft({ type: 'hello', agent: 'x', token: '' }), reason: /second "hello"/ },
    {
      title: 'a message for a channel that was never opened',
      send: (c) => c.sendWeft({ type: 'submit', channel: 9, submission: 1, update: new Uint8Array(2) }),
      reason: /channel 9/,
    },
    {
      title: 'a channel that does not count up',
      send: (c) => c.sendWeft({ type: 'open', channel: 0, documentId: 'x', token: '', known: { kind: 'nothing' } }),
      reason: /channel 0/,
    },
    {
      title: 'a submission that skips a number',
      send: (c) => {
        c.sendWeft({ type: 'open', channel: 1, documentId: 'shared', token: '', known: { kind: 'nothing' } })
        c.sendWeft({ type: 'submit', channel: 1, submission: 2, update: Uint8Array.of(0, 0) })
      },
      reason: /number 2 after 0/,
    },
    { title: 'a text frame', send: (c) => c.send('{}'), reason: /text message/ },
    {
      title: 'a client that says who wrote what it submits, as only nodes may',
      send: (c) => {
        c.sendWeft({ type: 'open', channel: 1, documentId: 'x', token: '', known: { kind: 'nothing' } })
        c.sendWeft({ type: 'author', channel: 1, user: 'somebody else' })
      },
      reason: /Only nodes/,
    },
  ]
  for (const { title, send, reason } of weftCases) {
    test(`G5: weft: ${title} closes with 4400 and a reason`, async () => {
      const client = await RawClient.weft(local.webSocketUrl)
      send(client)
      const closing = await client.closed
      assert.equal(closing.code, 4400)
      assert.match(closing.reason, reason)
      await bystanderIsWell()
    })
  }

  test('G5: weft: anything before the hello closes with 4400', async () => {
    const client = await RawClient.connect(local.webSocketUrl, [weftSubprotocol])
    client.sendWeft({ type: 'ping' })
    const closing = await client.closed
    assert.equal(closing.code, 4400)
    assert.match(closing.reason, /"ping".*"hello"/)
  })

  test('G5: weft: an invalid document id closes its channel only', async () => {
    const client = await RawClient.weft(local.webSocketUrl)
    client.sendWeft({ type: 'open', channel: 1, documentId: '', token: '', known: { kind: 'nothing' } })
    client.sendWeft({ type: 'open', channel: 2, documentId: 'shared', token: '', known: { kind: 'nothing' } })
    const closed = await client.weftMessage('closed')
    assert.deepEqual([closed.channel, closed.closeCode, closed.code, closed.retryable], [1, 4400, 'invalid-document-id', false])
    assert.equal((await client.weftMessage('state')).channel, 2)
    client.close()
  })

  test('G5: weft: an update that does not parse is refused by its number, and the session goes on', async () => {
    const client = await RawClient.weft(local.webSocketUrl)
    client.sendWeft({ type: 'open', channel: 1, documentId: 'shared', token: '', known: { kind: 'nothing' } })
    client.sendWeft({ type: 'submit', channel: 1, submission: 1, update: Uint8Array.of(1, 2, 3) })
    const refused = await client.weftMessage('refused')
    assert.deepEqual([refused.submission, refused.closeCode, refused.retryable], [1, 4400, false])
    const doc = new Y.Doc()
    doc.getMap('notes').set('after a refusal', 1)
    client.sendWeft({ type: 'submit', channel: 1, submission: 2, update: Y.encodeStateAsUpdate(doc) })
    assert.equal((await client.weftMessage('acknowledged')).through, 2)
    client.close()
  })

  // Masked with zeros, so that the payload stays as it is.
  for (const [title, frames, code, reason] of [
    ['of a reserved type', [0x83, 0x80, 0, 0, 0, 0], 1002, /not a valid WebSocket frame/],
    ['without a mask', [0x82, 0x00], 1002, /not a valid WebSocket frame/],
    ['of text that is not UTF-8', [0x81, 0x81, 0, 0, 0, 0, 0xff], 1007, /not valid UTF-8/],
  ] as const) {
    test(`G5: a WebSocket frame ${title} closes with ${code} and a reason`, async () => {
      const socket = connectTcp(local.port, '127.0.0.1')
      socket.on('error', () => {})
      const received: Buffer[] = []
      socket.on('data', (bytes: Buffer) => received.push(bytes))
      socket.write(upgradeRequest)
      await eventually('the connection is open', () => received.length > 0)
      socket.write(Uint8Array.from(frames))
      const said = (): string => Buffer.concat(received).toString('latin1')
      await eventually('the reason arrives', () => reason.test(said()))
      assert.ok(said().includes(String.fromCharCode(code >> 8, code & 255)), 'the close code')
      socket.destroy()
      await bystanderIsWell()
    })
  }

  const tooLong = (ms: number): Promise<'too long'> => new Promise((resolve) => void systemClock.after(ms, () => resolve('too long')))

  /** Sends the same bytes again and again until the server takes no more; answers how many went, what lies in the system's buffers counted. */
  async function flood(
    bytes: Uint8Array,
    bytesMax: number,
    manner: 'reads' | 'reads nothing',
  ): Promise<{ readonly taken: number; readonly closed: boolean }> {
    const socket = connectTcp(local.port, '127.0.0.1')
    let closed = false
    socket.on('error', () => {})
    socket.on('close', () => {
      closed = true
    })
    socket.write(upgradeRequest)
    await new Promise((resolve) => socket.once('data', resolve))
    if (manner === 'reads') socket.resume()
    else socket.pause()
    let written = 0
    for (let stuck = false; !stuck && !closed && written < bytesMax; written += bytes.length) {
      if (socket.write(bytes)) continue
      const drained = new Promise<'drained'>((resolve) => socket.once('drain', () => resolve('drained')))
      const over = new Promise<'closed'>((resolve) => socket.once('close', () => resolve('closed')))
      stuck = (await Promise.race([drained, over, tooLong(1_500)])) === 'too long'
    }
    const taken = written - socket.writableLength
    socket.destroy()
    return { taken, closed }
  }

  test('G2: pings whose answers nobody reads are not taken without end, and neither are fragments of a message that never ends', async () => {
    const masked = (first: number, payload: number): Buffer =>
      Buffer.concat([Buffer.of(first, 0x80 | payload, 0, 0, 0, 0), Buffer.alloc(payload, 97)])
    const pings = await flood(Buffer.concat(Array.from({ length: 500 }, () => masked(0x89, 125))), 200_000_000, 'reads nothing')
    assert.ok(pings.taken < 32_000_000, `${pings.taken} bytes of pings were taken`)
    await bystanderIsWell()
    // The first one begins the message, and each after it says that more is to come.
    const fragments = Buffer.concat([masked(0x02, 1), ...Array.from({ length: 999 }, () => masked(0x00, 1))])
    const message = Buffer.concat([fragments, ...Array.from({ length: 40 }, () => fragments.subarray(7))])
    const endless = await flood(message, 200_000_000, 'reads')
    assert.ok(endless.closed && endless.taken < 32_000_000, `${endless.taken} bytes of fragments were taken`)
    await bystanderIsWell()
  })

  test('a head of a request that is larger than 16 KiB is answered with 431, whatever it asks for', async () => {
    for (const head of [upgradeRequest.replace(/\r\n\r\n$/, '\r\n'), 'GET /api/v1/documents HTTP/1.1\r\nHost: 127.0.0.1\r\n']) {
      const socket = connectTcp(local.port, '127.0.0.1')
      let said = ''
      socket.on('error', () => {})
      socket.on('data', (bytes: Buffer) => {
        said += bytes.toString('latin1')
      })
      const closed = new Promise((resolve) => socket.once('close', resolve))
      socket.write(head)
      for (let count = 0; count < 1_000; count++) socket.write(`X-${count}: ${'a'.repeat(1_000)}\r\n`)
      await closed
      assert.match(said, /^HTTP\/1\.1 431 /)
      await bystanderIsWell()
    }
  })

  test('G5: bytes that are not WebSocket frames drop that connection only', async () => {
    const socket = connectTcp(local.port, '127.0.0.1')
    socket.write(upgradeRequest)
    let ended = false
    socket.on('close', () => {
      ended = true
    })
    socket.on('error', () => {})
    socket.once('data', () => socket.write(Buffer.alloc(1000, 0xf7)))
    await eventually('the connection is closed', () => ended)
    await bystanderIsWell()
  })
})

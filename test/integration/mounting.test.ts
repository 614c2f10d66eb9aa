// Weft inside applications of others: the examples with Express, Fastify and Hono run as they are, with WebSockets, the API, and the application's own pages on one port.
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { getRequestListener } from '@hono/node-server'
import WebSocket, { WebSocketServer } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { MemoryStore } from '../../persistence/index.js'
import { httpHeaders } from '../../protocol/http-frames.js'
import { createServer, type WeftServer } from '../../server/index.js'
import { until } from '../helpers/until.js'

for (const framework of ['express', 'fastify', 'hono']) {
  test(`the example with ${framework}: the application's pages, the API, both clients and their edits on one port`, async (context) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'weft-mount-'))
    const file = fileURLToPath(new URL(`../../examples/mount-${framework}.js`, import.meta.url))
    const child = spawn(process.execPath, [file, '0'], {
      env: { ...process.env, WEFT_DATA: path.join(folder, 'data') },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    context.after(async () => {
      child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    })
    const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
    const url = line.trim()
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)

    assert.equal(await (await fetch(`${url}/`)).text(), 'The application.')
    assert.equal((await fetch(`${url}/nothing`)).status, 404)
    assert.equal((await fetch(`${url}/collab/readyz`)).status, 200)

    const connection = connect(`${url.replace('http', 'ws')}/collab`, { logger: silentLogger })
    const ours = new Y.Doc()
    const session = connection.open('notes/today', ours)
    const theirs = new Y.Doc()
    const provider = new WebsocketProvider(`${url.replace('http', 'ws')}/collab`, 'notes/today', theirs, {
      WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
      disableBc: true,
    })
    ours.getText('body').insert(0, 'hello')
    await session.saved()
    await until(() => theirs.getText('body').toString() === 'hello', 'the stock provider has it')
    for (const transport of ['sse', 'poll'] as const) {
      const withoutWebSocket = connect(`${url}/collab`, { logger: silentLogger, transports: [transport] })
      const doc = new Y.Doc()
      const late = withoutWebSocket.open('notes/today', doc)
      await late.synced
      assert.equal(doc.getText('body').toString(), 'hello', transport)
      doc.getMap('by').set(transport, true)
      await late.saved()
      await until(() => theirs.getMap('by').get(transport) === true, 'what is typed over HTTP is seen')
      await withoutWebSocket.close()
      doc.destroy()
    }

    const edit = await fetch(`${url}/collab/api/v1/documents/notes%2Ftoday/updates`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ text: [{ root: 'body', at: 5, insert: ' world' }] }),
    })
    assert.equal(edit.status, 200, await edit.text())
    await until(() => theirs.getText('body').toString() === 'hello world', 'the edit of a script is seen')
    // Nobody configured who may do what: a name that is not this machine's is refused, through the framework too.
    const stranger = await fetch(`${url}/collab/api/v1/documents`, { headers: { 'X-Forwarded-For': '203.0.113.9' } })
    assert.equal(stranger.status, 403)

    provider.destroy()
    await connection.close()
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
    ours.destroy()
    theirs.destroy()
  })
}

/** A server inside of a program, under a path of its own. */
async function embedded(context: TestContext): Promise<WeftServer> {
  const weft = await createServer({
    store: new MemoryStore({ clock: systemClock }),
    basePath: '/collab',
    demo: false,
    logger: silentLogger,
  })
  context.after(() => weft.close())
  return weft
}

test("WebSockets of the application's own are left alone, and what was attached is taken off again", async (context) => {
  const weft = await embedded(context)
  // It knows nothing of Weft, and reads all bodies.
  const httpServer = createHttpServer((request, response) => request.resume().once('end', () => response.end('mine')))
  const own = new WebSocketServer({ noServer: true })
  httpServer.on('upgrade', (request, stream, head) => {
    if (request.url === '/mine') own.handleUpgrade(request, stream, head, (socket) => socket.send('from the application'))
  })
  weft.attach(httpServer)
  httpServer.listen(0, '127.0.0.1')
  await once(httpServer, 'listening')
  context.after(() => {
    httpServer.close()
    httpServer.closeAllConnections()
  })
  const { port } = httpServer.address() as AddressInfo
  const mine = new WebSocket(`ws://127.0.0.1:${port}/mine`)
  assert.equal(String((await once(mine, 'message'))[0]), 'from the application')
  mine.terminate()
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/x`)).text(), 'mine')
  const connection = connect(`ws://127.0.0.1:${port}/collab`, { logger: silentLogger })
  const doc = new Y.Doc()
  const session = connection.open('notes', doc)
  await session.synced
  const overHttp = (['sse', 'poll'] as const).map((transport) =>
    connect(`http://127.0.0.1:${port}/collab`, { logger: silentLogger, transports: [transport] }),
  )
  // Who listens later does not see them either.
  const seen: (string | undefined)[] = []
  httpServer.on('request', ({ url }) => seen.push(url))
  for (const [index, other] of overHttp.entries()) {
    const theirs = new Y.Doc()
    const open = other.open('notes', theirs)
    await open.synced
    theirs.getMap('by').set(`${index}`, true)
    await open.saved()
    await until(() => doc.getMap('by').get(`${index}`) === true, 'what is typed over HTTP is seen')
    doc.getMap('to').set(`${index}`, true)
    await until(() => theirs.getMap('to').get(`${index}`) === true, 'it sees what others type')
  }
  assert.deepEqual(seen, [])
  await Promise.all([connection, ...overHttp].map((one) => one.close()))
  const listeners = httpServer.listenerCount('upgrade')
  await weft.close()
  assert.equal(httpServer.listenerCount('upgrade'), listeners - 1)
  const answer = await fetch(`http://127.0.0.1:${port}/collab/api/v1/connections`, { method: 'POST' })
  assert.equal(await answer.text(), 'mine')
  doc.destroy()
})

test('the fetch handler serves clients over HTTP, as streams: called in the process, and by a server that knows requests and responses alone', async (context) => {
  const weft = await embedded(context)
  await weft.ready
  const httpServer = createHttpServer(getRequestListener((request) => weft.fetch(request)))
  httpServer.listen(0, '127.0.0.1')
  await once(httpServer, 'listening')
  context.after(() => {
    httpServer.close()
    httpServer.closeAllConnections()
  })
  const asked: Request[] = []
  const inProcess: typeof fetch = (input, init) => {
    const request = new Request(input, init)
    asked.push(request)
    return weft.fetch(request)
  }
  const here = `http://127.0.0.1:${(httpServer.address() as AddressInfo).port}/collab`
  const options = { logger: silentLogger }
  const connections = (['sse', 'poll'] as const).flatMap((transport) => [
    connect(here, { ...options, transports: [transport] }),
    connect('http://in.process/collab', { ...options, transports: [transport], fetch: inProcess }),
  ])
  const sessions = connections.map((connection) => connection.open('notes', new Y.Doc()))
  for (const [index, session] of sessions.entries()) {
    await session.synced
    session.doc.getArray('words').push([index])
    session.awareness.setLocalState({ name: index })
    await session.saved()
  }
  const isEverywhere = (holds: (session: (typeof sessions)[number]) => boolean): Promise<unknown> =>
    until(() => sessions.every(holds), 'it is everywhere')
  await isEverywhere(({ doc }) => doc.getArray('words').length === 4)
  await isEverywhere(({ awareness }) => awareness.getStates().size === 4)

  // What is larger than the limit is not read to its end.
  const opened = await weft.fetch(
    new Request('http://in.process/collab/api/v1/connections', {
      method: 'POST',
      headers: { [httpHeaders.transport]: 'poll', [httpHeaders.protocols]: 'weft.1' },
    }),
  )
  const { connection } = (await opened.json()) as { readonly connection: string }
  let pulled = 0
  const endless = new ReadableStream({
    pull: (stream) => {
      pulled += 1
      stream.enqueue(new Uint8Array(1024 * 1024))
    },
  })
  const headers = { [httpHeaders.connection]: connection, [httpHeaders.after]: '0', [httpHeaders.first]: '1' }
  const message = { method: 'POST', headers, body: endless, duplex: 'half' }
  const answer = await weft.fetch(new Request('http://in.process/collab/api/v1/connections/messages', message))
  assert.equal(answer.status, 413)
  assert.ok(pulled < 30, `${pulled} MiB were read`)
  const goodbye = await weft.fetch(new Request('http://in.process/collab/api/v1/connections/close', { method: 'POST', headers }))
  assert.equal(goodbye.ok, true)

  // Whoever goes is gone, by a goodbye and without one.
  const [first, second, ...others] = sessions
  await first?.close()
  await until(() => others.every(({ awareness }) => !awareness.getStates().has(first?.doc.clientID ?? 0)), 'the first is gone')
  assert.ok(asked.some(({ url }) => url.endsWith('/events')) && second !== undefined)
  await Promise.all(connections.map((one) => one.close()))
  for (const { doc } of sessions) doc.destroy()
})

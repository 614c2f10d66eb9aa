// Weft inside applications of others: the examples with Express, Fastify and Hono run as they are, with WebSockets, the API, and the application's own pages on one port.
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import WebSocket, { WebSocketServer } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { MemoryStore } from '../../persistence/index.js'
import { createServer } from '../../server/index.js'
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

test("WebSockets of the application's own are left alone, and what was attached is taken off again", async (context) => {
  const weft = await createServer({
    store: new MemoryStore({ clock: systemClock }),
    basePath: '/collab',
    demo: false,
    logger: silentLogger,
  })
  const httpServer = createHttpServer((request, response) => weft.handle(request, response, () => response.end('mine')))
  const own = new WebSocketServer({ noServer: true })
  httpServer.on('upgrade', (request, stream, head) => {
    if (request.url === '/mine') own.handleUpgrade(request, stream, head, (socket) => socket.send('from the application'))
  })
  weft.attach(httpServer)
  httpServer.listen(0, '127.0.0.1')
  await once(httpServer, 'listening')
  context.after(() => httpServer.close())
  const { port } = httpServer.address() as AddressInfo
  const mine = new WebSocket(`ws://127.0.0.1:${port}/mine`)
  assert.equal(String((await once(mine, 'message'))[0]), 'from the application')
  mine.terminate()
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/x`)).text(), 'mine')
  const connection = connect(`ws://127.0.0.1:${port}/collab`, { logger: silentLogger })
  const doc = new Y.Doc()
  const session = connection.open('notes', doc)
  await session.synced
  await connection.close()
  const listeners = httpServer.listenerCount('upgrade')
  await weft.close()
  assert.equal(httpServer.listenerCount('upgrade'), listeners - 1)
  doc.destroy()
})

// Plain HTTP: health, readiness, metrics, the demo's files, and nothing else.
import { strict as assert } from 'node:assert'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import { Doc } from 'yjs'
import { connect as openConnection } from '../../client/index.js'
import { type LocalServer, startLocalServer } from '../helpers/local-server.js'
import { RawClient } from '../helpers/raw-client.js'
import { eventually } from '../helpers/states.js'

describe('http', () => {
  let folder: string
  let local: LocalServer
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weft-http-'))
    await mkdir(join(folder, 'demo', 'assets'), { recursive: true })
    await writeFile(join(folder, 'demo', 'index.html'), '<!doctype html><title>demo</title>')
    await writeFile(join(folder, 'demo', 'assets', 'main.js'), 'export {}')
    await writeFile(join(folder, 'secret.txt'), 'secret')
    local = await startLocalServer({ demo: join(folder, 'demo') })
  })
  after(async () => {
    await local.server.close()
    await rm(folder, { recursive: true, force: true })
  })

  const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${local.server.url}${path}`, init)

  test('the demo and its assets are served with types, and never run as something else', async () => {
    const page = await get('/?doc=notes')
    assert.equal(page.status, 200)
    assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff')
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'self'/)
    assert.match(await page.text(), /demo/)
    const script = await get('/assets/main.js')
    assert.equal(script.headers.get('content-type'), 'text/javascript; charset=utf-8')
    assert.equal(await script.text(), 'export {}')
  })

  test('a file that did not change is not sent again', async () => {
    const etag = (await get('/')).headers.get('etag') ?? ''
    const again = await get('/', { headers: { 'If-None-Match': etag } })
    assert.equal(again.status, 304)
  })

  test('HEAD has no body, other methods are refused', async () => {
    const head = await get('/healthz', { method: 'HEAD' })
    assert.equal(head.status, 200)
    assert.equal(await head.text(), '')
    const post = await get('/', { method: 'POST', body: 'x' })
    assert.equal(post.status, 405)
    assert.equal(post.headers.get('allow'), 'GET, HEAD')
  })

  // fetch would resolve the dots by itself.
  for (const path of ['/../secret.txt', '/%2e%2e/secret.txt', '/assets/../../secret.txt', '//etc/passwd', '/assets', '/nothing']) {
    test(`${path} is not found`, async () => {
      const answer = await new Promise<string>((resolve, reject) => {
        const socket = connect(local.port, '127.0.0.1')
        let text = ''
        socket.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        socket.on('end', () => resolve(text))
        socket.on('error', reject)
        socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      })
      assert.match(answer, /^HTTP\/1\.1 404 /)
      assert.ok(!answer.includes('\nsecret'))
    })
  }

  // As curl --http2, Java's HttpClient and some proxies send each of their requests.
  for (const upgrade of ['h2c', 'TLS/1.0', 'h2c, foo/2']) {
    test(`a request that offers to upgrade to ${upgrade} is answered as if it did not`, async () => {
      const answer = await new Promise<string>((resolve, reject) => {
        const socket = connect(local.port, '127.0.0.1')
        let text = ''
        socket.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        socket.on('end', () => resolve(text))
        socket.on('error', reject)
        socket.write(
          `GET /assets/main.js HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: ${upgrade}\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n`,
        )
      })
      assert.match(answer, /^HTTP\/1\.1 200 /)
      assert.match(answer, /\r\n\r\nexport \{\}$/)
      assert.equal(local.server.counters.get('connections_refused'), 0)
    })
  }

  test('health, readiness and metrics', async () => {
    assert.deepEqual([(await get('/healthz')).status, (await get('/readyz')).status], [200, 200])
    const metrics = await get('/metrics')
    assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    const text = await metrics.text()
    assert.match(text, /^weft_connections_accepted_total \d+$/m)
    assert.match(text, /^weft_connections 0$/m)
  })
})

describe('behind a proxy, under a base path', () => {
  let folder: string
  let local: LocalServer
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weft-base-'))
    await writeFile(join(folder, 'index.html'), '<!doctype html><title>demo</title><script src="main.js"></script>')
    await writeFile(join(folder, 'main.js'), 'export {}')
    local = await startLocalServer({ demo: folder, basePath: '/apps/collab/' })
  })
  after(async () => {
    await local.server.close()
    await rm(folder, { recursive: true, force: true })
  })

  test('the demo and presence are below it, health and metrics at both places, and nothing else is anywhere', async () => {
    const { url } = local.server
    for (const path of [
      '/apps/collab/',
      '/apps/collab/?doc=notes',
      '/apps/collab',
      '/apps/collab/main.js',
      '/apps/collab/healthz',
      '/healthz',
      '/readyz',
      '/metrics',
    ]) {
      assert.equal((await fetch(`${url}${path}`)).status, 200, path)
    }
    assert.equal((await fetch(`${url}/apps/collab/api/v1/documents/a/presence`)).status, 200)
    assert.equal((await fetch(`${url}/apps/collab?doc=notes`)).url, `${url}/apps/collab/?doc=notes`, 'relative addresses need the slash')
    for (const path of ['/', '/main.js', '/apps/', '/apps/collaborate/', '/api/v1/documents/a/presence']) {
      const answer = await fetch(`${url}${path}`)
      assert.equal(answer.status, 404, path)
      assert.match(await answer.text(), /\/apps\/collab\//, 'it says where this server is')
    }
  })

  test('both dialects meet in one document below it; G5: outside of it a stock client is told so with 4404', async () => {
    const under = `${local.webSocketUrl}/apps/collab`
    const written = new Doc()
    const provider = new WebsocketProvider(under, 'notes/today', written, {
      WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
      disableBc: true,
    })
    const connection = openConnection(under)
    const read = new Doc()
    connection.open('notes/today', read)
    written.getText('body').insert(0, 'hello')
    await eventually('the edit arrives', () => read.getText('body').toJSON() === 'hello')
    provider.destroy()
    await connection.close()
    const outside = await RawClient.connect(`${local.webSocketUrl}/notes/today`)
    const closing = await outside.closed
    assert.equal(closing.code, 4404)
    assert.match(closing.reason, /base path/)
    for (const doc of [written, read]) doc.destroy()
  })
})

// Document ids that URLs have ideas of their own about: every dialect, every route and every command takes them, or refuses them in words.
import { strict as assert } from 'node:assert'
import { type TestContext, test } from 'node:test'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { createServer, type WeftServer } from '../../server/index.js'
import { ApiClient, documentPath } from '../helpers/api-client.js'
import { providerSocket } from '../helpers/hocuspocus.js'
import { runCommand } from '../helpers/run-command.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'
import { until } from '../helpers/until.js'

async function start(context: TestContext): Promise<{ readonly server: WeftServer; readonly ws: string; readonly api: ApiClient }> {
  const server = await createServer({ dataDir: temporaryFolder(context), demo: false, logger: silentLogger })
  context.after(() => server.close())
  await server.listen(0)
  return { server, ws: server.url.replace('http', 'ws'), api: new ApiClient(server.url) }
}

/** Ids that look like steps, or like what a parser of URLs would decode, and are ids like any other. */
const ORDINARY = ['%2e', '%2E%2e', '...', '.a', 'a/../b', './x', '../../etc/passwd', 'a/.', '%', '%2F', '%252e', 'a?b#c', '~', '\\..\\']
const STEPS = ['.', '..']

test('every dialect, route and command takes ids that look like steps in a path', { timeout: 120_000 }, async (context) => {
  const { server, ws, api } = await start(context)
  const connection = connect(ws, { logger: silentLogger })
  context.after(() => connection.close())
  const socket = providerSocket(4, ws)
  for (const id of ORDINARY) {
    const doc = new Y.Doc()
    const session = connection.open(id, doc)
    await session.synced
    doc.getText('body').insert(0, `of ${id}`)
    await session.saved()
    const path = documentPath(id)
    assert.equal((await api.expect('GET', path)).documentId, id)
    assert.equal(await api.expect('GET', `${path}/content?format=text`), `of ${id}`)
    await api.expect('POST', `${path}/versions`, { name: 'first' })
    assert.equal((await api.expect('GET', `${path}/presence`)).documentId, id)
    // A y-websocket provider puts the name into the URL as it is.
    const stock = new WebsocketProvider(ws, encodeURIComponent(id), new Y.Doc(), { WebSocketPolyfill: WebSocket as never, disableBc: true })
    await until(() => stock.synced, `y-websocket opens ${id}`)
    assert.equal(stock.doc.getText('body').toString(), `of ${id}`)
    stock.destroy()
    stock.doc.destroy()
    const provider = socket.open(id)
    await until(() => provider.synced, `Hocuspocus' provider opens ${id}`)
    assert.equal(provider.document.getText('body').toString(), `of ${id}`)
    provider.destroy()
    const weft = async (...args: readonly string[]): Promise<string> => {
      const ended = await runCommand([...args, '--url', server.url])
      assert.equal(ended.code, 0, `${args.join(' ')}: ${ended.stderr}`)
      return ended.stdout
    }
    assert.equal(await weft('show', `${id}@"first"`), `of ${id}`)
    assert.match(await weft('versions', id), /first/)
    await session.close()
    doc.destroy()
  }
  // Before the server is: it would go on trying.
  socket.destroy()
  const listed = (await api.expect('GET', '/documents?limit=100')).items.map((item: { documentId: string }) => item.documentId)
  assert.deepEqual([...listed].sort(), [...ORDINARY].sort())
  const folder = temporaryFolder(context)
  const exported = await runCommand(['export', '--to', folder, '--url', server.url, '--json'])
  assert.equal(JSON.parse(exported.stdout).written, ORDINARY.length, exported.stderr)
  for (const id of ORDINARY) await api.expect('DELETE', documentPath(id))
  const imported = await runCommand(['import', folder, '--url', server.url, '--json'])
  assert.equal(JSON.parse(imported.stdout).imported, ORDINARY.length, imported.stderr)
  for (const id of ORDINARY) assert.equal(await api.expect('GET', `${documentPath(id)}/content?format=text`), `of ${id}`)
})

test('G5: the ids . and .. are refused in words by every dialect, route and command', { timeout: 60_000 }, async (context) => {
  const { server, ws, api } = await start(context)
  const connection = connect(ws, { logger: silentLogger })
  context.after(() => connection.close())
  await api.expect('POST', `${documentPath('a')}/updates`, { text: [{ root: 'body', at: 0, insert: 'x' }] })
  for (const id of STEPS) {
    const says = /is a step in the path of a URL; choose another one/
    await assert.rejects(connection.open(id, new Y.Doc()).synced, says)
    await assert.rejects(async () => server.document(id), says)
    // As a client sends it that knows nothing of URLs; one that does takes the step, and asks for a document without a name.
    const raw = await rawUpgrade(server.url, `/${id}`)
    assert.match(raw, /4400.*step in the path/s)
    const socket = providerSocket(4, ws)
    const provider = socket.open(id)
    const refusal = await new Promise<string>((resolve) =>
      provider.on('authenticationFailed', ({ reason }: { reason: string }) => resolve(reason)),
    )
    assert.match(refusal, says)
    provider.destroy()
    socket.destroy()
    const fork = await api.ask('POST', `${documentPath('a')}/fork`, { into: id })
    assert.deepEqual([fork.status, fork.body.code], [400, 'invalid-document-id'])
    const commands = [
      ['show', id],
      ['versions', id],
      ['changes', id],
      ['diff', id, '@-1h'],
      ['keep', id, 'x'],
      ['restore', id, '@-1h'],
      ['fork', id, 'b'],
      ['fork', 'a', id],
      ['export', id],
      ['check', id],
      ['delete', id, '--yes'],
    ]
    for (const args of commands) {
      const ended = await runCommand([...args, '--url', server.url])
      assert.deepEqual([ended.code, says.test(ended.stderr)], [1, true], `${args.join(' ')}: ${ended.stdout} ${ended.stderr}`)
    }
  }
  assert.equal((await api.expect('GET', '/documents')).items.length, 1)
})

/** What comes of an upgrade whose target was not looked at by a parser of URLs: how it was closed, and why. */
async function rawUpgrade(url: string, target: string): Promise<string> {
  const { port, hostname } = new URL(url)
  const socket = new WebSocket(`ws://${hostname}:${port}/x`, {
    finishRequest: (request: { path: string; end(): void }) => {
      request.path = target
      request.end()
    },
  } as never)
  return new Promise((resolve, reject) => {
    socket.once('close', (code, reason) => resolve(`${code} ${reason.toString()}`))
    socket.once('error', reject)
  })
}

// The audit trail: who did what over the API, and who was let in to documents, in order, without tokens and without content; and a file that cannot be written.
import { strict as assert } from 'node:assert'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { systemClock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import { silentLogger } from '../../core/log.js'
import type { Authorize } from '../../server/index.js'
import { ApiClient, documentPath, type Json } from '../helpers/api-client.js'
import { startLocalServer } from '../helpers/local-server.js'
import { eventually } from '../helpers/states.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'

const adminKey = 'the-key-of-the-operator'
const ID = 'notes/today — 文'
const PATH = documentPath(ID)

const linesIn = (file: string): readonly Json[] =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

test('X5: each change over the API, each export and each refusal is a line that says who, what and when, and no token or content', async (context) => {
  const auditLog = path.join(temporaryFolder(context), 'audit.log')
  const { server } = await startLocalServer({ auditLog, access: { adminKey } })
  context.after(() => server.close())
  const api = new ApiClient(server.url, adminKey)
  await api.expect('POST', `${PATH}/updates`, { text: [{ root: 'body', at: 0, insert: 'a secret of the author' }] })
  await api.expect('POST', `${PATH}/versions`, { name: 'a name' })
  await api.expect('GET', `${PATH}/content`)
  await api.expect('GET', `${PATH}/archive?token=${adminKey}`)
  const { secret: apiKey } = await api.expect('POST', '/keys', { name: 'script', documents: { '**': 'admin' } })
  const { secret: readKey } = await api.expect('POST', '/keys', { name: 'reader', documents: { 'wiki/**': 'read' } })
  await new ApiClient(server.url, readKey).ask('DELETE', documentPath('not/shared'))
  await new ApiClient(server.url, 'made up').ask('DELETE', `${PATH}?token=another-secret`)
  assert.equal(await api.refusal('POST', `${PATH}/restore`, { at: 'v99' }), '404 moment-gone')
  // Moved away, as by whatever rotates logs: the next line makes it anew.
  await eventually('what came before to be written', () => linesIn(auditLog).length >= 7)
  renameSync(auditLog, `${auditLog}.1`)
  await new ApiClient(server.url, apiKey).expect('DELETE', PATH)
  await server.close()
  const text = `${readFileSync(`${auditLog}.1`, 'utf8')}${readFileSync(auditLog, 'utf8')}`
  for (const secret of [adminKey, 'another-secret', 'made up', 'a secret of the author', 'a name', apiKey])
    assert.ok(!text.includes(secret), secret)
  const lines = [...linesIn(`${auditLog}.1`), ...linesIn(auditLog)]
  assert.deepEqual(
    lines.filter(({ documentId }) => documentId === ID).map(({ act, status, code, address }) => [act, status, code, address]),
    [
      ['POST /api/v1/documents/{id}/updates', 200, null, '127.0.0.1'],
      ['POST /api/v1/documents/{id}/versions', 201, null, '127.0.0.1'],
      ['GET /api/v1/documents/{id}/archive', 200, null, '127.0.0.1'],
      ['DELETE /api/v1/documents/{id}', 401, 'unauthenticated', '127.0.0.1'],
      ['POST /api/v1/documents/{id}/restore', 404, 'moment-gone', '127.0.0.1'],
      ['DELETE /api/v1/documents/{id}', 200, null, '127.0.0.1'],
    ],
  )
  assert.deepEqual(lines.at(-1)?.user, 'key:script')
  assert.equal(lines.find(({ documentId }) => documentId === 'not/shared')?.user, 'key:reader', 'who tried is known')
  assert.ok(lines.some(({ act, status }) => act === 'POST /api/v1/keys' && status === 201))
  for (const { at } of lines) assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000)
})

test('an audit log that cannot be written costs no request, and is said in the log', async (context) => {
  const said: string[] = []
  const logger: Logger = { ...silentLogger, error: (_fields, message) => void said.push(message) }
  const { server } = await startLocalServer({ auditLog: path.join(temporaryFolder(context), 'no', 'such', 'folder'), logger })
  context.after(() => server.close())
  const api = new ApiClient(server.url)
  await api.expect('POST', `${PATH}/updates`, { text: [{ root: 'body', at: 0, insert: 'x' }] })
  await eventually('it to be said', () => said.includes('the audit log cannot be written'))
  assert.equal(await api.expect('GET', `${PATH}/content?format=text`), 'x')
})

test('Whoever is refused a thousand times gets some lines, and the next one says how many were left out', async (context) => {
  const auditLog = path.join(temporaryFolder(context), 'audit.log')
  const clock = { ...systemClock, monotonic: () => elapsedMs }
  let elapsedMs = 1_000
  const { server } = await startLocalServer({ auditLog, clock, access: { adminKey } })
  context.after(() => server.close())
  const stranger = (): Promise<unknown> =>
    server.fetch(new Request(`http://localhost/api/v1/documents/${'x'.repeat(400)}`, { method: 'DELETE' }))
  for (let attempt = 0; attempt < 1_000; attempt++) await stranger()
  elapsedMs += 1_000
  await stranger()
  await server.close()
  const lines = linesIn(auditLog)
  assert.equal(lines.length, 21)
  assert.deepEqual([lines.at(-2)?.leftOut, lines.at(-1)?.leftOut], [undefined, 980])
  for (const { act } of lines) assert.ok(act.length <= 300)
})

test('X5: who was let in to a document, who left it and who was refused are lines without their tokens, over both dialects', async (context) => {
  const auditLog = path.join(temporaryFolder(context), 'audit.log')
  const authorize: Authorize = ({ token }) => {
    if (token !== 'token-of-ann') throw new WeftError('forbidden', 'Ask Ann.')
    return { user: 'ann', permission: 'read-write' }
  }
  const { server, webSocketUrl } = await startLocalServer({ auditLog, authorize, logger: silentLogger })
  context.after(() => server.close())
  const sessionOf = (token: string) => {
    const connection = connect(webSocketUrl, { token, logger: silentLogger })
    return { connection, session: connection.open(ID, new Y.Doc()) }
  }
  const ann = sessionOf('token-of-ann')
  await ann.session.synced
  await ann.connection.close()
  const stranger = sessionOf('token-of-nobody')
  await assert.rejects(stranger.session.synced)
  await stranger.connection.close()
  const stockDoc = new Y.Doc()
  // Its awareness looks around every few seconds until then.
  context.after(() => stockDoc.destroy())
  const stock = new WebsocketProvider(webSocketUrl, encodeURIComponent(ID), stockDoc, {
    params: { token: 'token-of-nobody-else' },
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc: true,
  })
  await eventually('all to be written', () => existsSync(auditLog) && linesIn(auditLog).length >= 4)
  stock.destroy()
  await server.close()
  const lines = linesIn(auditLog)
  assert.deepEqual(
    lines.slice(0, 3).map(({ act, user, documentId, code, status }) => [act, user, documentId, code, status]),
    [
      ['session opened', 'ann', ID, null, null],
      ['session closed', 'ann', ID, null, null],
      ['session refused', null, ID, 'forbidden', null],
    ],
  )
  for (const { act } of lines.slice(3)) assert.equal(act, 'session refused', 'the stock provider tries again')
  assert.equal(lines[0]?.sessionId, lines[1]?.sessionId)
  assert.ok(!readFileSync(auditLog, 'utf8').includes('token-of'))
})

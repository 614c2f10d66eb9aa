// GET /api/v1/documents/:id/presence on one machine: what it answers, to whom, and what it does with bad requests (A1, G1, G5).
import assert from 'node:assert/strict'
import { connect as connectTcp } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Doc } from 'yjs'
import { connect } from '../../client/index.js'
import { WeftError } from '../../core/errors.js'
import type { ServerOptions } from '../../server/index.js'
import { type LocalServer, startLocalServer } from '../helpers/local-server.js'
import { readMetric } from '../helpers/metrics.js'
import { until } from '../helpers/until.js'

async function start(t: TestContext, options: ServerOptions = {}): Promise<LocalServer> {
  const local = await startLocalServer(options)
  t.after(() => local.server.close())
  return local
}

async function get(
  local: LocalServer,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; type: string; body: string }> {
  const response = await fetch(`${local.server.url}${path}`, { headers })
  return { status: response.status, type: response.headers.get('content-type') ?? '', body: await response.text() }
}

test('presence over HTTP: who is on a document, by its percent-encoded id, until they leave', async (t) => {
  const local = await start(t)
  const connection = connect(local.webSocketUrl)
  t.after(() => connection.close())
  const doc = new Doc()
  t.after(() => doc.destroy())
  const session = connection.open('notes/täglich', doc)
  session.awareness.setLocalState({ user: { name: 'Ada' } })
  const path = `/api/v1/documents/${encodeURIComponent('notes/täglich')}/presence`
  await until(async () => (await get(local, path)).body.includes('Ada'), 'Ada is there')
  const { status, type, body } = await get(local, path)
  assert.equal(status, 200)
  assert.match(type, /^application\/json/)
  assert.deepEqual(JSON.parse(body), {
    documentId: 'notes/täglich',
    clients: [{ clientId: doc.clientID, node: 'local', user: null, state: { user: { name: 'Ada' } } }],
    clientCount: 1,
    sessionCount: 1,
    complete: true,
  })
  assert.deepEqual(await local.server.presence?.documentPresence('notes/täglich'), JSON.parse(body), 'a program may ask the server itself')
  await connection.close()
  await until(async () => !(await get(local, path)).body.includes('Ada'), 'Ada is gone')
  assert.deepEqual(JSON.parse((await get(local, '/api/v1/documents/nobody/presence')).body).clients, [])
})

test('G5: bad ids get 400 and unknown addresses 404, with a reason', async (t) => {
  const local = await start(t)
  const bad = ['%ff', '%C3', 'x'.repeat(513), '%ED%A0%80']
  for (const id of bad) {
    const { status, body } = await get(local, `/api/v1/documents/${id}/presence`)
    assert.equal(status, 400, id.slice(0, 20))
    assert.equal(JSON.parse(body).code, 'invalid-document-id')
  }
  for (const path of [
    '/api/v1/documents/a/b/presence',
    '/api/v1/documents//presence',
    '/api/v1/documents/a',
    '/api/',
    '/api/v1/documents/a/presence/',
  ]) {
    assert.equal((await get(local, path)).status, 404, path)
  }
  const post = await fetch(`${local.server.url}/api/v1/documents/a/presence`, { method: 'POST' })
  assert.equal(post.status, 405)
})

test('G5: who may not open a document may not ask who is on it', async (t) => {
  const local = await start(t, {
    authorize: ({ documentId, token }) => {
      if (token === '') return Promise.reject(new WeftError('unauthenticated', 'A token is missing.'))
      if (documentId === 'gone') return Promise.reject(new WeftError('no-such-document', 'There is no such document.'))
      if (token !== 'right') return Promise.reject(new WeftError('forbidden', 'This token does not open the document.'))
      return Promise.resolve({ user: 'ada', permission: 'read-only' })
    },
  })
  const path = '/api/v1/documents/secret/presence'
  assert.equal((await get(local, path)).status, 401)
  assert.equal((await get(local, path, { authorization: 'Bearer wrong' })).status, 403)
  assert.equal((await get(local, '/api/v1/documents/gone/presence?token=right')).status, 404)
  assert.equal((await get(local, path, { authorization: 'Bearer right' })).status, 200)
  assert.equal((await get(local, `${path}?token=right`)).status, 200)
})

test('a program asks where a user is connected, by the name that authorization gave', async (t) => {
  const local = await start(t, { authorize: ({ token }) => Promise.resolve({ user: token, permission: 'read-write' }) })
  const connection = connect(local.webSocketUrl, { token: 'ada@example.org' })
  t.after(() => connection.close())
  for (const id of ['plan', 'notes']) await connection.open(id, new Doc()).synced
  const found = await local.server.presence?.connectionsOf('ada@example.org')
  assert.deepEqual(found?.map(({ documentId, node, sessionCount }) => [documentId, node, sessionCount]).sort(), [
    ['notes', 'local', 1],
    ['plan', 'local', 1],
  ])
  assert.deepEqual(await local.server.presence?.connectionsOf('bob@example.org'), [])
  await local.server.close()
  assert.equal(local.server.presence, null)
})

test('G1, G8: presenceStateBytesMax, answerBytesMax, answerMsMax: large states are left out of an answer, and answers that nobody takes are counted, bounded and dropped', async (t) => {
  const local = await start(t, {
    limits: {
      presenceStateBytesMax: 3_000_000,
      awarenessStateBytesMax: 4_000_000,
      awarenessMessageBytesMax: 8_000_000,
      answerBytesMax: 10_000_000,
      answerMsMax: 1_500,
    },
  })
  const connection = connect(local.webSocketUrl)
  t.after(() => connection.close())
  const docs = [new Doc(), new Doc()]
  for (const doc of docs) connection.open('crowd', doc).awareness.setLocalState({ text: 'x'.repeat(2_000_000) })
  const path = '/api/v1/documents/crowd/presence'
  await until(async () => JSON.parse((await get(local, path)).body).clients.length === 2, 'both are there')
  const { clients, clientCount } = JSON.parse((await get(local, path)).body) as { clients: { state: unknown }[]; clientCount: number }
  assert.equal(clientCount, 2)
  assert.equal(clients.filter(({ state }) => state !== null).length, 1, 'the second would pass the bound')
  const held = (): Promise<number> => readMetric(local.server.url, 'memory_answers_bytes')
  const readers = Array.from({ length: 30 }, () => {
    const socket = connectTcp(local.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.pause()
    // One after the other: the kernel takes the first megabytes.
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(10))
    return socket
  })
  await until(async () => (await get(local, path)).status === 503, 'further ones are refused')
  for (const doc of docs) doc.destroy()
  await until(async () => (await get(local, path)).status === 200, 'those that nobody takes are dropped')
  assert.equal(await held(), 0)
  for (const reader of readers) reader.destroy()
})

// Who may do what, over real sockets: tokens of every dialect and of the API, rights that are narrowed, renewed, expire and are revoked, and a server that nobody
// configured.
import { strict as assert } from 'node:assert'
import http from 'node:http'
import { type TestContext, test } from 'node:test'
import { SignJWT } from 'jose'
import WebSocket from 'ws'
import * as awarenessProtocol from 'y-protocols/awareness'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { MemoryStore } from '../../persistence/index.js'
import { encodeYWebsocket } from '../../protocol/dialects/y-websocket.js'
import { createServer, type ServerOptions } from '../../server/index.js'
import { type LocalServer, startLocalServer } from '../helpers/local-server.js'
import { RawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

const jwtSecret = 'a secret of more than thirty-two characters'
const adminKey = 'the-key-of-the-operator'

async function start(t: TestContext, options: ServerOptions = { access: { jwtSecret, adminKey } }): Promise<LocalServer> {
  const local = await startLocalServer(options)
  t.after(() => local.server.close())
  return local
}

interface Claims {
  readonly sub?: string
  readonly documents?: Readonly<Record<string, string>>
  readonly cursor?: boolean
  readonly inMs?: number
  readonly jti?: string
}

function token({ sub = 'ada', documents = { 'notes/**': 'write' }, cursor = true, inMs = 3_600_000, jti }: Claims = {}): Promise<string> {
  const now = Date.now() / 1000
  return new SignJWT({
    sub,
    weft: { documents, cursor },
    iat: Math.floor(now),
    exp: now + inMs / 1000,
    ...(jti === undefined ? {} : { jti }),
  })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(Buffer.from(jwtSecret))
}

async function api(
  local: LocalServer,
  method: string,
  path: string,
  bearer: string,
  body?: unknown,
): Promise<{ status: number; json: ReturnType<typeof JSON.parse> }> {
  const response = await fetch(`${local.server.url}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, json: await response.json() }
}

function stock(
  t: TestContext,
  local: LocalServer,
  documentId: string,
  parameters: Record<string, string>,
  protocols: string[] = [],
): WebsocketProvider {
  const provider = new WebsocketProvider(local.webSocketUrl, documentId, new Y.Doc(), {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    params: parameters,
    protocols,
    disableBc: true,
  })
  t.after(() => {
    provider.destroy()
    provider.doc.destroy()
  })
  return provider
}

function ours(t: TestContext, local: LocalServer, documentId: string, source: string | (() => string | Promise<string>)) {
  const connection = connect(local.webSocketUrl, { token: source, logger: silentLogger })
  const doc = new Y.Doc()
  t.after(async () => {
    await connection.close()
    doc.destroy()
  })
  return connection.open(documentId, doc)
}

const ignore = (): void => {}

async function closeCodeOf(provider: WebsocketProvider): Promise<number> {
  return new Promise((resolve) => provider.once('connection-close', (event) => resolve(event?.code ?? 0)))
}

test('X2: stock providers and our client write what a token grants, and are refused in words what it does not', async (t) => {
  const local = await start(t)
  const good = await token()
  const writer = stock(t, local, 'notes/today', { token: good })
  const reader = ours(t, local, 'notes/today', await token({ sub: 'bob', documents: { 'notes/*': 'read' } }))
  writer.doc.getText('body').insert(0, 'hello')
  await until(() => reader.doc.getText('body').toString() === 'hello', 'the reader sees it')
  assert.equal(reader.permission, 'read-only')
  reader.doc.getText('body').insert(0, 'oh ')
  await assert.rejects(reader.saved(), { code: 'forbidden' })

  await assert.rejects(ours(t, local, 'other', good).synced, { code: 'forbidden', closeCode: 4403 })
  await assert.rejects(ours(t, local, 'notes/today', '').synced, { code: 'unauthenticated', closeCode: 4401 })
  assert.equal(await closeCodeOf(stock(t, local, 'other', { token: good })), 4403)
  assert.equal(await closeCodeOf(stock(t, local, 'notes/today', {})), 4401)
})

test('a token may come as a subprotocol, in a header or in a cookie', async (t) => {
  const local = await start(t, { access: { jwtSecret, tokenCookie: 'weft' } })
  const good = await token()
  const bySubprotocol = stock(t, local, 'notes/a', {}, ['mine', `weft-token.${good}`])
  await until(() => bySubprotocol.synced, 'the provider is in step')
  assert.equal(bySubprotocol.ws?.protocol, 'mine')
  const only = stock(t, local, 'notes/a', {}, [`weft-token.${good}`])
  await until(() => only.synced, 'a browser takes an answer for what it offered only')
  const open = async (headers: Record<string, string>): Promise<number> => {
    const socket = new WebSocket(`${local.webSocketUrl}/notes/a`, { headers })
    const code = await new Promise<number>((resolve) => {
      socket.on('close', resolve).on('error', ignore)
      socket.on('message', () => resolve(1000))
    })
    socket.terminate()
    return code
  }
  assert.equal(await open({ Authorization: `Bearer ${good}` }), 1000)
  assert.equal(await open({ Cookie: `a=b; weft=${good}`, Origin: local.server.url }), 1000)
  assert.equal(await open({ Cookie: `weft=${good}`, Origin: 'https://evil.example' }), 4401)
})

test('G6: a reader can write nothing, by any message of any dialect and over the API', async (t) => {
  const local = await start(t)
  const reading = await token({ sub: 'bob', documents: { 'notes/**': 'read' } })
  const doc = new Y.Doc()
  doc.getText('body').insert(0, 'written by a reader')
  const update = Y.encodeStateAsUpdate(doc)
  const raw = await RawClient.connect(`${local.webSocketUrl}/notes/today?token=${reading}`)
  for (const type of ['update', 'sync-step-2'] as const) raw.sendY({ type, update })
  await until(() => raw.yMessages.filter((message) => message.type === 'auth-denied').length === 2, 'both are refused')
  const weft = await RawClient.connect(`${local.webSocketUrl}/`, ['weft.1'])
  weft.sendWeft({ type: 'hello', agent: 'test', token: reading })
  weft.sendWeft({ type: 'open', channel: 1, documentId: 'notes/today', token: '', known: { kind: 'nothing' } })
  weft.sendWeft({ type: 'part', channel: 1, bytes: update.subarray(0, 5) })
  weft.sendWeft({ type: 'submit', channel: 1, submission: 1, update: update.subarray(5) })
  weft.sendWeft({ type: 'submit', channel: 1, submission: 2, update })
  await until(() => weft.weftMessages.filter((message) => message.type === 'refused').length === 2, 'both submissions are refused')
  const path = '/documents/notes%2Ftoday'
  assert.equal((await api(local, 'POST', `${path}/updates`, reading, { text: [{ root: 'body', at: 0, insert: 'x' }] })).status, 403)
  assert.equal((await api(local, 'POST', `${path}/restore`, reading, { at: '-1m' })).status, 403)
  assert.equal((await api(local, 'DELETE', path, reading)).status, 403)
  for (const client of [raw, weft]) client.socket.terminate()
  const watcher = ours(t, local, 'notes/today', await token())
  await watcher.synced
  assert.equal(watcher.doc.getText('body').toString(), '')
  doc.destroy()
})

test('A1: who may show no cursor shows none, and sees those of others', async (t) => {
  const local = await start(t)
  const shown = ours(t, local, 'notes/today', await token())
  const hidden = stock(t, local, 'notes/today', { token: await token({ sub: 'bob', cursor: false }) })
  const others = stock(t, local, 'notes/today', { token: await token({ sub: 'cyd' }) })
  for (const provider of [hidden, others]) await until(() => provider.synced, 'the provider is in step')
  hidden.awareness.setLocalState({ user: { name: 'Bob' } })
  others.awareness.setLocalState({ user: { name: 'Cyd' } })
  shown.awareness.setLocalState({ user: { name: 'Ada' } })
  await until(() => hidden.awareness.getStates().has(shown.doc.clientID), 'the hidden one sees the others')
  await until(() => shown.awareness.getStates().has(others.doc.clientID), 'the others are seen')
  // Sent again, so that it came before what the other one says next.
  hidden.ws?.send(
    Buffer.concat(
      encodeYWebsocket({ type: 'awareness', update: awarenessProtocol.encodeAwarenessUpdate(hidden.awareness, [hidden.doc.clientID]) }),
    ),
  )
  hidden.doc.getText('body').insert(0, 'x')
  await until(() => shown.doc.getText('body').length === 1, 'what was sent after it has come')
  assert.ok(!shown.awareness.getStates().has(hidden.doc.clientID))
})

test('X3: a token that expires ends the session in time; our client shows another before, and goes on without a break', async (t) => {
  const local = await start(t, { access: { jwtSecret, jwtClockToleranceMs: 0 } })
  const short = await token({ inMs: 2_500 })
  const stockClosed = closeCodeOf(stock(t, local, 'notes/today', { token: short }))
  const fixed = ours(t, local, 'notes/today', short)
  let asked = 0
  const renewing = ours(t, local, 'notes/today', () => {
    asked += 1
    return token({ inMs: asked > 2 ? 3_600_000 : 2_500 })
  })
  const states: string[] = []
  await Promise.all([fixed.synced, renewing.synced])
  renewing.on('status', ({ state }) => states.push(state))
  assert.equal(await stockClosed, 4401)
  await until(() => fixed.status.state === 'refused', 'whoever has no other token is refused')
  await until(() => asked >= 3, 'the client asked for another token')
  renewing.doc.getText('body').insert(0, 'still here')
  await renewing.saved()
  assert.ok(
    states.every((state) => state === 'saving' || state === 'saved' || state === 'synced'),
    states.join(' '),
  )
})

test('X3: a client whose token could not be renewed in time comes back with a fresh one, and loses nothing that it typed', async (t) => {
  const local = await start(t, { access: { jwtSecret, jwtClockToleranceMs: 0 } })
  let asked = 0
  let offline = false
  const session = ours(t, local, 'notes/today', async () => {
    asked += 1
    if (offline) throw new Error('the login server does not answer')
    return token({ inMs: asked <= 2 ? 1_500 : 3_600_000 })
  })
  await session.synced
  offline = true
  await until(() => session.status.state === 'connecting' || session.status.state === 'offline', 'the session has ended')
  session.doc.getText('body').insert(0, 'typed meanwhile')
  offline = false
  await session.saved()
  const other = ours(t, local, 'notes/today', await token({ sub: 'bob' }))
  await until(() => other.doc.getText('body').toString() === 'typed meanwhile', 'it is there')
})

test('X3: a revoked user is cut off at once, in mid-session, and keeps what they typed; others stay', async (t) => {
  const local = await start(t)
  const ada = ours(t, local, 'notes/today', await token({ jti: 't1' }))
  const adaStock = stock(t, local, 'notes/today', { token: await token() })
  const bob = ours(t, local, 'notes/today', await token({ sub: 'bob' }))
  await Promise.all([ada.synced, bob.synced])
  await until(() => adaStock.synced, 'the provider is in step')
  const listed = await api(local, 'GET', '/sessions?user=ada', adminKey)
  assert.deepEqual(
    listed.json.items.map(({ documentId, user }: { documentId: string; user: string }) => [documentId, user]),
    [
      ['notes/today', 'ada'],
      ['notes/today', 'ada'],
    ],
  )
  const closed = closeCodeOf(adaStock)
  // A token counts if it was issued later, in whole seconds.
  assert.equal((await api(local, 'POST', '/revocations', adminKey, { kind: 'user', id: 'ada' })).status, 201)
  assert.equal(await closed, 4401)
  await until(() => ada.status.state === 'refused', 'the session is over')
  ada.doc.getText('body').insert(0, 'typed after it')
  assert.equal(ada.doc.getText('body').toString(), 'typed after it')
  await assert.rejects(ada.saved(), { code: 'unauthenticated' })
  bob.doc.getText('body').insert(0, 'bob goes on')
  await bob.saved()
  assert.equal(bob.doc.getText('body').toString(), 'bob goes on')
  assert.equal((await api(local, 'GET', '/sessions', adminKey)).json.total, 1)
  // One session of several.
  const [{ sessionId }] = (await api(local, 'GET', '/sessions?user=bob', adminKey)).json.items
  await api(local, 'POST', '/revocations', adminKey, { kind: 'session', id: sessionId })
  await until(() => bob.status.state === 'refused', 'that session is over')
  // What is revoked is listed by pages, the newest first.
  const page = (await api(local, 'GET', '/revocations?limit=1', adminKey)).json
  assert.deepEqual([page.items.length, page.items[0].kind], [1, 'session'])
  const last = (await api(local, 'GET', `/revocations?limit=1&after=${encodeURIComponent(page.next)}`, adminKey)).json
  assert.deepEqual([last.items.map(({ id }: { id: string }) => id), last.next], [['ada'], null])
  assert.equal((await api(local, 'GET', '/revocations?after=nothing', adminKey)).status, 400)
})

test('X4: a ticket from the API opens its documents once, for whom it was made', async (t) => {
  const local = await start(t)
  const wanted = { user: 'ada', documents: { 'notes/**': 'write' } }
  assert.equal((await api(local, 'POST', '/tickets', await token(), wanted)).status, 403)
  const { ticket } = (await api(local, 'POST', '/tickets', adminKey, wanted)).json
  const first = ours(t, local, 'notes/a', ticket)
  first.doc.getText('body').insert(0, 'x')
  await first.saved()
  await assert.rejects(ours(t, local, 'notes/a', ticket).synced, { code: 'unauthenticated' })
  const { items } = (await api(local, 'GET', '/documents/notes%2Fa/changes', adminKey)).json
  assert.deepEqual(items[0].users, ['ada'])
})

test('API keys: made, used by a script, listed without their secrets, revoked with the sessions that they opened', async (t) => {
  const local = await start(t)
  const made = await api(local, 'POST', '/keys', adminKey, { name: 'export', documents: { 'notes/**': 'admin' } })
  assert.equal(made.status, 201)
  const { id, secret } = made.json
  const session = ours(t, local, 'notes/a', secret)
  await session.synced
  assert.equal((await api(local, 'GET', '/documents?prefix=notes%2F', secret)).status, 200)
  assert.equal((await api(local, 'GET', '/documents?prefix=', secret)).status, 403)
  assert.equal((await api(local, 'GET', '/keys', secret)).status, 403)
  const { items } = (await api(local, 'GET', '/keys', adminKey)).json
  assert.equal(items.length, 1)
  assert.ok(!JSON.stringify(items).includes(secret.slice('wk_0123456789abcdef_'.length)))
  assert.equal((await api(local, 'DELETE', `/keys/${id}`, adminKey)).json.removed, true)
  await until(() => session.status.state === 'refused', 'the session is over')
  assert.equal((await api(local, 'GET', '/documents?prefix=notes%2F', secret)).status, 401)
})

test('X1: a server that nobody configured serves its own machine only: loopback addresses, names and pages', async (t) => {
  const local = await start(t, {})
  const upgrade = (headers: Record<string, string>): Promise<number> =>
    new Promise((resolve) => {
      const request = http.request(`${local.server.url}/notes`, {
        headers: {
          Connection: 'Upgrade',
          Upgrade: 'websocket',
          'Sec-WebSocket-Version': '13',
          'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
          ...headers,
        },
      })
      request.on('upgrade', (_response, socket) => {
        socket.destroy()
        resolve(101)
      })
      request.on('response', (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      request.on('error', () => resolve(0)).end()
    })
  const port = local.port
  const cases: readonly [Record<string, string>, number][] = [
    [{}, 101],
    [{ Host: `localhost:${port}`, Origin: 'http://localhost:5173' }, 101],
    [{ Origin: 'http://127.0.0.1:3000' }, 101],
    [{ Host: `weft.example.com:${port}` }, 403],
    [{ Origin: 'https://evil.example' }, 403],
    [{ Origin: 'null' }, 403],
    [{ 'X-Forwarded-For': '203.0.113.9' }, 403],
    [{ Origin: 'http://localhost.evil.example' }, 403],
  ]
  for (const [headers, status] of cases) assert.equal(await upgrade(headers), status, JSON.stringify(headers))
  for (const host of ['0.0.0.0', '::']) {
    const options = { store: new MemoryStore({ clock: systemClock }), demo: false as const, logger: silentLogger }
    const closed = await createServer(options)
    t.after(() => closed.close())
    await assert.rejects(closed.listen(0, host), { code: 'invalid-configuration' })
    await closed.close()
    const open = await createServer({ ...options, access: { insecureOpen: true } })
    t.after(() => open.close())
    await open.listen(0, host)
    await open.close()
    const example = await createServer({ ...options, access: { adminKey: 'example-admin-key' } })
    t.after(() => example.close())
    await assert.rejects(example.listen(0, host), /one of the examples/)
    await example.close()
  }
})

test('X6: pages of origins that were allowed may connect and ask the API, and no others', async (t) => {
  const local = await start(t, { access: { adminKey, allowedOrigins: ['https://app.example.com'] } })
  const upgrade = async (origin: string): Promise<string> => {
    const socket = new WebSocket(`${local.webSocketUrl}/notes?token=${adminKey}`, { origin })
    const outcome = await new Promise<string>((resolve) =>
      socket.on('open', () => resolve('open')).on('error', (error) => resolve(error.message)),
    )
    socket.terminate()
    return outcome
  }
  assert.equal(await upgrade('https://app.example.com'), 'open')
  assert.match(await upgrade('https://evil.example'), /403/)
  const ask = (origin: string, method = 'GET') =>
    fetch(`${local.server.url}/api/v1/documents/notes/presence`, {
      method,
      headers: { Origin: origin, Authorization: `Bearer ${adminKey}`, 'Sec-Fetch-Site': 'cross-site' },
    })
  const allowed = await ask('https://app.example.com')
  assert.deepEqual([allowed.status, allowed.headers.get('access-control-allow-origin')], [200, 'https://app.example.com'])
  assert.equal((await ask('https://app.example.com', 'OPTIONS')).status, 204)
  const refused = await ask('https://evil.example')
  assert.deepEqual([refused.status, refused.headers.get('access-control-allow-origin')], [403, null])
})

test('X5: no token reaches the log, an answer or a metric, whatever becomes of it', async (t) => {
  const lines: string[] = []
  const write = (fields: object, message: string): void =>
    void lines.push(JSON.stringify(fields, (_key, value) => (value instanceof Error ? String(value.stack) : value)) + message)
  const local = await start(t, { access: { jwtSecret, adminKey }, logger: { debug: write, info: write, warn: write, error: write } })
  const expiredToken = await token({ inMs: -60_000 })
  const shown = [
    await token(),
    expiredToken,
    'hunter2-hunter2',
    'wk_0123456789abcdef_hunter2hunter2hunter2hunter2hunter2hunter2h',
    'wt_hunter2.hunter2',
    adminKey,
  ]
  const answers: string[] = []
  for (const one of shown) {
    const raw = await RawClient.connect(`${local.webSocketUrl}/notes/a?token=${encodeURIComponent(one)}`)
    raw.sendY({ type: 'update', update: Uint8Array.of(9, 9, 9) })
    answers.push(JSON.stringify(await raw.closed))
    const session = ours(t, local, 'notes/a', one)
    answers.push(await session.synced.then(() => '', String))
    const response = await fetch(`${local.server.url}/api/v1/documents/x/presence?token=${encodeURIComponent(one)}`)
    answers.push(await response.text())
  }
  answers.push(await (await fetch(`${local.server.url}/metrics`)).text())
  assert.ok(lines.length > 5, `${lines.length} lines were logged`)
  for (const text of [...lines, ...answers]) for (const one of shown) assert.ok(!text.includes(one) && !text.includes('hunter2'), text)
})

// Clients behind proxies that let no WebSocket through, hold answers back, or cut what takes long: they find a way in, and nothing is lost or comes twice.
import { strict as assert } from 'node:assert'
import { type TestContext, test } from 'node:test'
import * as Y from 'yjs'
import { type Clock, type ConnectOptions, connect, type DocumentSession, type WeftConnection } from '../../client/index.js'
import { systemClock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { silentLogger } from '../../core/log.js'
import { connectionsPath, httpHeaders } from '../../protocol/http-frames.js'
import type { ServerOptions } from '../../server/index.js'
import { type } from '../helpers/client-fixture.js'
import { TestCluster } from '../helpers/cluster.js'
import { HttpProxy, type HttpProxyOptions } from '../helpers/http-proxy.js'
import { type LocalServer, startLocalServer } from '../helpers/local-server.js'
import { ServerProcess } from '../helpers/server-process.js'
import { canonicalState, eventually } from '../helpers/states.js'

const DOCUMENT = 'notes/today'

/** Waits take a tenth of their time: what a client waits for before it tries something else is not what is tested. */
const hasty: Clock = { ...systemClock, after: (delayMs, run, options) => systemClock.after(delayMs / 10, run, options) }

interface Client {
  readonly connection: WeftConnection
  readonly doc: Y.Doc
  readonly session: DocumentSession
  readonly messages: string[]
}

function open(context: TestContext, url: string, options: ConnectOptions = {}): Client {
  const connection = connect(url, { logger: silentLogger, ...options })
  context.after(() => connection.close())
  const doc = new Y.Doc()
  const session = connection.open(DOCUMENT, doc)
  const messages: string[] = []
  session.on('message', ({ payload }) => messages.push(payload))
  return { connection, doc, session, messages }
}

async function serverBehind(
  context: TestContext,
  proxied: Omit<HttpProxyOptions, 'targets'> = {},
  options: ServerOptions = {},
): Promise<LocalServer & { readonly proxy: HttpProxy }> {
  const local = await startLocalServer(options)
  context.after(() => local.server.close())
  const proxy = await HttpProxy.start({ ...proxied, targets: [local.port] })
  context.after(() => proxy.stop())
  return { ...local, proxy }
}

function transportOf({ connection }: Client): string {
  return connection.status.state === 'connected' ? connection.status.transport : connection.status.state
}

/** Each types and says something, so many times, one after the other's answer. Answers all that was acknowledged, and all that was said. */
async function busy(clients: readonly Client[], times: number): Promise<{ readonly typed: string[]; readonly said: string[] }> {
  const typed: string[] = []
  const said: string[] = []
  await Promise.all(
    clients.map(async ({ doc, session }, index) => {
      for (let key = 0; key < times; key++) {
        const piece = `<${index}:${key}>`
        type(doc, piece)
        session.awareness?.setLocalState({ at: piece })
        if (key % 10 === 0 && session.broadcast(piece)) said.push(piece)
        await session.saved()
        typed.push(piece)
      }
    }),
  )
  return { typed, said }
}

async function converged(clients: readonly Client[]): Promise<string> {
  await Promise.all(clients.map(({ session }) => session.saved()))
  await eventually('the same state everywhere', () => new Set(clients.map(({ doc }) => canonicalState(doc))).size === 1)
  return clients[0]?.doc.getText('body').toString() ?? ''
}

function assertOnce(text: string, pieces: readonly string[]): void {
  for (const piece of pieces) assert.equal(text.split(piece).length - 1, 1, `${piece} is there once`)
}

async function seeEachOther(clients: readonly Client[]): Promise<void> {
  for (const [index, { session }] of clients.entries()) session.awareness?.setLocalState({ name: `client ${index}` })
  await eventually('everybody sees everybody', () =>
    clients.every(({ session }) => {
      const names = [...(session.awareness?.getStates().values() ?? [])].map((state) => state['name'])
      return clients.every((_, index) => names.includes(`client ${index}`))
    }),
  )
}

test('behind a proxy that refuses upgrades clients go by server-sent events: edits, cursors and messages, each once (S1)', async (context) => {
  const { proxy, server } = await serverBehind(context)
  const clients = [open(context, proxy.url), open(context, proxy.url), open(context, server.url)]
  await Promise.all(clients.map(({ session }) => session.synced))
  assert.deepEqual(clients.map(transportOf), ['sse', 'sse', 'websocket'])
  const { typed, said } = await busy(clients, 50)
  assertOnce(await converged(clients), typed)
  await eventually('all that was said has come', () =>
    clients.every(({ messages }, index) =>
      said.filter((piece) => !piece.startsWith(`<${index}:`)).every((piece) => messages.includes(piece)),
    ),
  )
  for (const { messages } of clients) assert.equal(new Set(messages).size, messages.length, 'no message came twice')
  await seeEachOther(clients)
  assert.equal(server.counters.get('connections_over_http'), 2)
  await clients[0]?.connection.close()
  await eventually('who has left is seen no more (A4)', () => clients[2]?.session.awareness?.getStates().size === 2)
})

test('behind a proxy that holds answers back clients go by long polls', async (context) => {
  const { proxy, server } = await serverBehind(context, { buffers: true })
  const clients = [open(context, proxy.url, { clock: hasty }), open(context, server.url)]
  await Promise.all(clients.map(({ session }) => session.synced))
  assert.deepEqual(clients.map(transportOf), ['poll', 'websocket'])
  assert.ok(proxy.count('/events') > 0, 'server-sent events were tried before')
  const { typed } = await busy(clients, 50)
  assertOnce(await converged(clients), typed)
  await seeEachOther(clients)
})

for (const transport of ['sse', 'poll'] as const)
  test(`what a proxy cuts all the time goes on where it ended, by ${transport}: nothing lost, nothing twice, nobody reconnects (S6)`, async (context) => {
    const { proxy, server } = await serverBehind(context, { cutMs: 300, losesOneIn: 5 })
    const clients = [0, 1, 2].map(() => open(context, proxy.url, { transports: [transport] }))
    await Promise.all(clients.map(({ session }) => session.synced))
    const { typed, said } = await busy(clients, 60)
    assertOnce(await converged(clients), typed)
    await eventually('all that was said has come', () =>
      clients.every(({ messages }, index) =>
        said.filter((piece) => !piece.startsWith(`<${index}:`)).every((piece) => messages.includes(piece)),
      ),
    )
    for (const { messages } of clients) assert.equal(new Set(messages).size, messages.length, 'no message came twice')
    // Who says nothing is cut as well.
    await eventually('it has cut', () => proxy.cuts > 10)
    await seeEachOther(clients)
    assert.ok(proxy.lost > 5, `${proxy.lost} answers were lost`)
    assert.equal(server.counters.get('connections_over_http'), 3, 'nobody had to connect again')
  })

test('a WebSocket is tried again later, and taken when it gets through: nothing is lost on the way', async (context) => {
  const { proxy, server } = await serverBehind(context)
  const clients = [open(context, proxy.url, { improveAfterMs: 50 }), open(context, server.url)]
  const [client] = clients
  assert.ok(client !== undefined)
  await Promise.all(clients.map(({ session }) => session.synced))
  assert.equal(transportOf(client), 'sse')
  await eventually('it was tried again', () => (proxy.seen.get('upgrade') ?? 0) >= 3)
  assert.equal(transportOf(client), 'sse')
  const states: string[] = []
  client.connection.on('status', ({ state }) => states.push(state))
  const typing = busy(clients, 200)
  proxy.upgrades = 'passed'
  await eventually('it goes by a WebSocket', () => transportOf(client) === 'websocket')
  const { typed } = await typing
  assertOnce(await converged(clients), typed)
  await seeEachOther(clients)
  assert.deepEqual(new Set(states), new Set(['connected']), 'the application sees no interruption')
})

test('over HTTP, what was acknowledged survives kill -9 of the server, and everybody comes back by the same transport (D3)', async (context) => {
  const server = await ServerProcess.start({ flags: ['--no-demo'] })
  context.after(() => server.dispose())
  const proxy = await HttpProxy.start({ targets: [server.port] })
  context.after(() => proxy.stop())
  const clients = [
    open(context, proxy.url, { backoff: { baseMs: 20, capMs: 200 } }),
    open(context, proxy.url, { transports: ['poll'], backoff: { baseMs: 20, capMs: 200 } }),
  ]
  await Promise.all(clients.map(({ session }) => session.synced))
  const typing = busy(clients, 150)
  for (let kill = 0; kill < 3; kill++) {
    const before = clients[0]?.doc.getText('body').length ?? 0
    await eventually('they type', () => (clients[0]?.doc.getText('body').length ?? 0) > before + 100)
    await server.kill()
    await server.restart()
  }
  const { typed } = await typing
  assertOnce(await converged(clients), typed)
  assert.deepEqual(clients.map(transportOf), ['sse', 'poll'])
  const witness = open(context, server.url)
  await witness.session.synced
  assertOnce(witness.doc.getText('body').toString(), typed)
})

test('in a cluster behind a balancer that sends each request to the next node, a connection is reached wherever it is (S6)', async (context) => {
  const cluster = await TestCluster.start(context, { nodes: 3 })
  const proxy = await HttpProxy.start({ targets: cluster.nodes.map(({ port }) => port), cutMs: 500 })
  context.after(() => proxy.stop())
  const clients = [
    open(context, proxy.url),
    open(context, proxy.url, { transports: ['poll'] }),
    open(context, proxy.url),
    ...cluster.nodes.map((node) => open(context, node.url)),
  ]
  await Promise.all(clients.map(({ session }) => session.synced))
  assert.deepEqual(clients.map(transportOf), ['sse', 'poll', 'sse', 'websocket', 'websocket', 'websocket'])
  const { typed } = await busy(clients, 40)
  assertOnce(await converged(clients), typed)
  const relayed = cluster.nodes.reduce((sum, { counters }) => sum + counters.get('http_requests_relayed'), 0)
  assert.ok(relayed > 50, `${relayed} requests came to another node`)
  const opened = cluster.nodes.reduce((sum, { counters }) => sum + counters.get('connections_over_http'), 0)
  assert.equal(opened, 3, 'nobody had to connect again')
})

test('when a node of the cluster dies, its connections over HTTP come back to another, with everything (D3)', async (context) => {
  const cluster = await TestCluster.start(context, { nodes: 3 })
  const ports = cluster.nodes.map(({ port }) => port)
  const proxy = await HttpProxy.start({ targets: ports })
  context.after(() => proxy.stop())
  const backoff = { baseMs: 20, capMs: 200 }
  const clients = [0, 1, 2, 3].map((index) => open(context, proxy.url, { transports: [index % 2 === 0 ? 'sse' : 'poll'], backoff }))
  await Promise.all(clients.map(({ session }) => session.synced))
  const typing = busy(clients, 120)
  await eventually('they type', () => (clients[0]?.doc.getText('body').length ?? 0) > 100)
  const { owner } = cluster.around(DOCUMENT)
  await owner.kill()
  ports.splice(ports.indexOf(owner.port), 1)
  const { typed } = await typing
  assertOnce(await converged(clients), typed)
})

test('over HTTP a client needs its token as elsewhere, and hears why it is refused (G5)', async (context) => {
  const { proxy } = await serverBehind(
    context,
    {},
    {
      authorize: ({ token }) => {
        if (token !== 'good') throw new WeftError('unauthenticated', 'Sign in first.')
        return { permission: 'read-write', user: 'ada' }
      },
    },
  )
  for (const transports of [['sse'], ['poll']] as const) {
    const good = open(context, proxy.url, { transports, token: 'good' })
    await good.session.synced
    const bad = open(context, proxy.url, { transports, token: 'hunter2' })
    await assert.rejects(bad.session.synced)
    assert.equal(bad.session.status.state, 'refused')
  }
})

async function request(url: string, method: string, path: string, headers: Record<string, string>, body?: Uint8Array<ArrayBuffer>) {
  const answer = await fetch(`${url}${connectionsPath}${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
  return { status: answer.status, headers: answer.headers, body: await answer.text() }
}

const opening = { [httpHeaders.transport]: 'poll', [httpHeaders.protocols]: 'weft.1' }

test('pages of other origins open nothing over HTTP unless they were allowed, whatever cookies they bring (X6)', async (context) => {
  const cookies: (string | undefined)[] = []
  const { server } = await serverBehind(
    context,
    {},
    {
      access: { allowedOrigins: ['https://app.example.com'] },
      authorize: ({ headers }) => {
        cookies.push(headers.cookie)
        return { permission: 'read-write', user: null }
      },
    },
  )
  const cookie = { cookie: 'session=hunter2' }
  const evil = await request(server.url, 'POST', '', { ...opening, ...cookie, origin: 'https://evil.example' })
  assert.equal(evil.status, 403)
  assert.equal(evil.headers.get('access-control-allow-origin'), null)
  const preflight = await request(server.url, 'OPTIONS', '/messages', { origin: 'https://evil.example' })
  assert.equal(preflight.status, 403)
  const allowed = await request(server.url, 'OPTIONS', '/messages', { origin: 'https://app.example.com' })
  assert.equal(allowed.status, 204)
  assert.equal(allowed.headers.get('access-control-allow-origin'), 'https://app.example.com')
  assert.match(allowed.headers.get('access-control-allow-headers') ?? '', /weft-connection/)
  const opened = await request(server.url, 'POST', '', { ...opening, origin: 'https://app.example.com' })
  assert.equal(opened.status, 201)
  // Whoever has an id still comes from nowhere else.
  const { connection } = JSON.parse(opened.body) as { readonly connection: string }
  const stolen = { [httpHeaders.connection]: connection, [httpHeaders.after]: '0', origin: 'https://evil.example' }
  assert.equal((await request(server.url, 'GET', '/poll', stolen)).status, 403)
  assert.deepEqual(cookies, [])
})

test('connections over HTTP count as others do: limits, sizes, and what no connection is known for (G1)', async (context) => {
  const { server } = await serverBehind(
    context,
    {},
    { limits: { connectionsMax: 1, messageBytesMax: 1000, streamGapMsMax: 200, pollMsMax: 50 } },
  )
  const opened = await request(server.url, 'POST', '', opening)
  assert.equal(opened.status, 201)
  const full = await request(server.url, 'POST', '', opening)
  assert.equal(full.status, 503)
  assert.ok(Number(full.headers.get('retry-after')) > 0)
  const { connection } = JSON.parse(opened.body) as { readonly connection: string }
  const mine = { [httpHeaders.connection]: connection, [httpHeaders.after]: '0', [httpHeaders.first]: '1' }
  // What takes as long as a poll may is answered empty; the stream of a client that asks again does not count as lost.
  for (let polls = 0; polls < 6; polls++) assert.equal((await request(server.url, 'GET', '/poll', mine)).status, 204)
  assert.equal((await request(server.url, 'POST', '/messages', mine, new Uint8Array(300_000))).status, 413)
  assert.equal((await request(server.url, 'POST', '/messages', { ...mine, [httpHeaders.first]: '7' }, Uint8Array.of(0, 1, 1))).status, 409)
  assert.equal((await request(server.url, 'POST', '/messages', mine, Uint8Array.of(9, 1, 1))).status, 400)
  assert.equal((await request(server.url, 'GET', '/poll', { ...mine, [httpHeaders.after]: '99' })).status, 400)
  assert.equal((await request(server.url, 'GET', '/poll', { ...mine, [httpHeaders.after]: 'x' })).status, 400)
  assert.equal((await request(server.url, 'GET', '/poll', { ...mine, [httpHeaders.connection]: 'guessed' })).status, 404)
  assert.equal((await request(server.url, 'PUT', '/poll', mine)).status, 405)
  await eventually('a client that asks no more counts as lost', async () => (await request(server.url, 'POST', '', opening)).status === 201)
  const gone = await request(server.url, 'GET', '/poll', mine)
  assert.equal(gone.status, 410)
  assert.equal((JSON.parse(gone.body) as { readonly closeCode: number }).closeCode, 1006)
})

test('which transports there are is a setting: what is off is refused in words (G5)', async (context) => {
  const { server } = await serverBehind(context, {}, { transports: ['poll'] })
  const client = open(context, server.url)
  await client.session.synced
  assert.equal(transportOf(client), 'poll')
  const refused = await request(server.url, 'POST', '', { ...opening, [httpHeaders.transport]: 'sse' })
  assert.equal(refused.status, 403)
  assert.match(refused.body, /--transports/)
})

test('a client over HTTP that vanishes without a word is noticed, and its cursor goes (A4)', async (context) => {
  const { proxy, server } = await serverBehind(context, {}, { limits: { streamGapMsMax: 300 } })
  const clients = [open(context, proxy.url), open(context, server.url)]
  await Promise.all(clients.map(({ session }) => session.synced))
  await seeEachOther(clients)
  await proxy.stop()
  await eventually('it is seen no more', () => clients[1]?.session.awareness?.getStates().size === 1)
})

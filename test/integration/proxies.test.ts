// The configurations for nginx, HAProxy and Caddy in docker/proxies/, each checked by its own program and run in front of a server: WebSockets, streams, long polls, large
// bodies and quiet connections pass, and what is to stay inside does. Their timeouts are shortened here, and the server's pings with them.
import { strict as assert } from 'node:assert'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import * as Y from 'yjs'
import { connect, type DocumentSession, type WeftConnection } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { ApiClient, documentPath } from '../helpers/api-client.js'
import { freePort } from '../helpers/free-port.js'
import { startLocalServer } from '../helpers/local-server.js'
import { repositoryRoot } from '../helpers/repository.js'
import { eventually } from '../helpers/states.js'
import { temporaryFolder } from '../helpers/temporary-folder.js'

const adminKey = 'a-key-that-is-in-no-log-of-a-proxy'
const stockToken = 'nor-is-this-token'
const DOCUMENT = 'notes/today'
/** In the place of 60 s. */
const TIMEOUT_MS = 2_000
const transports = ['websocket', 'sse', 'poll'] as const

// The certificate is made here, and nobody has signed it.
process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'

type ProxyName = 'nginx' | 'haproxy' | 'caddy'

interface Place {
  readonly folder: string
  readonly port: number
  readonly plainPort: number
  readonly upstream: number
}

interface ProxyKind {
  readonly file: string
  /** What stands in the file, each exactly, and what stands there in a test. */
  readonly changes: (place: Place) => readonly (readonly [string, string])[]
  readonly check: (file: string, place: Place) => readonly string[]
  readonly run: (file: string, place: Place) => readonly string[]
}

const kinds: Readonly<Record<ProxyName, ProxyKind>> = {
  nginx: {
    file: 'nginx.conf',
    changes: ({ folder, port, plainPort, upstream }) => [
      ['pid /run/nginx.pid', `pid ${folder}/nginx.pid`],
      ['worker_processes auto', 'worker_processes 1'],
      ['/var/log/nginx/', `${folder}/`],
      ['/etc/ssl/weft/', `${folder}/`],
      ['listen 80;', `listen 127.0.0.1:${plainPort};`],
      ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
      ['server 127.0.0.1:1234 ', `server 127.0.0.1:${upstream} `],
      ['sync.example.com', 'localhost'],
      ['60s', `${TIMEOUT_MS}ms`],
    ],
    check: (file, { folder }) => ['-t', '-p', folder, '-c', file],
    run: (file, { folder }) => ['-p', folder, '-c', file, '-g', 'daemon off;'],
  },
  haproxy: {
    file: 'haproxy.cfg',
    changes: ({ folder, port, plainPort, upstream }) => [
      ['/etc/haproxy/', `${folder}/`],
      ['bind *:80', `bind 127.0.0.1:${plainPort}`],
      ['bind *:443', `bind 127.0.0.1:${port}`],
      ['127.0.0.1:1234', `127.0.0.1:${upstream}`],
      ['60s', `${TIMEOUT_MS}ms`],
    ],
    check: (file) => ['-c', '-f', file],
    run: (file) => ['-db', '-f', file],
  },
  caddy: {
    file: 'Caddyfile',
    changes: ({ folder, port, upstream }) => [
      ['sync.example.com {', `https://127.0.0.1:${port} {\n\ttls ${folder}/certificate.pem ${folder}/key.pem`],
      ['\tservers {', '\tadmin off\n\tauto_https disable_redirects\n\tservers {'],
      ['127.0.0.1:1234', `127.0.0.1:${upstream}`],
    ],
    check: (file) => ['validate', '--adapter', 'caddyfile', '--config', file],
    run: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
  },
}

function programOf(name: string): string {
  const variable = `WEFT_TEST_${name.toUpperCase()}`
  return process.env[variable] ?? assert.fail(`${variable} names no program; the test command sets it.`)
}

/** A proxy that runs, and all that it has said, access logs included. */
interface Proxy {
  readonly url: string
  readonly webSocketUrl: string
  said(): string
}

async function startProxy(context: TestContext, name: ProxyName, upstream: number): Promise<Proxy> {
  const folder = temporaryFolder(context)
  const place = { folder, port: await freePort(), plainPort: await freePort(), upstream }
  const certificate = ['-keyout', `${folder}/key.pem`, '-out', `${folder}/certificate.pem`, '-subj', '/CN=localhost', '-days', '1']
  execFileSync(programOf('openssl'), ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...certificate], { stdio: 'ignore' })
  writeFileSync(
    `${folder}/certificate-and-key.pem`,
    readFileSync(`${folder}/certificate.pem`, 'utf8') + readFileSync(`${folder}/key.pem`, 'utf8'),
  )
  const kind = kinds[name]
  let text = readFileSync(path.join(repositoryRoot, 'docker/proxies', kind.file), 'utf8')
  for (const [before, after] of kind.changes(place)) {
    assert.ok(text.includes(before), `${kind.file} has ${before}`)
    text = text.replaceAll(before, after)
  }
  const file = path.join(folder, kind.file)
  writeFileSync(file, text)
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  execFileSync(programOf(name), kind.check(file, place), { env, stdio: 'pipe' })
  const child = spawn(programOf(name), kind.run(file, place), { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data))
  // nginx stops at once and takes its workers along; the others would wait for who is connected.
  context.after(() => stop(child, name === 'nginx' ? 'SIGTERM' : 'SIGKILL'))
  const url = `https://127.0.0.1:${place.port}`
  const answers = async (): Promise<boolean> => (await fetch(`${url}/readyz`).catch(() => null)) !== null
  await eventually(`${name} answers: ${output}`, answers)
  const said = (): string => output + (name === 'nginx' ? readFileSync(`${folder}/access.log`, 'utf8') : '')
  return { url, webSocketUrl: url.replace('https', 'wss'), said }
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

interface Client {
  readonly connection: WeftConnection
  readonly session: DocumentSession
  readonly doc: Y.Doc
}

function open(context: TestContext, url: string, transport: (typeof transports)[number]): Client {
  const connection = connect(url, { token: adminKey, transports: [transport], logger: silentLogger })
  const doc = new Y.Doc()
  context.after(async () => {
    await connection.close()
    doc.destroy()
  })
  return { connection, session: connection.open(DOCUMENT, doc), doc }
}

const transportOf = ({ connection: { status } }: Client): string => (status.state === 'connected' ? status.transport : status.state)

/** What a client has, at little cost however large it is. */
function seenBy({ doc }: Client): string {
  return `${doc.getText('body')} ${doc.getText('pasted').length} ${Buffer.from(Y.encodeStateVector(doc)).toString('hex')}`
}

async function converged(clients: readonly Client[]): Promise<string> {
  await Promise.all(clients.map(({ session }) => session.saved()))
  await eventually('the same state everywhere', () => new Set(clients.map(seenBy)).size === 1)
  return clients[0]?.doc.getText('body').toString() ?? ''
}

async function everythingPasses(context: TestContext, name: ProxyName): Promise<void> {
  const forwarded: string[] = []
  const { server, port } = await startLocalServer({
    access: { adminKey },
    authorize: ({ token, headers }) => {
      if (token === stockToken) forwarded.push(String(headers['x-forwarded-for']))
      return { user: 'ann', permission: 'read-write' }
    },
    trustedProxies: ['127.0.0.1'],
    limits: { pingPeriodMs: TIMEOUT_MS / 4, pongMsMax: TIMEOUT_MS * 2, pollMsMax: TIMEOUT_MS / 4 },
  })
  context.after(() => server.close())
  const proxy = await startProxy(context, name, port)
  assert.equal((await fetch(`${proxy.url}/metrics`)).status, 404)

  const clients = transports.map((transport) => open(context, proxy.webSocketUrl, transport))
  await Promise.all(clients.map(({ session }) => session.synced))
  for (const [index, { doc }] of clients.entries()) doc.getText('body').insert(0, `<${index}>`)
  const text = await converged(clients)
  for (const index of transports.keys()) assert.ok(text.includes(`<${index}>`), text)
  assert.deepEqual(clients.map(transportOf), transports)

  // A stock client, with its token in the URL; who it is says the proxy, and not the client.
  const stock = new WebSocket(`${proxy.webSocketUrl}/${DOCUMENT}?token=${stockToken}`, {
    localAddress: '127.0.0.2',
    headers: { 'X-Forwarded-For': '203.0.113.7' },
  })
  context.after(() => stock.terminate())
  await once(stock, 'message')
  assert.deepEqual(new Set(forwarded), new Set(['127.0.0.2']))

  // Larger than proxies take by default, over the API and as an edit over HTTP.
  const api = new ApiClient(proxy.url, adminKey)
  const large = new Y.Doc()
  large.getText('body').insert(0, 'x'.repeat(5_000_000))
  await api.expect('PUT', documentPath('large'), Y.encodeStateAsUpdate(large))
  // What reads it is started by whoever asks first, which may take longer than these proxies wait.
  await new ApiClient(server.url, adminKey).expect('GET', `${documentPath('large')}/content?format=text`)
  large.destroy()
  assert.equal((await api.expect('GET', `${documentPath('large')}/content?format=text`)).length, 5_000_000)
  clients[1]?.doc.getText('pasted').insert(0, 'y'.repeat(1_200_000))
  await converged(clients)
  assert.equal(clients[2]?.doc.getText('pasted').length, 1_200_000)

  // Nobody does anything for longer than the proxy waits.
  const accepted = server.counters.get('connections_accepted')
  await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS * 2))
  assert.deepEqual(clients.map(transportOf), transports)
  clients[0]?.doc.getText('body').insert(0, 'still there')
  assert.match(await converged(clients), /still there/)
  assert.equal(server.counters.get('connections_accepted'), accepted, 'nobody had to come back')
  assert.equal(stock.readyState, WebSocket.OPEN)

  await Promise.all(clients.map(({ connection }) => connection.close()))
  stock.terminate()
  await eventually('it has logged the stock client', () => proxy.said().includes('/notes/today') || name === 'haproxy')
  for (const token of [adminKey, stockToken]) assert.ok(!proxy.said().includes(token), proxy.said())
}

async function silenceIsCut(context: TestContext, name: ProxyName): Promise<void> {
  // To whoever asks whether it is well it says yes.
  const silent = createServer((_request, response) => void response.end())
  new WebSocketServer({ server: silent })
  silent.listen(0, '127.0.0.1')
  context.after(() => silent.close())
  await once(silent, 'listening')
  const proxy = await startProxy(context, name, (silent.address() as { readonly port: number }).port)
  const socket = new WebSocket(`${proxy.webSocketUrl}/${DOCUMENT}`)
  await once(socket, 'open')
  const [code] = await once(socket, 'close')
  assert.equal(code, 1006)
}

test('behind nginx, HAProxy and Caddy', { concurrency: 3, timeout: 60_000 }, async (context) => {
  const passing = (['nginx', 'haproxy', 'caddy'] as const).map((name) =>
    context.test(`${name}: everything passes by its configuration, quiet connections stay, and no token is in its log`, (inner) =>
      everythingPasses(inner, name),
    ),
  )
  const silent = (['nginx', 'haproxy'] as const).map((name) =>
    context.test(`${name}: a connection on which nobody pings is cut, so that the one above shows something`, (inner) =>
      silenceIsCut(inner, name),
    ),
  )
  await Promise.all([...passing, ...silent])
})

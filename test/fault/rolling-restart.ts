// A rolling restart under load: three nodes behind HAProxy with the shipped configuration are stopped and started one after the other, while thousands are connected and some
// of them type. Says how long each client was away, and whether all that was acknowledged is there.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import * as Y from 'yjs'
import { connect, type DocumentSession, type WeftConnection } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { ApiClient, documentPath } from '../helpers/api-client.js'
import { LocalCluster } from '../helpers/local-cluster.js'
import { readMetric } from '../helpers/metrics.js'
import { repositoryRoot } from '../helpers/repository.js'
import { eventually } from '../helpers/states.js'

export interface RollingRestart {
  readonly connections: number
  /** Edits that were acknowledged. */
  readonly acknowledged: number
  /** Of these, what is missing at the end. */
  readonly lost: readonly string[]
  /** How often a client came back, and for how long it had no connection; milliseconds. */
  readonly cameBack: { readonly times: number; readonly p50: number; readonly p99: number; readonly max: number }
  /** How long an acknowledgement took, of all edits. */
  readonly acknowledgedAfter: { readonly p50: number; readonly p99: number; readonly max: number }
  /** Connections that a node let in within one second, at most, as it counts them itself. */
  readonly acceptedPerSecondMax: number
  readonly refused: number
  readonly exitCodes: readonly (number | null)[]
}

const NODES = 3
/** People on one document. */
const ROOM = 10
/** One of so many types. */
const TYPING_ONE_IN = 20
const TYPING_MS = 2_000
const CONNECTING_PER_SECOND = 250

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

function quantiles(samples: readonly number[]): { readonly p50: number; readonly p99: number; readonly max: number } {
  const sorted = [...samples].sort((one, other) => one - other)
  const at = (share: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

/** The shipped configuration, without TLS and with these nodes. Answers the address that clients connect to. */
async function startBalancer(ports: readonly number[]): Promise<{ readonly url: string; stop(): void }> {
  const program = process.env['WEFT_TEST_HAPROXY'] ?? 'haproxy'
  const folder = mkdtempSync(path.join(os.tmpdir(), 'weft-rolling-'))
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { readonly port: number }
  probe.close()
  await once(probe, 'close')
  const nodes = (line: string): string =>
    ports.map((node, index) => line.replaceAll('node-1', `node-${index + 1}`).replace('1234', String(node))).join('\n')
  const text = readFileSync(path.join(repositoryRoot, 'docker/proxies/haproxy.cfg'), 'utf8')
    .replace(/^frontend plain\n(?: .*\n)+/m, '')
    .replace('bind *:443 ssl crt /etc/haproxy/certificate-and-key.pem alpn h2,http/1.1', `bind 127.0.0.1:${port}`)
    .replace('log stdout format raw local0 info', `maxconn 8000`)
    .replace(/^ {2}server node-1 .*$/gm, nodes)
  const file = path.join(folder, 'haproxy.cfg')
  writeFileSync(file, text)
  execFileSync(program, ['-c', '-f', file], { stdio: 'pipe' })
  const child = spawn(program, ['-db', '-f', file], { stdio: 'ignore' })
  process.once('exit', () => child.kill('SIGKILL'))
  return {
    url: `ws://127.0.0.1:${port}`,
    stop: () => {
      child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export async function runRollingRestart(connections: number, say: (words: string) => void): Promise<RollingRestart> {
  const many = String(connections * 10)
  // What a proxy passes on is for nobody while nobody said who may do what.
  const flags = [
    '--insecure-open',
    '--no-demo',
    '--log-level',
    'warn',
    '--connections-per-address-max',
    many,
    '--sessions-per-address-max',
    many,
  ]
  const cluster = await LocalCluster.start({ nodes: NODES, flags })
  const balancer = await startBalancer(cluster.nodes.map(({ port }) => port))
  const away: number[] = []
  const lags: number[] = []
  const acknowledged = new Map<string, string[]>()
  const timers: NodeJS.Timeout[] = []
  let measuring = false
  const clients: { readonly connection: WeftConnection; readonly session: DocumentSession<null>; readonly doc: Y.Doc }[] = []
  for (let index = 0; index < connections; index++) {
    if (index % CONNECTING_PER_SECOND === 0 && index > 0) await wait(1_000)
    const documentId = `rooms/${Math.floor(index / ROOM)}`
    const connection = connect(balancer.url, { logger: silentLogger })
    const doc = new Y.Doc()
    const session = connection.open(documentId, doc, { awareness: null })
    let since: number | null = null
    connection.on('status', ({ state }) => {
      if (state === 'connected') {
        if (since !== null && measuring) away.push(performance.now() - since)
        since = null
      } else if (since === null && state !== 'closed') {
        since = performance.now()
      }
    })
    clients.push({ connection, session, doc })
    if (index % TYPING_ONE_IN !== 0) continue
    const pieces = acknowledged.get(documentId) ?? []
    acknowledged.set(documentId, pieces)
    let typed = 0
    const type = (): void => {
      const piece = `<${index}:${typed++}>`
      doc.getText('body').insert(0, piece)
      const at = performance.now()
      void session.saved().then(() => {
        lags.push(performance.now() - at)
        pieces.push(piece)
      })
    }
    setTimeout(() => timers.push(setInterval(type, TYPING_MS)), (index * 7_919) % TYPING_MS)
  }
  await Promise.all(clients.map(({ session }) => session.synced))
  say(`${connections} are connected to ${NODES} nodes, ${Math.ceil(connections / TYPING_ONE_IN)} type`)
  await wait(5_000)
  measuring = true
  lags.length = 0

  let acceptedPerSecondMax = 0
  const accepted = new Map<number, number>()
  const watch = setInterval(async () => {
    for (const [index, node] of cluster.nodes.entries()) {
      const now = node.running ? await readMetric(node.url, 'connections_accepted_total').catch(() => null) : null
      const before = accepted.get(index)
      if (now !== null && before !== undefined && now >= before) acceptedPerSecondMax = Math.max(acceptedPerSecondMax, now - before)
      if (now === null) accepted.delete(index)
      else accepted.set(index, now)
    }
  }, 1_000)

  const exitCodes: (number | null)[] = []
  for (const [index, node] of cluster.nodes.entries()) {
    const began = performance.now()
    exitCodes.push(await node.stop())
    const stopped = performance.now()
    await node.restart()
    await cluster.ready()
    await eventually('everybody is connected', () => clients.every(({ connection }) => connection.status.state === 'connected'), 120_000)
    say(
      `node ${index + 1}: stopped within ${((stopped - began) / 1000).toFixed(1)} s, ready and everybody back ${((performance.now() - stopped) / 1000).toFixed(1)} s later`,
    )
    await wait(5_000)
  }
  clearInterval(watch)
  for (const timer of timers) clearInterval(timer)
  await Promise.all(clients.map(({ session }) => session.saved()))
  let refused = 0
  for (const node of cluster.nodes) refused += await readMetric(node.url, 'connections_refused_total')

  const lost: string[] = []
  let count = 0
  const [first] = cluster.nodes
  const api = new ApiClient(first?.url ?? '')
  for (const [documentId, pieces] of acknowledged) {
    count += pieces.length
    if (pieces.length === 0) continue
    const text = String(await api.expect('GET', `${documentPath(documentId)}/content?format=text`))
    lost.push(...pieces.filter((piece) => !text.includes(piece)))
  }
  for (const { connection } of clients) void connection.close()
  balancer.stop()
  await cluster.stop()
  return {
    connections,
    acknowledged: count,
    lost,
    cameBack: { times: away.length, ...quantiles(away) },
    acknowledgedAfter: quantiles(lags),
    acceptedPerSecondMax,
    refused,
    exitCodes,
  }
}

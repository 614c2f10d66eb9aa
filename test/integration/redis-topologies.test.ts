// Cursors between nodes over a Redis Cluster with sharded pub/sub, and over a master that Sentinels watch (O4).
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Session } from '../helpers/awareness.js'
import { type AwarenessNode, startAwarenessNode } from '../helpers/awareness-node.js'
import { freePort } from '../helpers/free-port.js'
import { type RedisServer, type RedisServerOptions, startRedis } from '../helpers/redis.js'
import { until } from '../helpers/until.js'

/** A Sentinel that did not run for two seconds trusts its clock for half a minute no more, and fails nothing over meanwhile. */
const FAILOVER_MS_MAX = 90_000
/** Enough documents that each of three masters has some. */
const documents = Array.from({ length: 30 }, (_, index) => `document ${index}`)

/** Stopped with the test, also when what is started beside it fails. */
async function startUntilEnd(t: TestContext, options: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedis(options)
  t.after(() => server.stop())
  return server
}

async function startCluster(t: TestContext): Promise<readonly RedisServer[]> {
  const starts = await Promise.allSettled(
    Array.from({ length: 3 }, async () => {
      // The bus between the servers takes a port of its own, 10,000 higher unless told.
      const busPort = await freePort()
      const settings = ['cluster-enabled yes', `cluster-port ${busPort}`, 'cluster-node-timeout 1000', 'cluster-require-full-coverage no']
      return { server: await startUntilEnd(t, { settings }), busPort }
    }),
  )
  const servers = starts.map((start) => {
    if (start.status === 'rejected') throw start.reason
    return start.value
  })
  const [first] = servers
  if (first === undefined) throw new Error('no servers')
  for (const [index, { server }] of servers.entries()) {
    const from = Math.floor((16_384 * index) / servers.length)
    const to = Math.floor((16_384 * (index + 1)) / servers.length) - 1
    await server.run('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))
    await server.run('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
    if (server !== first.server) await server.run('CLUSTER', 'MEET', '127.0.0.1', String(first.server.port), String(first.busPort))
  }
  const agreed = async (): Promise<boolean> => {
    const infos = await Promise.all(servers.map(({ server }) => server.run('CLUSTER', 'INFO')))
    return infos.every(
      (info) => info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3') && info.includes('cluster_slots_ok:16384'),
    )
  }
  await until(agreed, 'the cluster agrees', FAILOVER_MS_MAX)
  return servers.map(({ server }) => server)
}

interface Pair {
  readonly nodes: readonly [AwarenessNode, AwarenessNode]
  /** Announces a clock on every document through the first node. */
  say(clock: number): void
  /** How many documents of the second node are at that clock. */
  arrived(clock: number): number
}

async function startPair(t: TestContext, url: string): Promise<Pair> {
  const [a, b] = await Promise.all([startAwarenessNode(t, 'a', url), startAwarenessNode(t, 'b', url)])
  const sessions = documents.map((documentId) => new Session(a.hub, documentId))
  for (const documentId of documents) new Session(b.hub, documentId)
  return {
    nodes: [a, b],
    say: (clock) => sessions.forEach((session) => void session.say([1, clock, { clock }])),
    arrived: (clock) => documents.filter((documentId) => JSON.stringify(b.present(documentId)) === `[[1,{"clock":${clock}}]]`).length,
  }
}

test('Redis Cluster: documents spread over the masters by sharded pub/sub, and O4: those of a master that is killed are back within 5 s of its return', async (t) => {
  const servers = await startCluster(t)
  const url = `redis-cluster://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
  const pair = await startPair(t, url)
  pair.say(1)
  await until(() => pair.arrived(1) === documents.length, 'all documents cross')
  const channelCounts = await Promise.all(
    servers.map(async (server) => (await server.run('PUBSUB', 'SHARDCHANNELS')).split('\n').filter((line) => line !== '').length),
  )
  assert.equal(
    channelCounts.reduce((sum, count) => sum + count, 0),
    documents.length,
  )
  for (const count of channelCounts) assert.ok(count > 0, `channels per master: ${channelCounts.join(', ')}`)
  const [killed] = servers
  await killed?.kill()
  await until(() => pair.nodes.every(({ bus }) => !bus.isConnected), 'the nodes notice')
  pair.say(2)
  await until(() => pair.arrived(2) >= documents.length - (channelCounts[0] ?? 0), 'documents on the other masters go on')
  assert.ok(pair.arrived(2) < documents.length)
  await killed?.start()
  await until(() => pair.arrived(2) === documents.length, 'all documents are back', FAILOVER_MS_MAX)
})

test('Redis Cluster: a slot that moves to another master takes its documents with it', async (t) => {
  const servers = await startCluster(t)
  const pair = await startPair(t, `redis-cluster://127.0.0.1:${servers[0]?.port ?? 0}`)
  pair.say(1)
  await until(() => pair.arrived(1) === documents.length, 'all documents cross')
  const [from, to] = servers
  if (from === undefined || to === undefined) throw new Error('no servers')
  const channel = (await from.run('PUBSUB', 'SHARDCHANNELS')).split('\n')[0] ?? ''
  const slot = await from.run('CLUSTER', 'KEYSLOT', channel)
  const newOwner = await to.run('CLUSTER', 'MYID')
  for (const server of [to, from, servers[2]]) await server?.run('CLUSTER', 'SETSLOT', slot, 'NODE', newOwner)
  await until(async () => (await to.run('PUBSUB', 'SHARDCHANNELS')).includes(channel), 'it is subscribed at its new master')
  pair.say(2)
  await until(() => pair.arrived(2) === documents.length, 'all documents cross again')
})

test('Sentinel: the master is found by its name, and O4: after a failover cursors cross again by themselves', async (t) => {
  const master = await startUntilEnd(t, {})
  const replica = await startUntilEnd(t, { settings: [`replicaof 127.0.0.1 ${master.port}`] })
  const sentinel = await startUntilEnd(t, {
    sentinel: true,
    settings: [
      `sentinel monitor weft-main 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds weft-main 1000',
      'sentinel failover-timeout weft-main 3000',
    ],
  })
  await until(
    async () => (await sentinel.run('SENTINEL', 'REPLICAS', 'weft-main')).includes(String(replica.port)),
    'the Sentinel knows the replica',
    FAILOVER_MS_MAX,
  )
  const pair = await startPair(t, `redis-sentinel://127.0.0.1:${sentinel.port}/weft-main`)
  pair.say(1)
  await until(() => pair.arrived(1) === documents.length, 'cursors cross')
  await until(
    async () => (await replica.run('INFO', 'replication')).includes('master_link_status:up'),
    'the replica follows',
    FAILOVER_MS_MAX,
  )
  await master.kill()
  pair.say(2)
  // A replica that was promoted is found by nobody until the Sentinel names it, which takes it some seconds where the machine is busy.
  const named = async (): Promise<string> => await sentinel.run('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'weft-main')
  await until(async () => (await named()).includes(String(replica.port)), 'the Sentinel names the replica as the master', FAILOVER_MS_MAX)
  await until(() => pair.arrived(2) === documents.length, 'cursors cross again', FAILOVER_MS_MAX)
})

// Who is where, on all nodes, kept in a real Redis: read from any node, cleaned when a node dies, refilled when Redis was emptied (A1, A4, O4).
import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { systemClock } from '../../core/clock.js'
import { documentKey } from '../../server/presence/presence-fields.js'
import { RedisPresenceRegistry } from '../../server/presence/redis-presence.js'
import { ClusterSeal } from '../../server/redis/cluster-seal.js'
import { Session } from '../helpers/awareness.js'
import { type AwarenessNode, startAwarenessNode } from '../helpers/awareness-node.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { until } from '../helpers/until.js'

let redis: RedisServer
before(async () => {
  redis = await startRedis()
})
after(() => redis.stop())

interface PresentNode extends AwarenessNode {
  readonly registry: RedisPresenceRegistry
}

async function startNode(
  t: TestContext,
  nodeId: string,
  url = redis.url,
  cluster: { readonly seal?: ClusterSeal } = {},
): Promise<PresentNode> {
  const node = await startAwarenessNode(t, nodeId, url, cluster)
  const { hub, bus, boot, counters } = node
  const { commands, prefix, seal } = bus
  const registry = new RedisPresenceRegistry({ hub, commands, prefix, seal, self: { nodeId, boot }, clock: systemClock, counters })
  // Before the bus, which is closed by an earlier hook.
  t.after(() => registry.close())
  return { ...node, registry }
}

const idsOf = async (node: PresentNode, documentId: string): Promise<number[]> =>
  (await node.registry.documentPresence(documentId)).clients.map(({ clientId }) => clientId).sort()

test('a node without sessions on a document says who is on it, on which node and as whom', async (t) => {
  const [a, b, c] = await Promise.all([startNode(t, 'a'), startNode(t, 'b'), startNode(t, 'c')])
  const ada = a.hub.join('plan', new Quiet(), { user: 'ada@example.org', name: null })
  ada.receive(Quiet.saying(1, { name: 'Ada' }))
  b.hub.join('plan', new Quiet(), { user: 'bob@example.org', name: null }).receive(Quiet.saying(2, { name: 'Bob' }))
  b.hub.join('plan', new Quiet())
  await until(async () => (await idsOf(c, 'plan')).length === 2, 'c knows both')
  const presence = await c.registry.documentPresence('plan')
  assert.deepEqual(
    [...presence.clients].sort((one, other) => one.clientId - other.clientId),
    [
      { clientId: 1, node: 'a', user: 'ada@example.org', state: { name: 'Ada' } },
      { clientId: 2, node: 'b', user: 'bob@example.org', state: { name: 'Bob' } },
    ],
  )
  assert.deepEqual([presence.clientCount, presence.sessionCount, presence.complete], [2, 3, true])
  await until(async () => (await a.registry.documentPresence('plan')).sessionCount === 3, 'a counts the sessions of b')
  a.hub.join('other', new Quiet(), { user: 'bob@example.org', name: null })
  await until(async () => (await c.registry.connectionsOf('bob@example.org')).length === 2, 'c knows where Bob is')
  assert.deepEqual(
    (await c.registry.connectionsOf('bob@example.org'))
      .map(({ documentId, node, sessionCount }) => [documentId, node, sessionCount])
      .sort(),
    [
      ['other', 'a', 1],
      ['plan', 'b', 1],
    ],
  )
  ada.leave()
  await until(async () => (await idsOf(c, 'plan')).length === 1, 'Ada is gone')
})

test('A4: what a dead node wrote down does not count once its sign of life ended, within 10 s, and is cleaned away', async (t) => {
  const [a, b] = await Promise.all([startNode(t, 'a'), startNode(t, 'b')])
  new Session(a.hub, 'doomed').say([1, 1, {}])
  new Session(b.hub, 'doomed').say([2, 1, {}])
  const c = await startNode(t, 'c')
  await until(async () => (await idsOf(c, 'doomed')).length === 2, 'c knows both')
  // As kill -9 does: nothing is said any more.
  a.bus.commands.disconnect()
  const tookMs = await until(async () => (await idsOf(c, 'doomed')).length === 1, 'a is gone')
  t.diagnostic(`gone after ${Math.round(tookMs)} ms`)
  const key = (await redis.run('KEYS', 'weft:*:p:doomed')).trim()
  await until(async () => !(await redis.run('HKEYS', key)).includes('/a'), 'its field is removed')
  assert.ok(Number(await redis.run('PTTL', key)) > 0, 'what nobody renews ends by itself')
})

test('O4: Redis emptied is noticed and refilled; without Redis a node says what it knows, and that it is not all', async (t) => {
  const own = await startRedis()
  t.after(() => own.stop())
  const [a, b] = await Promise.all([startNode(t, 'a', own.url), startNode(t, 'b', own.url)])
  new Session(a.hub, 'plan').say([1, 1, {}])
  new Session(b.hub, 'mine').say([2, 1, {}])
  await until(async () => (await idsOf(b, 'plan')).length === 1, 'b knows')
  await own.run('FLUSHALL')
  await until(async () => (await idsOf(b, 'plan')).length === 1, 'b knows again')
  await own.kill()
  await until(async () => !(await b.registry.documentPresence('mine')).complete, 'b notices')
  assert.deepEqual(await idsOf(b, 'mine'), [2])
  assert.deepEqual(await idsOf(b, 'plan'), [])
  await own.start()
  await until(async () => (await idsOf(b, 'plan')).length === 1, 'b knows again')
})

test('mere movements are written seldom: one field per document and node', async (t) => {
  const a = await startNode(t, 'a')
  const session = new Session(a.hub, 'busy')
  session.say([1, 1, {}])
  await until(() => a.counters.get('presence_writes') > 0, 'it is written')
  const before = a.counters.get('presence_writes')
  for (let clock = 2; clock < 150; clock++) {
    session.say([1, clock, { at: clock }])
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.ok(a.counters.get('presence_writes') - before <= 1, `${a.counters.get('presence_writes') - before} writes`)
})

/** A session that listens to nothing. */
class Quiet {
  static saying(clientId: number, state: unknown): Uint8Array {
    const text = new TextEncoder().encode(JSON.stringify(state))
    return Uint8Array.of(1, clientId, 1, text.length, ...text)
  }

  awareness(): void {}

  leftOut(): void {}

  probe(): Promise<boolean> {
    return Promise.resolve(true)
  }
}

test('A2: in what is written down, two clusters on one Redis do not see each other, and what a stranger writes is ignored', async (t) => {
  const seal = new ClusterSeal('a secret of these tests', 'another cluster')
  const [a, b] = [await startNode(t, 'a'), await startNode(t, 'b')]
  const other = await startNode(t, 'c', redis.url, { seal })
  new Session(a.hub, 'shared').say([1, 1, {}])
  new Session(other.hub, 'shared').say([2, 1, {}])
  await until(async () => (await idsOf(b, 'shared')).length === 1, 'b knows the client on a')
  assert.deepEqual(await idsOf(b, 'shared'), [1])
  assert.deepEqual(await idsOf(other, 'shared'), [2])

  // Under the name of a node that lives, once made up and once taken from another document.
  const key = documentKey(a.bus.prefix, 'shared')
  const [[field = '', value = ''] = []] = Object.entries(await a.bus.commands.hgetall(key))
  await a.bus.commands.hset(key, field, value.replace(/\[1,/, '[7,'))
  assert.deepEqual(await idsOf(b, 'shared'), [])
  const elsewhere = documentKey(a.bus.prefix, 'elsewhere')
  await a.bus.commands.hset(elsewhere, field, value)
  assert.deepEqual(await idsOf(b, 'elsewhere'), [])
  assert.ok(b.counters.get('presence_fields_forged') > 0)
})

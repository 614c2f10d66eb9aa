// Access in a cluster of processes: keys, tickets and revocations count on every node, while Redis hangs too.
import { strict as assert } from 'node:assert'
import { type TestContext, test } from 'node:test'
import * as Y from 'yjs'
import { connect, type DocumentSession } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { LocalCluster, nodeIdOf } from '../helpers/local-cluster.js'
import type { ServerProcess } from '../helpers/server-process.js'
import { until } from '../helpers/until.js'

const adminKey = 'the-key-of-the-operator'

/** What of an overview the tests look at. */
interface Overview {
  readonly nodes: readonly { readonly ownedShards: number }[]
  readonly shards: { readonly unowned: number }
}

async function ask(node: ServerProcess, method: string, path: string, body?: unknown): Promise<ReturnType<typeof JSON.parse>> {
  const response = await fetch(`${node.url}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${adminKey}`, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = await response.json()
  assert.ok(response.ok, JSON.stringify(answer))
  return answer
}

function open(context: TestContext, node: ServerProcess, token: string): DocumentSession {
  const connection = connect(node.webSocketUrl, { token, logger: silentLogger })
  const doc = new Y.Doc()
  context.after(async () => {
    await connection.close()
    doc.destroy()
  })
  return connection.open('notes/today', doc)
}

test('access in a cluster', async (context) => {
  const cluster = await LocalCluster.start({ nodes: 2, flags: ['--admin-key', adminKey, '--stamp-user', 'user'] })
  context.after(() => cluster.stop())
  const [one, two] = cluster.nodes
  assert.ok(one !== undefined && two !== undefined)
  const documents = { 'notes/**': 'write' }
  const ticketFor = async (node: ServerProcess, user: string): Promise<string> =>
    (await ask(node, 'POST', '/tickets', { user, documents })).ticket

  await context.test('X4: of two nodes that are shown one ticket at the same time, one lets it in', async (context) => {
    const ticket = await ticketFor(one, 'zoe') // Nobody of the tests below, where a session of hers that is still closing would be found.
    const sessions = [one, two, one, two].map((node) => open(context, node, ticket))
    const outcomes = await Promise.allSettled(sessions.map((session) => session.synced))
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const outcome of outcomes) if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'unauthenticated')
  })

  await context.test(
    'X3: each node shows all nodes with their shards, what the others have and do, and a session of one is closed through the other',
    async (context) => {
      const ada = open(context, one, await ticketFor(one, 'ada'))
      await ada.synced
      for (const [index, node] of [one, two].entries()) {
        const overviewOf = () => ask(node, 'GET', '/admin/overview')
        // A node that has just joined is heard of with the next heartbeat, owns nothing at first, and shards that move to it are
        // nobody's for a moment.
        const isEven = ({ nodes, shards }: Overview): boolean =>
          nodes.length === 2 && shards.unowned === 0 && nodes.every(({ ownedShards }) => ownedShards > 300)
        await until(async () => isEven(await overviewOf()), 'both nodes are known, and every shard has an owner, on each about half')
        const { node: answering, nodes } = await overviewOf()
        assert.deepEqual([answering.mode, answering.nodeId, answering.redis], ['cluster', nodeIdOf(index), 'connected'])
        assert.deepEqual(
          nodes.map(({ nodeId, draining }: { nodeId: string; draining: boolean }) => [nodeId, draining]),
          [
            [nodeIdOf(0), false],
            [nodeIdOf(1), false],
          ],
        )
      }
      assert.equal((await ask(two, 'GET', '/admin/sessions?find=ada')).items.length, 0)
      // Of the other node, over a link between the two.
      const { boot } = (await ask(one, 'GET', '/admin/overview')).node
      const { node: shown, items } = await ask(two, 'GET', `/admin/sessions?find=ada&boot=${boot}`)
      const [session] = items
      assert.deepEqual([shown.nodeId, session.documentId, session.lag.state], [nodeIdOf(0), 'notes/today', 'live'])
      const overviewOfOther = () => ask(two, 'GET', `/admin/overview?boot=${boot}`)
      const { node, totals } = await overviewOfOther()
      assert.deepEqual([node.nodeId, totals.sessions > 0], [nodeIdOf(0), true])
      await until(async () => (await overviewOfOther()).samples.at.length > 0, 'its figures have been noted for the first time')
      await assert.rejects(ask(two, 'GET', '/admin/overview?boot=nobody'), /superseded/)
      await ask(two, 'POST', '/revocations', { kind: 'session', id: session.sessionId })
      await until(() => ada.status.state === 'refused', 'its client was told')
    },
  )

  await context.test('a cursor names the user of its ticket on the other node too, whatever its client claims', async (context) => {
    const ada = open(context, one, await ticketFor(one, 'ada'))
    const eve = open(context, two, await ticketFor(two, 'eve'))
    const rest = { id: 'ada', name: 'Ada', color: '#f00' }
    await Promise.all([ada.synced, eve.synced])
    for (const session of [ada, eve]) session.awareness.setLocalState({ user: rest })
    const seen = (by: DocumentSession, of: DocumentSession): unknown => by.awareness.getStates().get(of.doc.clientID)
    const color = (state: unknown): unknown => (state as { readonly user?: { readonly color?: string } } | undefined)?.user?.color
    await until(() => color(seen(ada, eve)) === '#f00' && color(seen(eve, ada)) === '#f00', 'they see each other')
    assert.deepEqual(seen(ada, eve), { user: { id: 'eve', name: 'eve', color: '#f00' } })
    assert.deepEqual(seen(eve, ada), { user: { id: 'ada', name: 'ada', color: '#f00' } })
  })

  await context.test(
    'X3: a key that one node made and revoked, and a user that one node revoked, end on the other within 5 s, as do all sessions of a document, while Redis hangs',
    async (context) => {
      cluster.redis.pause()
      context.after(() => cluster.redis.resume())
      const { id, secret } = await ask(one, 'POST', '/keys', { name: 'script', documents })
      const ada = open(context, two, await ticketFor(one, 'ada'))
      const bob = open(context, two, await ticketFor(two, 'bob'))
      await Promise.all([ada.synced, bob.synced])
      ada.doc.getText('body').insert(0, 'typed before')
      await ada.saved()
      await until(async () => {
        const script = connect(two.webSocketUrl, { token: secret, logger: silentLogger })
        const session = script.open('notes/today', new Y.Doc())
        return session.synced.then(
          () => script.close().then(() => true),
          () => script.close().then(() => false),
        )
      }, 'the other node knows the key')
      const script = open(context, two, secret)
      await script.synced
      const revokedAt = performance.now()
      await Promise.all([ask(one, 'POST', '/revocations', { kind: 'user', id: 'ada' }), ask(one, 'DELETE', `/keys/${id}`)])
      await until(() => ada.status.state === 'refused' && script.status.state === 'refused', 'both sessions are over')
      const tookMs = performance.now() - revokedAt
      context.diagnostic(`both sessions ended after ${Math.round(tookMs)} ms`)
      const refused = await fetch(`${one.url}/api/v1/documents/notes%2Ftoday/sessions`, { method: 'DELETE' })
      assert.equal(refused.status, 401)
      const sessionOf = async (): Promise<string> => (await ask(two, 'GET', '/sessions?user=bob')).items[0]?.sessionId
      const before = await sessionOf()
      assert.deepEqual(await ask(one, 'DELETE', '/documents/notes%2Ftoday/sessions'), { closed: 0 })
      await until(async () => ![before, undefined].includes(await sessionOf()), 'who is on the other node was closed, and came back')
      bob.doc.getText('body').insert(0, 'bob goes on ')
      await bob.saved()
      await until(() => bob.doc.getText('body').toString().includes('typed before'), 'nothing is lost')
    },
  )
})

// The history of documents in a cluster on PostgreSQL: from a node that is not the owner, while the owner dies, and beside a clock that is wrong.
import { strict as assert } from 'node:assert'
import { after, before, test } from 'node:test'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import { rootsOf } from '../../server/history/tasks/roots.js'
import { ApiClient, documentPath } from '../helpers/api-client.js'
import { LocalCluster } from '../helpers/local-cluster.js'
import { randomHistory } from '../helpers/random-history.js'
import { runCommand } from '../helpers/run-command.js'
import { eventually } from '../helpers/states.js'

let cluster: LocalCluster
before(async () => {
  cluster = await LocalCluster.start({ nodes: 3 })
})
after(() => cluster.stop())

function apis(): readonly ApiClient[] {
  return cluster.nodes.map((node) => new ApiClient(node.url))
}

/** One that fails says so with a code that a program may wait for. */
function untilServed(ask: () => Promise<unknown>): Promise<void> {
  return eventually('it is served', () =>
    ask().then(
      () => true,
      () => false,
    ),
  )
}

test('H1, H2: any node reads each moment, keeps and restores, whoever owns the document; sessions on all nodes follow', async () => {
  for (const [number, documentId] of ['a', 'b/c', 'd', 'e 🧶'].entries()) {
    const path = documentPath(documentId)
    const { updates } = randomHistory(seededRandom(100 + number), 40)
    const nodes = apis()
    const api = (index: number): ApiClient => nodes[index % nodes.length] ?? assert.fail('a node is there')
    for (const [index, update] of updates.entries()) await api(index).expect('POST', `${path}/updates`, update)
    const docs = cluster.nodes.map(() => new Y.Doc())
    const connections = cluster.nodes.map((node) => connect(node.webSocketUrl, { logger: silentLogger }))
    await Promise.all(
      connections.map((connection, index) => connection.open(documentId, docs[index] ?? assert.fail('a document is there')).synced),
    )
    const moment = 10 + number
    const then = new Y.Doc()
    for (const update of updates.slice(0, moment)) Y.applyUpdate(then, update)
    await api(0).expect('POST', `${path}/versions`, { name: 'then', at: `seq:${moment}` })
    const read = await api(1).expect('GET', `${path}/content?at=v${moment}`)
    assert.deepEqual(read.roots, JSON.parse(JSON.stringify(rootsOf(then))))
    const { method } = await api(2).expect('POST', `${path}/restore`, { at: '"then"' })
    assert.notEqual(method, 'replaced')
    for (const doc of docs)
      await eventually('each session reads as then', () => JSON.stringify(rootsOf(doc)) === JSON.stringify(rootsOf(then)))
    for (const connection of connections) await connection.close()
    for (const doc of [...docs, then]) doc.destroy()
  }
})

test('D3, H4: commands go through while the node that owns the documents is killed, and what was answered stays', async () => {
  const ids = Array.from({ length: 12 }, (_, index) => `killed/${index}`)
  const [first, second, third] = apis()
  assert.ok(first !== undefined && second !== undefined && third !== undefined)
  for (const id of ids) {
    const doc = new Y.Doc()
    doc.getText('t').insert(0, id)
    await first.expect('PUT', documentPath(id), Y.encodeStateAsUpdate(doc))
    doc.destroy()
  }
  const kept: string[] = []
  const keeping = ids.map((id) =>
    untilServed(async () => {
      await second.expect('POST', `${documentPath(id)}/versions`, { name: `of ${id}` })
      kept.push(id)
    }),
  )
  await cluster.nodes[2]?.kill()
  await Promise.all(keeping)
  assert.equal(kept.length, ids.length)
  for (const id of ids) assert.equal((await first.expect('GET', `${documentPath(id)}/versions`)).items[0].name, `of ${id}`)
  for (const id of ids.slice(0, 6)) await untilServed(() => first.expect('DELETE', documentPath(id)))
  const left = (await second.expect('GET', '/documents?prefix=killed')).items.map((item: { documentId: string }) => item.documentId)
  assert.deepEqual(left.sort(), ids.slice(6).sort())
})

test('Commands work on the database of a stopped cluster, and are told which node to ask while one runs', async () => {
  const [first] = apis()
  assert.ok(first !== undefined)
  const path = documentPath('offline')
  for (const text of ['one ', 'two ']) await first.expect('POST', `${path}/updates`, { text: [{ root: 'body', at: 0, insert: text }] })
  await first.expect('POST', `${path}/versions`, { name: 'first', at: 'seq:1' })
  const weft = (...args: readonly string[]) => runCommand(args, { DATABASE_URL: cluster.databaseUrl })
  const refused = await weft('documents')
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /The node node-\d runs on this database: ask it with --url http:\/\/127\.0\.0\.1:\d+/)
  assert.equal((await weft('documents', '--url', (cluster.nodes[0] ?? assert.fail()).url)).code, 0)
  for (const node of cluster.nodes) if (node.running) await node.stop()
  // Of one that was killed nobody knows at once whether it is gone.
  await eventually('the node that was killed to count no more', async () => (await weft('documents')).code === 0, 30_000)
  assert.equal((await weft('show', 'offline')).stdout, 'two one ')
  assert.equal((await weft('restore', 'offline', '@"first"')).code, 0)
  assert.equal((await weft('show', 'offline')).stdout, 'one ')
  assert.match((await weft('check')).stdout, /nothing is wrong/)
  await cluster.nodes[0]?.restart()
  await untilServed(() => apis()[0]?.expect('GET', path) ?? assert.fail())
  assert.equal(await apis()[0]?.expect('GET', `${path}/content?format=text`), 'one ')
})

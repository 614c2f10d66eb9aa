// The history of documents in a cluster on PostgreSQL: from a node that is not the owner, while the owner dies, and beside a clock that is wrong.
import { strict as assert } from 'node:assert'
import { after, before, test } from 'node:test'
import pg from 'pg'
import * as Y from 'yjs'
import { connect } from '../../client/index.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import { rootsOf } from '../../server/history/tasks/roots.js'
import { type ApiAnswer, ApiClient, documentPath } from '../helpers/api-client.js'
import { LocalCluster } from '../helpers/local-cluster.js'
import { readMetric } from '../helpers/metrics.js'
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
    // H1, on this store: each sampled seq is a replay to it.
    const replayed = new Y.Doc()
    for (const [index, update] of updates.entries()) {
      Y.applyUpdate(replayed, update)
      if (index % 6 !== number) continue
      const { roots } = await api(index).expect('GET', `${path}/content?at=seq:${index + 1}`)
      assert.deepEqual(roots, JSON.parse(JSON.stringify(rootsOf(replayed))), `${documentId} at seq ${index + 1}`)
    }
    replayed.destroy()
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

test('H6: nothing is imported while a node of another version is alive, which would show what is being made and take edits for it', async () => {
  const [api] = apis()
  assert.ok(api !== undefined)
  const archive = await archiveOf(api, 'from/upgrade', 73)
  const send = () => api.ask('PUT', `${documentPath('into/upgrade')}/archive`, archive)
  const database = new pg.Client(cluster.databaseUrl)
  await database.connect()
  try {
    // Its last heartbeat lies ahead, so that it stays alive; it is on its way out, so that no shard goes to it.
    await database.query(
      `INSERT INTO weft.node (node_id, boot, advertise, version, draining, started_at, heartbeat_at)
       VALUES ('older', 'older-boot', '127.0.0.1:9', '0.0.1', true, weft.now_ms(), weft.now_ms() + 3600000)`,
    )
    await eventually('the node knows of it', async () => (await readMetric(api.url, 'nodes_alive')) === cluster.nodes.length + 1)
    const { status, body } = await send()
    assert.deepEqual([status, body.code], [503, 'upgrade-running'])
    assert.match(body.detail, /0\.0\.1/)
    assert.equal((await database.query(`SELECT FROM weft.document WHERE id = 'into/upgrade'`)).rowCount, 0)
    await database.query(`DELETE FROM weft.node WHERE node_id = 'older'`)
    let answer = await send()
    await eventually('it is imported once all have one version', async () => {
      if (answer.status !== 201) answer = await send()
      return answer.status === 201
    })
    assert.deepEqual(await seenOf(api, 'into/upgrade'), await seenOf(api, 'from/upgrade'))
  } finally {
    await database.query(`DELETE FROM weft.node WHERE node_id = 'older'`)
    await database.end()
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

/** An archive of a document with a version after each tenth of its edits, all of them by one person. */
async function archiveOf(api: ApiClient, documentId: string, seed: number): Promise<Uint8Array<ArrayBuffer>> {
  const path = documentPath(documentId)
  for (const [index, update] of randomHistory(seededRandom(seed), 60).updates.entries()) {
    await api.expect('POST', `${path}/updates`, update)
    if (index % 10 === 9) await api.expect('POST', `${path}/versions`, { name: `of ${seed}, after ${index + 1}` })
  }
  const answer = await fetch(`${api.url}/api/v1${path}/archive`)
  return new Uint8Array(await answer.arrayBuffer())
}

async function seenOf(api: ApiClient, documentId: string): Promise<unknown> {
  const path = documentPath(documentId)
  const versions: { name: string; seq: number }[] = (await api.expect('GET', `${path}/versions?limit=100`)).items
  const kept = await Promise.all(
    versions.map(async ({ name, seq }) => [name, (await api.expect('GET', `${path}/content?at=v${seq}`)).roots]),
  )
  return [kept, (await api.expect('GET', `${path}/content`)).roots]
}

test('H6: of two nodes that import one document at once one does, the other is told, and nothing is mixed; a node that dies in the middle is made up for', {
  timeout: 180_000,
}, async () => {
  const [first, second] = apis()
  assert.ok(first !== undefined && second !== undefined)
  const archives = [await archiveOf(first, 'from/1', 71), await archiveOf(second, 'from/2', 72)] as const
  const seen = [await seenOf(first, 'from/1'), await seenOf(first, 'from/2')]
  const send = (api: ApiClient, documentId: string, archive: Uint8Array) => api.ask('PUT', `${documentPath(documentId)}/archive`, archive)
  for (let round = 0; round < 8; round++) {
    const documentId = `into/${round}`
    // In every other round both send the same one.
    const [one, other] = [round % 2, round % 4 < 2 ? 1 - (round % 2) : round % 2]
    const answers: readonly ApiAnswer[] = await Promise.all([
      send(first, documentId, archives[one] ?? assert.fail()),
      send(second, documentId, archives[other] ?? assert.fail()),
    ])
    const statuses = answers.map(({ status }) => status)
    assert.deepEqual([...statuses].sort(), [201, 409], answers.map(({ text }) => text).join(''))
    const refused = answers.find(({ status }) => status === 409)
    assert.match(refused?.body.code, /^(document-exists|request-running)$/)
    const winner = statuses[0] === 201 ? one : other
    assert.deepEqual(await seenOf(second, documentId), seen[winner])
  }
  // One node dies while it is at it: the other may go on once it is known to be gone.
  const dying = cluster.nodes[0] ?? assert.fail()
  const cut = send(first, 'into/dead', archives[0]).catch(() => null)
  const database = new pg.Client(cluster.databaseUrl)
  await database.connect()
  const begun = `SELECT FROM weft.document WHERE id = 'into/dead'`
  await eventually('it has begun', async () => (await database.query(begun)).rowCount === 1)
  await database.end()
  await dying.kill()
  await cut
  // Nobody is shown what is there of it, at the other node neither.
  const shown = await second.ask('GET', documentPath('into/dead'))
  if (shown.status === 200) assert.deepEqual(await seenOf(second, 'into/dead'), seen[0])
  else {
    assert.equal(shown.body.code, 'no-such-document')
    const edit = { text: [{ root: 'body', at: 0, insert: 'x' }] }
    assert.equal(await second.refusal('POST', `${documentPath('into/dead')}/updates`, edit), '409 document-unfinished')
  }
  let answer = await send(second, 'into/dead', archives[0])
  await eventually(
    'the other node imports it, or it was whole',
    async () => {
      if (answer.status !== 201 && answer.body?.code !== 'document-exists') answer = await send(second, 'into/dead', archives[0])
      return answer.status === 201 || answer.body?.code === 'document-exists'
    },
    60_000,
  )
  assert.deepEqual(await seenOf(second, 'into/dead'), seen[0])
  await dying.restart()
  await cluster.ready()
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

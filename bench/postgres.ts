// Fenced appends into PostgreSQL against a bare `unnest` insert of the same rows on the same server, one statement at a time, as the log writer works.
// Every row of a batch belongs to another document in another shard. The rounds of both alternate, so that a busy machine disturbs both alike.
// Target: at least 85 % of the bare insert at batches of 100. `first rows` are the rows after documents were opened, as after a takeover. Usage: node dist/bench/postgres.js [--rounds=9] [--rows=6000]
import pg from 'pg'
import { shardOf } from '../core/document-id.js'
import { silentLogger } from '../core/log.js'
import { systemRandom } from '../core/random.js'
import { byteaArray, int8Array } from '../persistence/postgres/binary-array.js'
import { openPostgresStore } from '../persistence/postgres/postgres-store.js'
import type { AppendEntry } from '../persistence/store.js'
import { startPostgres } from '../test/helpers/postgres.js'
import { nowMs, option, percentile, report } from './harness.js'

const rounds = option('rounds', 9)
const rowsPerRound = option('rows', 6000)
const DOCUMENTS = 300
const UPDATE_BYTES = 100

const server = await startPostgres()
const url = await server.createDatabase()
const store = await openPostgresStore({ url, logger: silentLogger, random: systemRandom })
const bare = new pg.Pool({ connectionString: url, max: 2 })
await bare.query(
  'CREATE TABLE bare (id bytea, seq bigint, epoch bigint NOT NULL, committed_at bigint NOT NULL, bytes bytea NOT NULL, PRIMARY KEY (id, seq))',
)
await bare.query('ALTER TABLE bare ALTER COLUMN bytes SET STORAGE EXTERNAL')
const INSERT = `INSERT INTO bare SELECT id, seq, epoch, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, bytes
  FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[]) AS entry (id, seq, epoch, bytes)`

const boot = 'bench'
const grants = await store.claimShards(
  { nodeId: 'bench', boot },
  Array.from({ length: 1024 }, (_, shard) => ({ shard, epoch: 0 })),
)
const epochs = new Map(grants.map(({ shard, epoch }) => [shard, epoch]))
const ids = new Map<number, string>()
for (let index = 0; ids.size < DOCUMENTS; index++) {
  const id = `teams/${index % 7}/documents/${index}`
  ids.set(shardOf(id), id)
}
const documents = [...ids.values()].map((documentId) => ({ documentId, head: 0 }))
let next = 0
const update = systemRandom.bytes(UPDATE_BYTES)

function batch(size: number): readonly AppendEntry[] {
  return Array.from({ length: size }, () => {
    const document = documents[next++ % documents.length]
    if (document === undefined) throw new Error('there are documents')
    document.head += 1
    const shard = shardOf(document.documentId)
    return {
      documentId: document.documentId,
      fence: { shard, epoch: epochs.get(shard) ?? 0, boot },
      seq: document.head,
      incarnation: 'life',
      update,
    }
  })
}

async function perSecond(size: number, write: (entries: readonly AppendEntry[]) => Promise<unknown>): Promise<number> {
  const batches = Array.from({ length: Math.max(20, Math.round(rowsPerRound / size / (size === 1 ? 10 : 1))) }, () => batch(size))
  const startMs = nowMs()
  for (const entries of batches) await write(entries)
  return (batches.length * size * 1000) / (nowMs() - startMs)
}

const fenced = (entries: readonly AppendEntry[]): Promise<unknown> => store.append(entries)
const unfenced = (entries: readonly AppendEntry[]): Promise<unknown> =>
  bare.query(INSERT, [
    byteaArray(entries.map((entry) => Buffer.from(entry.documentId))),
    int8Array(entries.map((entry) => entry.seq)),
    int8Array(entries.map((entry) => entry.fence.epoch)),
    byteaArray(entries.map((entry) => entry.update)),
  ])

for (const size of [1, 10, 100]) {
  await perSecond(size, fenced)
  await bare.query('TRUNCATE bare')
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const heads = documents.map((document) => document.head)
    ours.push(await perSecond(size, fenced))
    // The bare table gets the same rows again: same documents, same seqs.
    documents.forEach((document, index) => {
      document.head = heads[index] ?? 0
    })
    theirs.push(await perSecond(size, unfenced))
  }
  const [own, other] = [percentile(ours, 0.5), percentile(theirs, 0.5)]
  report(`postgres: appends, batches of ${size}`, { 'rows/s': own, 'bare rows/s': other, 'ratio %': (own / other) * 100 })
}
// The shards are taken over by another boot, which opens the documents and appends the next row of each.
const firstRows: number[] = []
for (let round = 0; round < rounds; round++) {
  const heir = `heir-${round}`
  const owned = await store.claimShards(
    { nodeId: 'heir', boot: heir },
    Array.from(epochs, ([shard, epoch]) => ({ shard, epoch })),
  )
  for (const { shard, epoch } of owned) epochs.set(shard, epoch)
  for (const { documentId } of documents) await store.openDocument(documentId)
  next = 0
  const batches = [batch(100), batch(100), batch(100)].map((entries) =>
    entries.map((entry) => ({ ...entry, fence: { ...entry.fence, boot: heir } })),
  )
  const startMs = nowMs()
  for (const entries of batches) await store.append(entries)
  firstRows.push((batches.length * 100 * 1000) / (nowMs() - startMs))
}
report('postgres: first rows after opening, batches of 100', { 'rows/s': percentile(firstRows, 0.5) })
await bare.end()
await store.close()
await server.stop()

// What a store costs by itself: rows per second in batches, and the latency of one quiet commit.
// Run alone: node dist/bench/store.js [folder]. The folder decides which disk is measured; the default is a new one in the system's temporary folder.
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { systemClock } from '../core/clock.js'
import { shardOf } from '../core/document-id.js'
import { silentLogger } from '../core/log.js'
import { seededRandom } from '../core/random.js'
import { type AppendEntry, type DocumentStore, type Fence, MemoryStore, openLmdbStore } from '../persistence/index.js'

const UPDATE_BYTES = 100
const claimant = { nodeId: 'bench', boot: 'bench' }

interface Writer {
  readonly documentId: string
  readonly fence: Fence
  head: number
}

async function claimDocuments(store: DocumentStore, name: string, count: number): Promise<Writer[]> {
  const epochs = new Map((await store.readOwnership()).map(({ shard, epoch }) => [shard, epoch]))
  const documentIds = Array.from({ length: count }, (_, index) => `${name}/${index}`)
  const shards = [...new Set(documentIds.map(shardOf))]
  const grants = await store.claimShards(
    claimant,
    shards.map((shard) => ({ shard, epoch: epochs.get(shard) ?? 0 })),
  )
  const granted = new Map(grants.map((grant) => [grant.shard, grant.epoch]))
  return documentIds.map((documentId) => {
    const shard = shardOf(documentId)
    return { documentId, fence: { shard, epoch: granted.get(shard) ?? 0, boot: claimant.boot }, head: 0 }
  })
}

function nextEntry(writer: Writer, update: Uint8Array): AppendEntry {
  writer.head++
  return { documentId: writer.documentId, fence: writer.fence, seq: writer.head, incarnation: 'bench', update }
}

/** One batch after the other, `batchRows` documents in each. */
async function measureBatches(store: DocumentStore, batchRows: number, batches: number): Promise<void> {
  const writers = await claimDocuments(store, `batches of ${batchRows}`, batchRows)
  const update = seededRandom(1).bytes(UPDATE_BYTES)
  const latenciesMs: number[] = []
  const start = systemClock.monotonic()
  const cpu = process.cpuUsage()
  for (let batch = 0; batch < batches; batch++) {
    const before = systemClock.monotonic()
    const { fencedShards } = await store.append(writers.map((writer) => nextEntry(writer, update)))
    if (fencedShards.size > 0) throw new Error('fenced')
    latenciesMs.push(systemClock.monotonic() - before)
  }
  const elapsedMs = systemClock.monotonic() - start
  const { user, system } = process.cpuUsage(cpu)
  latenciesMs.sort((a, b) => a - b)
  const at = (part: number) => (latenciesMs[Math.floor(latenciesMs.length * part)] ?? 0).toFixed(2)
  const rows = batchRows * batches
  console.log(
    `${store.kind.padEnd(7)} ${String(batchRows).padStart(4)} rows a batch: ${Math.round((rows / elapsedMs) * 1000)} rows/s, ` +
      `batch p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${((user + system) / rows).toFixed(1)} µs of CPU a row`,
  )
}

/** Commits with a pause before each, as in a document where one person types. */
async function measureQuietCommits(store: DocumentStore): Promise<void> {
  const [writer] = await claimDocuments(store, 'quiet', 1)
  if (writer === undefined) return
  const latenciesMs: number[] = []
  for (let commit = 0; commit < 200; commit++) {
    await new Promise<void>((resolve) => void systemClock.after(5, resolve))
    const before = systemClock.monotonic()
    await store.append([nextEntry(writer, new Uint8Array(UPDATE_BYTES))])
    latenciesMs.push(systemClock.monotonic() - before)
  }
  latenciesMs.sort((a, b) => a - b)
  console.log(`${store.kind.padEnd(7)} one quiet commit: p50 ${latenciesMs[100]?.toFixed(2)} ms, p99 ${latenciesMs[198]?.toFixed(2)} ms`)
}

/** Five rows of twenty bytes in each commit, over 200 documents, some 200 commits a second: many small documents in which people type. */
async function measureSmallCommits(store: DocumentStore): Promise<void> {
  const writers = await claimDocuments(store, 'small', 200)
  const update = new Uint8Array(20)
  let next = 0
  const commit = async (): Promise<number> => {
    await new Promise<void>((resolve) => void systemClock.after(3, resolve))
    const before = systemClock.monotonic()
    const entries = Array.from({ length: 5 }, () => nextEntry(writers[next++ % writers.length] as Writer, update))
    await store.append(entries)
    return systemClock.monotonic() - before
  }
  const commits = 2_000
  for (let warm = 0; warm < 300; warm++) await commit()
  const latenciesMs: number[] = []
  const [cpu, written] = [process.cpuUsage(), bytesWritten()]
  for (let count = 0; count < commits; count++) latenciesMs.push(await commit())
  const { user, system } = process.cpuUsage(cpu)
  latenciesMs.sort((a, b) => a - b)
  const at = (part: number) => (latenciesMs[Math.floor(latenciesMs.length * part)] ?? 0).toFixed(2)
  const kib = (bytesWritten() - written) / commits / 1024
  console.log(
    `${store.kind.padEnd(7)} five rows of 20 bytes over 200 documents: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ` +
      `${((user + system) / commits).toFixed(0)} µs of CPU and ${kib.toFixed(1)} KiB to the disk a commit`,
  )
}

/** What this process has given the disk so far, by the kernel's count; NaN where there is none. */
function bytesWritten(): number {
  const counts = existsSync('/proc/self/io') ? readFileSync('/proc/self/io', 'utf8') : ''
  return Number(/^write_bytes: (\d+)$/m.exec(counts)?.[1])
}

async function measureLargeDocument(store: DocumentStore): Promise<void> {
  const [writer] = await claimDocuments(store, 'large', 1)
  if (writer === undefined) return
  await store.append([nextEntry(writer, new Uint8Array(UPDATE_BYTES))])
  const state = new Uint8Array(64 * 1024 * 1024)
  const saving = systemClock.monotonic()
  await store.saveSnapshot({ documentId: writer.documentId, fence: writer.fence, incarnation: 'bench', seq: 1, state })
  const opening = systemClock.monotonic()
  await store.openDocument(writer.documentId)
  const done = systemClock.monotonic()
  console.log(
    `${store.kind.padEnd(7)} a snapshot of 64 MiB: saved in ${Math.round(opening - saving)} ms, opened in ${Math.round(done - opening)} ms`,
  )
}

const folder = process.argv[2] ?? (await mkdtemp(path.join(tmpdir(), 'weft-bench-store-')))
const stores = [
  new MemoryStore({ clock: systemClock }),
  await openLmdbStore({
    folder,
    clock: systemClock,
    logger: silentLogger,
    onFatal: (error) => {
      throw error
    },
  }),
]
for (const store of stores) {
  await measureQuietCommits(store)
  await measureSmallCommits(store)
  await measureBatches(store, 1, 2000)
  await measureBatches(store, 10, 1000)
  await measureBatches(store, 100, 300)
  await measureLargeDocument(store)
  await store.close()
}
if (process.argv[2] === undefined) await rm(folder, { recursive: true, force: true })

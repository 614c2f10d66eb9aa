// What looking back costs: any moment of a document with a long log, a restore of it while somebody types elsewhere, the list of many documents, and an export of
// ten thousand; beside a plain replay by Yjs. Usage: node dist/bench/history.js [--edits=260000] [--documents=100000] [--postgres=0]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import * as Y from 'yjs'
import { systemClock } from '../core/clock.js'
import { shardOf } from '../core/document-id.js'
import { silentLogger } from '../core/log.js'
import { seededRandom, systemRandom } from '../core/random.js'
import { openLmdbStore } from '../persistence/index.js'
import { openPostgresStore } from '../persistence/postgres/postgres-store.js'
import type { DocumentStore } from '../persistence/store.js'
import { startPostgres } from '../test/helpers/postgres.js'
import { Typist } from './edits.js'
import { judge, nowMs, option, percentile, report, startServer, untilQuiet, wait } from './harness.js'
import { RawClient } from './raw-client.js'

const edits = option('edits', 260_000)
const documents = option('documents', 100_000)
const onPostgres = option('postgres', 0) === 1
const momentMsMax = onPostgres ? 250 : 150
/** Keystrokes that one commit holds, as in a document in which several people type. */
const EDITS_PER_ROW = 4
/** As often as a document that is typed into is compacted. */
const ROWS_PER_SNAPSHOT = 1_000
const DOCUMENT = 'long'
const claimant = { nodeId: 'bench', boot: 'bench' }

/** The rows of a history of one text: letters one after the other, a jump now and then, and runs of letters that are taken back. */
function makeRows(): readonly Uint8Array[] {
  const random = seededRandom(5)
  const doc = new Y.Doc()
  const text = doc.getText('body')
  const rows: Uint8Array[] = []
  let group: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => {
    group.push(update)
    if (group.length < EDITS_PER_ROW) return
    rows.push(Y.mergeUpdates(group))
    group = []
  })
  let at = 0
  let deleting = 0
  for (let edit = 0; edit < edits; edit++) {
    if (random.below(200) === 0) at = random.below(text.length + 1)
    if (deleting === 0 && random.below(40) === 0) deleting = 1 + random.below(12)
    if (deleting > 0 && at > 0) {
      deleting -= 1
      at -= 1
      text.delete(at, 1)
    } else {
      const letter = 'etaoin shrdlu'.charAt(random.below(13))
      text.insert(at, letter)
      at += 1
    }
  }
  doc.destroy()
  return rows
}

async function fill(store: DocumentStore, rows: readonly Uint8Array[]): Promise<void> {
  const shards = Array.from({ length: 1024 }, (_, shard) => ({ shard, epoch: 0 }))
  const epochs = new Map((await store.claimShards(claimant, shards)).map(({ shard, epoch }) => [shard, epoch]))
  const fenceOf = (documentId: string) => ({ shard: shardOf(documentId), epoch: epochs.get(shardOf(documentId)) ?? 0, boot: claimant.boot })
  const doc = new Y.Doc()
  const fence = fenceOf(DOCUMENT)
  for (const [index, update] of rows.entries()) {
    const seq = index + 1
    await store.append([{ documentId: DOCUMENT, fence, seq, incarnation: 'bench', update }])
    Y.applyUpdate(doc, update)
    if (seq % ROWS_PER_SNAPSHOT === 0)
      await store.saveSnapshot({ documentId: DOCUMENT, fence, incarnation: 'bench', seq, state: Y.encodeStateAsUpdate(doc) })
  }
  doc.destroy()
  const small = new Typist(1).keystroke()
  for (let first = 0; first < documents; first += 1_000)
    await store.append(
      Array.from({ length: Math.min(1_000, documents - first) }, (_, index) => {
        const documentId = `many/${String(first + index).padStart(6, '0')}`
        return { documentId, fence: fenceOf(documentId), seq: 1, incarnation: 'bench', update: small }
      }),
    )
  await store.close()
}

const folder = await mkdtemp(path.join(tmpdir(), 'weft-bench-history-'))
const rows = makeRows()
const database = onPostgres ? await startPostgres() : null
const flags: string[] = []
if (database === null) {
  const onFatal = (error: Error): void => {
    throw error
  }
  await fill(await openLmdbStore({ folder, clock: systemClock, logger: silentLogger, onFatal }), rows)
} else {
  const url = await database.createDatabase()
  const inHaste = async (isSo: boolean): Promise<void> => {
    await database.run(`ALTER SYSTEM SET synchronous_commit = ${isSo ? 'off' : 'on'}`)
    await database.run('SELECT pg_reload_conf()')
  }
  await inHaste(true)
  await fill(await openPostgresStore({ url, logger: silentLogger, random: systemRandom }), rows)
  await inHaste(false)
  flags.push('--database-url', url, '--cluster-secret', 'a secret of the benchmark', '--insecure-open')
}
const server = await startServer(flags, folder)
const api = `${server.url.replace('ws', 'http')}/api/v1`
await untilQuiet(server)

async function timed(request: string, init: RequestInit = {}): Promise<number> {
  const startMs = nowMs()
  const answer = await fetch(`${api}${request}`, init)
  const body = await answer.arrayBuffer()
  if (!answer.ok) throw new Error(Buffer.from(body).toString())
  return nowMs() - startMs
}

// The thread is there, and its code is warm.
for (let round = 0; round < 10; round++) await timed(`/documents/${DOCUMENT}/content?format=update&at=seq:${1 + round * 100}`)

const random = seededRandom(9)
const moments = Array.from({ length: 60 }, () => 1 + random.below(rows.length))
const readMs: number[] = []
for (const seq of moments) readMs.push(await timed(`/documents/${DOCUMENT}/content?format=update&at=seq:${seq}`))
const replayMs: number[] = []
for (const seq of moments.slice(0, 10)) {
  const startMs = nowMs()
  const doc = new Y.Doc()
  for (const update of rows.slice(0, seq)) Y.applyUpdate(doc, update)
  Y.encodeStateAsUpdate(doc)
  doc.destroy()
  replayMs.push(nowMs() - startMs)
}
report('history: any moment', {
  'p50 ms': percentile(readMs, 0.5),
  'p99 ms': percentile(readMs, 0.99),
  'replay by Yjs, p50 ms': percentile(replayMs, 0.5),
})
judge('any moment of a long log, p99', percentile(readMs, 0.99), momentMsMax, 'ms')

const listMs: number[] = []
for (let page = 0; page < 30; page++)
  listMs.push(await timed(`/documents?prefix=many&limit=1000&after=many/${String(page * 3_000).padStart(6, '0')}`))
report('history: a page of 1,000 documents', { 'p50 ms': percentile(listMs, 0.5), 'p99 ms': percentile(listMs, 0.99) })
judge('1,000 of many documents, p50', percentile(listMs, 0.5), 20, 'ms')

// Somebody types into another document all the while.
let echoed: () => void = () => {}
const client = await RawClient.connect(server.url, 'elsewhere', { update: () => echoed() })
client.sync()
await wait(200)
const typist = new Typist(77)
async function type(until: Promise<unknown>): Promise<readonly number[]> {
  const latenciesMs: number[] = []
  let over = false
  const ended = until.finally(() => {
    over = true
  })
  while (!over) {
    const startMs = nowMs()
    await new Promise<void>((resolve) => {
      echoed = resolve
      client.submit(typist.keystroke())
    })
    latenciesMs.push(nowMs() - startMs)
    await wait(5)
  }
  await ended
  return latenciesMs
}

const quietMs = await type(wait(3_000))
const restoreMs: number[] = []
const meanwhileMs: number[] = []
for (let round = 0; round < 8; round++) {
  // To half-way and back again, which is as much of an edit.
  const at = round % 2 === 0 ? `seq:${Math.floor(rows.length / 2)}` : `seq:${rows.length}`
  const body = JSON.stringify({ at })
  const restoring = timed(`/documents/${DOCUMENT}/restore`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
  meanwhileMs.push(...(await type(restoring)))
  restoreMs.push(await restoring)
}
report('history: restores of half of it', {
  'p50 ms': percentile(restoreMs, 0.5),
  'elsewhere, quiet p99 ms': percentile(quietMs, 0.99),
  'elsewhere, meanwhile p99 ms': percentile(meanwhileMs, 0.99),
})
judge('a restore over a long log, p50', percentile(restoreMs, 0.5), 300, 'ms')
judge('edits elsewhere during it, p99 over quiet', percentile(meanwhileMs, 0.99) - percentile(quietMs, 0.99), 10, 'ms')
client.close()

// A tenth of the small documents into files, by the command.
const exported = await mkdtemp(path.join(tmpdir(), 'weft-bench-export-'))
await untilQuiet(server)
const idle = server.memory().rss
const startMs = nowMs()
const main = fileURLToPath(new URL('../weft/main.js', import.meta.url))
const command = spawn(
  process.execPath,
  [main, 'export', '--prefix', 'many/00', '--to', exported, '--url', server.url.replace('ws', 'http'), '--json'],
  {
    stdio: ['ignore', 'pipe', 'ignore'],
  },
)
let peak = 0
let commandPeak = 0
const watch = setInterval(() => {
  peak = Math.max(peak, server.memory().rss)
  try {
    commandPeak = Math.max(commandPeak, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${command.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024)
  } catch {
    // It has ended.
  }
}, 50)
let said = ''
command.stdout.on('data', (chunk) => {
  said += chunk
})
await once(command, 'close')
clearInterval(watch)
const { written } = JSON.parse(said)
const megabytes = (bytes: number): number => Math.round(bytes / 1e6)
report(`history: an export of ${written} documents`, {
  seconds: ((nowMs() - startMs) / 1000).toFixed(1),
  'server above idle, MB': megabytes(peak - idle),
  'command, MB': megabytes(commandPeak),
})
judge('an export of 10,000: server above idle', megabytes(peak - idle), 100, 'MB')
await rm(exported, { recursive: true })
await server.stop()
await database?.stop()

// The op log: fenced group appends, and reading it in pages.
import { assert } from '../../core/assert.js'
import { shardOf } from '../../core/document-id.js'
import { documentCorrupt } from '../failures.js'
import type { AppendEntry, AppendResult, LogRow } from '../store.js'
import type { AuthorNumbers, AuthorValues } from './authors.js'
import { byteaArray, int4Array, int8Array, textArray } from './binary-array.js'
import { bytesIn, numberIn, textIn } from './columns.js'
import type { Database, Row } from './database.js'
import { asStoreError, codeOf, sqlStates } from './errors.js'
import type { RememberedHeads } from './remembered-heads.js'

const utf8 = new TextEncoder()
const parameters = '$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13'
const APPEND_KNOWN = `SELECT weft.append_known(${parameters}) AS at`
const APPEND_ALL = `SELECT lease_version, server_life, newest_at, keys FROM weft.append_all(${parameters})`
const APPEND_SOME = `SELECT entry, verdict FROM weft.append_some(${parameters})`

/** After this many collisions with another writer of the same rows, the batch fails and the caller repeats it. */
const COLLISIONS_MAX = 5
/** Lives of the server that may begin during one append. */
const AUTHOR_TRIES_MAX = 3

/**
 * Appends by one statement: a short one if all documents of the batch are remembered, else one that looks everything up. Only what is not
 * simply the next row of its document takes a further, closer look. See `DocumentStore.append`.
 */
export async function append(
  database: Database,
  heads: RememberedHeads,
  authors: AuthorNumbers,
  entries: readonly AppendEntry[],
): Promise<AppendResult> {
  if (entries.length === 0) return { fencedShards: new Set() }
  for (let tries = 1; ; tries++) {
    const values = await authors.valuesOf(database, entries)
    try {
      return await appendBy(database, heads, entries, values)
    } catch (thrown) {
      // Nothing was written. The server has begun another life since the numbers were read.
      if (codeOf(thrown) !== sqlStates.authorsOutOfDate || tries >= AUTHOR_TRIES_MAX) throw asStoreError(thrown, database.where)
      authors.forget()
    }
  }
}

async function appendBy(
  database: Database,
  heads: RememberedHeads,
  entries: readonly AppendEntry[],
  authors: AuthorValues,
): Promise<AppendResult> {
  if (await appendKnown(database, heads, entries, authors)) return { fencedShards: new Set() }
  checkEntries(entries)
  if (await appendAll(database, heads, entries, authors)) return { fencedShards: new Set() }
  heads.forget(entries)
  return { fencedShards: fencedShards(entries, await appendSome(database, [...valuesOf(entries), ...authors])) }
}

/**
 * Runs one of the two straight ways. Undefined if the batch needs a closer look; then nothing of it was written. Throws the driver's own
 * error.
 */
async function straight(database: Database, text: string, values: readonly unknown[]): Promise<Row | undefined> {
  try {
    const [row] = await database.raw('append', text, values)
    assert(row !== undefined, 'an append answers')
    return row
  } catch (thrown) {
    if (codeOf(thrown) === sqlStates.notPlain || isCollision(thrown)) return undefined
    throw thrown
  }
}

async function appendKnown(
  database: Database,
  heads: RememberedHeads,
  entries: readonly AppendEntry[],
  authors: AuthorValues,
): Promise<boolean> {
  const known = heads.recall(entries)
  if (known === null) return false
  const { view } = known
  const row = await straight(database, APPEND_KNOWN, [
    view.boot,
    view.leaseVersion,
    view.serverLife,
    view.newestAt,
    int8Array(known.heads.map(({ key }) => key)),
    int8Array(entries.map(({ seq }) => seq)),
    int8Array(entries.map(({ fence }) => fence.epoch)),
    byteaArray(entries.map(({ update }) => update)),
    ...authors,
  ])
  if (row === undefined) return false
  heads.advance(known, numberIn(row, 'at'))
  return true
}

async function appendAll(
  database: Database,
  heads: RememberedHeads,
  entries: readonly AppendEntry[],
  authors: AuthorValues,
): Promise<boolean> {
  const row = await straight(database, APPEND_ALL, [...valuesOf(entries), ...authors])
  if (row === undefined) return false
  const boot = entries[0]?.fence.boot
  const keys = row['keys']
  // Without a lease, or with several boots in one batch, there is nothing that would vouch for the memory.
  if (boot === undefined || typeof row['lease_version'] !== 'number' || entries.some(({ fence }) => fence.boot !== boot)) return true
  assert(Array.isArray(keys) && keys.length === entries.length, 'there is a key for each entry')
  const view = { boot, leaseVersion: row['lease_version'], serverLife: numberIn(row, 'server_life'), newestAt: numberIn(row, 'newest_at') }
  heads.remember(view, entries, keys.map(Number))
  return true
}

/** A unique violation rolled the whole batch back: a rival wrote one of its rows just now. Its row is visible to a new statement. */
async function appendSome(database: Database, values: readonly unknown[]): Promise<readonly Row[]> {
  for (let collisions = 0; ; collisions++) {
    try {
      return await database.raw('append', APPEND_SOME, values)
    } catch (thrown) {
      if (collisions >= COLLISIONS_MAX || !isCollision(thrown)) throw thrown
    }
  }
}

function isCollision(thrown: unknown): boolean {
  const code = codeOf(thrown)
  return code === sqlStates.uniqueViolation || code === sqlStates.serializationFailure || code === sqlStates.deadlock
}

function fencedShards(entries: readonly AppendEntry[], verdicts: readonly Row[]): ReadonlySet<number> {
  const shards = new Set<number>()
  for (const row of verdicts) {
    const entry = entries[numberIn(row, 'entry') - 1]
    assert(entry !== undefined, 'a verdict is about an entry of the batch')
    if (textIn(row, 'verdict') === 'gap') throw documentCorrupt(entry.documentId, `row ${entry.seq} would leave a gap`)
    shards.add(entry.fence.shard)
  }
  return shards
}

function checkEntries(entries: readonly AppendEntry[]): void {
  const documentIds = new Set<string>()
  for (const { documentId, fence } of entries) {
    assert(fence.shard === shardOf(documentId), 'an entry is fenced by the shard of its document')
    assert(!documentIds.has(documentId), 'a batch has one entry per document')
    documentIds.add(documentId)
  }
}

/** The batch as eight binary arrays: three with the distinct fences, five with the entries, which name their fence by position. */
function valuesOf(entries: readonly AppendEntry[]): readonly Buffer[] {
  const positions = new Map<string, number>()
  const fences: AppendEntry['fence'][] = []
  const fenceOf: number[] = []
  for (const { fence } of entries) {
    const name = `${fence.shard} ${fence.epoch} ${fence.boot}`
    let position = positions.get(name)
    if (position === undefined) {
      position = fences.push(fence)
      positions.set(name, position)
    }
    fenceOf.push(position)
  }
  return [
    int4Array(fences.map(({ shard }) => shard)),
    int8Array(fences.map(({ epoch }) => epoch)),
    textArray(fences.map(({ boot }) => boot)),
    int4Array(fenceOf),
    byteaArray(entries.map(({ documentId }) => utf8.encode(documentId))),
    textArray(entries.map(({ incarnation }) => incarnation)),
    int8Array(entries.map(({ seq }) => seq)),
    byteaArray(entries.map(({ update }) => update)),
  ]
}

// Keys of documents begin at 1.
const PROBE = `
  INSERT INTO weft.log (key, seq, epoch, committed_at, bytes) VALUES (0, 0, 0, weft.now_ms(), '')
  ON CONFLICT (key, seq) DO UPDATE SET committed_at = excluded.committed_at`

/** See `DocumentStore.probe`: a row in the table that appends go to. */
export async function probe(database: Database): Promise<void> {
  await database.run('append', PROBE)
}

export function logRowIn(row: Row): LogRow {
  return {
    seq: numberIn(row, 'seq'),
    epoch: numberIn(row, 'epoch'),
    committedAt: numberIn(row, 'at'),
    update: bytesIn(row, 'bytes'),
  }
}

/** Throws `document-corrupt` unless the rows follow each other without a gap from `afterSeq + 1` (D5). */
export function checkContiguous(documentId: string, rows: readonly LogRow[], afterSeq: number): void {
  let expected = afterSeq
  for (const { seq } of rows) {
    expected += 1
    if (seq !== expected) throw documentCorrupt(documentId, `its log has row ${seq} where row ${expected} belongs`)
  }
}

// `before` is what the rows ahead of a row weigh: a row is in the page while that is below the bound, so the page has at least one.
const READ_LOG = `
  WITH document AS MATERIALIZED (
    SELECT key, (SELECT min(seq) FROM weft.log WHERE log.key = document.key) AS first, (SELECT max(seq) FROM weft.log WHERE log.key = document.key) AS head
    FROM weft.document WHERE id = $1
  )
  SELECT document.first, document.head, page.seq, page.epoch, page.at, page.bytes
  FROM document LEFT JOIN LATERAL (
    SELECT seq, epoch, committed_at AS at, bytes,
      coalesce(sum(octet_length(bytes)) OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
    FROM weft.log WHERE log.key = document.key AND seq > $2 AND seq <= $3
  ) AS page ON page.before < $4
  ORDER BY page.seq`

/** See `DocumentStore.readLog`. */
export async function readLog(
  database: Database,
  documentId: string,
  afterSeq: number,
  throughSeq: number,
  bytesMax: number,
): Promise<readonly LogRow[] | null> {
  const values = [utf8.encode(documentId), afterSeq, throughSeq, Math.max(1, bytesMax)]
  const rows = await database.read('bulk', READ_LOG, values)
  const [first] = rows
  if (first === undefined) return []
  if (first['head'] === null) throw documentCorrupt(documentId, 'its log is empty')
  if (afterSeq >= Math.min(throughSeq, numberIn(first, 'head'))) return []
  if (afterSeq + 1 < numberIn(first, 'first')) return null
  const page = rows.filter((row) => row['seq'] !== null).map(logRowIn)
  checkContiguous(documentId, page, afterSeq)
  if (page.length === 0) throw documentCorrupt(documentId, `its log has no row ${afterSeq + 1}`)
  return page
}

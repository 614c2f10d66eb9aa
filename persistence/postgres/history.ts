// Reading documents: as they are now, as they were at a point, and the list of them. Each read is one statement, hence one consistent cut.
import { shardOf } from '../../core/document-id.js'
import { documentCorrupt, noSuchDocument, prunedAway } from '../failures.js'
import { quarantineOfRead } from '../quarantine.js'
import type { DocumentInfo, DocumentQuery, HistoryPoint, LogRow, Page, Quarantine, StoredDocument, StoredSnapshot } from '../store.js'
import { markUnfinished, UNFINISHED_PATTERN } from '../unfinished.js'
import { bytesIn, numberIn, textIn, utf8In } from './columns.js'
import type { Database, Row } from './database.js'
import { checkContiguous, logRowIn } from './log.js'
import type { RememberedHeads } from './remembered-heads.js'

const NO_LEASE = 'NULL::bigint AS lease_version, NULL::bigint AS server_life, NULL::bigint AS owner_epoch, NULL::bigint AS newest_at'

const bytesOf = (text: string): Buffer => Buffer.from(text, 'utf8')

// One row about the document, at most one snapshot, then the log. `upto` is a row with the seq to read through (null for none), computed
// from `document` and, for a time, from the log; a second statement for the tail could straddle a truncation and show a hole. `lease` is
// what a writer has to know beside: the columns lease_version, server_life, owner_epoch and newest_at, in the row about the document.
const readThrough = (upto: string, lease: string = NO_LEASE): string => `
  WITH document AS MATERIALIZED (
    SELECT key, incarnation, quarantine_seq, quarantine_reason,
      (SELECT min(log.seq) FROM weft.log WHERE log.key = document.key) AS first,
      (SELECT max(log.seq) FROM weft.log WHERE log.key = document.key) AS head
    FROM weft.document WHERE id = $1
  ), upto AS MATERIALIZED (${upto}
  ), base AS MATERIALIZED (
    SELECT snapshot.seq, snapshot.saved_at, snapshot.bytes FROM document, upto, weft.snapshot
    WHERE snapshot.key = document.key AND snapshot.seq <= upto.seq ORDER BY snapshot.seq DESC LIMIT 1
  )
  SELECT 'document' AS kind, upto.seq, document.first AS epoch, document.head AS at, NULL::bytea AS bytes, document.incarnation,
      document.key, document.quarantine_seq, document.quarantine_reason, ${lease}
    FROM document LEFT JOIN upto ON true
  UNION ALL SELECT 'snapshot', seq, 0, saved_at, bytes, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM base
  UNION ALL SELECT 'row', log.seq, log.epoch, log.committed_at, log.bytes, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM document, upto, weft.log
    WHERE log.key = document.key AND log.seq > coalesce((SELECT base.seq FROM base), 0) AND log.seq <= upto.seq
  ORDER BY kind, seq`

// The largest bigint: a snapshot above the head would be corruption, and must be seen, not passed over.
const OPEN = readThrough(
  `
    SELECT 9223372036854775807 AS seq FROM document`,
  `
      (SELECT lease.version FROM weft.lease WHERE lease.boot = $2) AS lease_version, weft.server_life() AS server_life,
      (SELECT o.epoch FROM weft.shard_owner o WHERE o.shard = $3 AND o.boot = $2) AS owner_epoch,
      (SELECT log.committed_at FROM weft.log WHERE log.key = document.key AND log.seq = document.head) AS newest_at`,
)

const READ_AT_SEQ = readThrough(`
    SELECT $2::bigint AS seq FROM document`)

// A time before what is left of the log means the newest snapshot from before it, if rows were pruned at all.
const READ_AT_TIME = readThrough(`
    SELECT coalesce(
      (SELECT log.seq FROM weft.log WHERE log.key = document.key AND log.committed_at <= $2::bigint ORDER BY log.seq DESC LIMIT 1),
      CASE WHEN document.first > 1 THEN (
        SELECT snapshot.seq FROM weft.snapshot WHERE snapshot.key = document.key AND snapshot.seq < document.first AND snapshot.saved_at <= $2::bigint
        ORDER BY snapshot.seq DESC LIMIT 1) END
    ) AS seq FROM document`)

interface Found {
  readonly incarnation: string
  /** What `upto` came to. */
  readonly through: number | null
  readonly first: number
  readonly head: number
  readonly snapshot: StoredSnapshot | null
  readonly tail: readonly LogRow[]
  readonly quarantine: Quarantine | null
}

function find(documentId: string, rows: readonly Row[]): Found | null {
  const [about, ...rest] = rows
  if (about === undefined) return null
  if (about['at'] === null) throw documentCorrupt(documentId, 'its log is empty')
  const snapshots = rest.filter((row) => row['kind'] === 'snapshot')
  const [snapshot] = snapshots.map((row) => ({ seq: numberIn(row, 'seq'), state: bytesIn(row, 'bytes'), savedAt: numberIn(row, 'at') }))
  const tail = rest.filter((row) => row['kind'] === 'row').map(logRowIn)
  return {
    incarnation: textIn(about, 'incarnation'),
    through: about['seq'] === null ? null : numberIn(about, 'seq'),
    first: numberIn(about, 'epoch'),
    head: numberIn(about, 'at'),
    snapshot: snapshot ?? null,
    tail,
    quarantine:
      about['quarantine_seq'] === null ? null : { seq: numberIn(about, 'quarantine_seq'), reason: utf8In(about, 'quarantine_reason') },
  }
}

/** Throws unless snapshot and tail reach `seq` without a gap. */
function complete(documentId: string, found: Found, seq: number): StoredDocument {
  const { incarnation, snapshot, tail, quarantine } = found
  const base = snapshot?.seq ?? 0
  checkContiguous(documentId, tail, base)
  if (base + tail.length !== seq) throw documentCorrupt(documentId, `it ends at row ${base + tail.length} instead of row ${seq}`)
  return { incarnation, snapshot, tail, head: seq, quarantine: quarantineOfRead(quarantine, base, seq) }
}

/** See `DocumentStore.openDocument`. What it reads of a document whose shard this process holds is remembered for its next append. */
export async function openDocument(database: Database, heads: RememberedHeads, documentId: string): Promise<StoredDocument> {
  const boot = heads.boot
  const rows = await database.read('bulk', OPEN, [bytesOf(documentId), boot, shardOf(documentId)])
  const found = find(documentId, rows)
  if (found === null) return { incarnation: null, snapshot: null, tail: [], head: 0, quarantine: null }
  const stored = complete(documentId, found, found.head)
  const [about] = rows
  if (boot !== null && about !== undefined && about['lease_version'] !== null && about['owner_epoch'] !== null)
    heads.learn({
      documentId,
      view: {
        boot,
        leaseVersion: numberIn(about, 'lease_version'),
        serverLife: numberIn(about, 'server_life'),
        newestAt: numberIn(about, 'newest_at'),
      },
      key: numberIn(about, 'key'),
      epoch: numberIn(about, 'owner_epoch'),
      incarnation: found.incarnation,
      seq: found.head,
    })
  return stored
}

/** See `DocumentStore.readAt`. */
export async function readAt(database: Database, documentId: string, point: HistoryPoint): Promise<StoredDocument> {
  const [text, value] = 'seq' in point ? [READ_AT_SEQ, point.seq] : [READ_AT_TIME, clampToInteger(point.time)]
  const found = find(documentId, await database.read('bulk', text, [bytesOf(documentId), value]))
  if (found === null) throw noSuchDocument(documentId)
  const { through, first, head, snapshot } = found
  if (through === null) throw first > 1 ? prunedAway(documentId) : noSuchDocument(documentId)
  if (through < 1 || through > head) throw noSuchDocument(documentId)
  const base = snapshot?.seq ?? 0
  if (base < through && base + 1 < first) throw prunedAway(documentId)
  return complete(documentId, found, through)
}

/** Stored times are whole milliseconds, so a fraction changes nothing. */
function clampToInteger(time: number): number {
  return Math.floor(Math.min(Math.max(time, 0), Number.MAX_SAFE_INTEGER))
}

// The prefix is compared on bytes: ids from the prefix itself up to the first that no longer starts with it. The page is found first: with
// statistics that are old the planner would look for the head of every document, and then throw most of them away.
const LIST_DOCUMENTS = `
  WITH page AS MATERIALIZED (
    SELECT document.id, document.key, document.incarnation FROM weft.document
    WHERE document.id >= $1 AND ($2::bytea IS NULL OR document.id < $2) AND ($3::bytea IS NULL OR document.id > $3)
      AND ($5 OR document.incarnation NOT LIKE '${UNFINISHED_PATTERN}')
    ORDER BY document.id LIMIT $4
  )
  SELECT page.id, page.incarnation, head.seq, head.committed_at AS at
  FROM page, LATERAL (
    SELECT log.seq, log.committed_at FROM weft.log WHERE log.key = page.key ORDER BY log.seq DESC LIMIT 1
  ) AS head
  ORDER BY page.id`

/** See `DocumentStore.listDocuments`. */
export async function listDocuments(
  database: Database,
  { prefix = '', after, limit, which = 'finished' }: DocumentQuery,
): Promise<Page<DocumentInfo, string>> {
  const from = bytesOf(prefix)
  const values = [from, endOfPrefix(from), after === undefined ? null : bytesOf(after), limit + 1, which === 'all']
  const rows = await database.read('bulk', LIST_DOCUMENTS, values)
  const items = rows.slice(0, limit).map(
    (row): DocumentInfo => ({
      documentId: utf8In(row, 'id'),
      head: numberIn(row, 'seq'),
      updatedAt: numberIn(row, 'at'),
      ...markUnfinished(textIn(row, 'incarnation')),
    }),
  )
  return { items, next: rows.length > items.length ? (items.at(-1)?.documentId ?? null) : null }
}

/**
 * The first byte string after all that start with `prefix`, or null if there is none. UTF-8 has no byte 0xff, so one step up always works.
 */
function endOfPrefix(prefix: Buffer): Buffer | null {
  if (prefix.length === 0) return null
  const end = Buffer.from(prefix)
  end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1)
  return end
}

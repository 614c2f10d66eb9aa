// Pruning one document: the shared policy decides (persistence/retention.ts), rows go by deletion, in steps that keep transactions short.
import { planPrune } from '../retention.js'
import type { PruneResult, RetentionPolicy } from '../store.js'
import { numberIn } from './columns.js'
import type { Database } from './database.js'

const ROWS_PER_STEP = 20_000

const OUTLINE = `
  WITH document AS MATERIALIZED (
    SELECT key, (SELECT min(log.seq) FROM weft.log WHERE log.key = document.key) AS first FROM weft.document WHERE id = $1
  )
  SELECT document.key, coalesce(document.first, 1) AS first, coalesce(
    (SELECT log.seq FROM weft.log WHERE log.key = document.key AND log.committed_at <= weft.now_ms() - $2::bigint ORDER BY log.seq DESC LIMIT 1), document.first - 1, 0
  ) AS at_window_start, snapshot.seq, snapshot.saved_at, snapshot.version_name IS NOT NULL AS kept
  FROM document LEFT JOIN weft.snapshot ON snapshot.key = document.key ORDER BY snapshot.seq`

// A snapshot that became a version since the outline was read stays.
const REMOVE_SNAPSHOTS = 'DELETE FROM weft.snapshot WHERE key = $1 AND seq = ANY ($2::bigint[]) AND version_name IS NULL RETURNING seq'

const REMOVE_ROWS = `
  WITH gone AS (DELETE FROM weft.log WHERE key = $1 AND seq > $2 AND seq <= $3 RETURNING 1) SELECT count(*)::int AS removed FROM gone`

/** See `DocumentStore.prune`. Oldest rows go first, so a crash in between leaves a log that reaches back less far, without a hole. */
export async function prune(database: Database, documentId: string, policy: RetentionPolicy): Promise<PruneResult> {
  // The rows carry the database's time, so their age is its business: a node's clock may be days away from it.
  const rows = await database.read('bulk', OUTLINE, [Buffer.from(documentId, 'utf8'), Math.ceil(policy.logWindowMs)])
  const [about] = rows
  if (about === undefined) return { logRowsRemoved: 0, snapshotsRemoved: 0 }
  const key = numberIn(about, 'key')
  const snapshots = rows
    .filter((row) => row['seq'] !== null)
    .map((row) => ({ seq: numberIn(row, 'seq'), savedAt: numberIn(row, 'saved_at'), kept: row['kept'] === true }))
  const plan = planPrune({ snapshots, seqAtWindowStart: numberIn(about, 'at_window_start') }, policy)

  let logRowsRemoved = 0
  let after = numberIn(about, 'first') - 1
  while (after < plan.removeLogThrough) {
    const through = Math.min(plan.removeLogThrough, after + ROWS_PER_STEP)
    const [removed] = await database.run('bulk', REMOVE_ROWS, [key, after, through])
    logRowsRemoved += removed === undefined ? 0 : numberIn(removed, 'removed')
    after = through
  }
  if (plan.removeSnapshots.length === 0) return { logRowsRemoved, snapshotsRemoved: 0 }
  const removed = await database.run('bulk', REMOVE_SNAPSHOTS, [key, plan.removeSnapshots])
  return { logRowsRemoved, snapshotsRemoved: removed.length }
}

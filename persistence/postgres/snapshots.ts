// Snapshots and versions: saving, naming, dropping; showing a document that was being made; and deleting one for good.
import { assert } from '../../core/assert.js'
import { shardOf } from '../../core/document-id.js'
import type { Fence, FencedWrite, Page, SnapshotWrite, Version, VersionLabel, VersionQuery } from '../store.js'
import { finished } from '../unfinished.js'
import { numberIn, textIn, utf8In } from './columns.js'
import type { Database, Row } from './database.js'

const bytesOf = (text: string): Buffer => Buffer.from(text, 'utf8')

/** Saves a snapshot, as a version if there is a label. A seq that was never committed is a bug of the caller and asserts. */
export async function saveSnapshot(database: Database, write: SnapshotWrite, label: VersionLabel | null): Promise<FencedWrite> {
  const { documentId, fence, incarnation, seq, state } = write
  assert(fence.shard === shardOf(documentId), 'a snapshot is fenced by the shard of its document')
  const call =
    label === null ? 'save_snapshot($1, $2, $3, $4, $5, $6, $7, $8, $9)' : 'keep_version($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)'
  const [row] = await database.run('bulk', `SELECT weft.${call} AS outcome`, [
    fence.shard,
    fence.epoch,
    fence.boot,
    bytesOf(documentId),
    incarnation,
    seq,
    state,
    label === null ? null : bytesOf(label.name),
    label === null || label.author === null ? null : bytesOf(label.author),
    ...(label === null ? [] : [label.description == null ? null : bytesOf(label.description), label.createdAt ?? null]),
  ])
  assert(row !== undefined, 'the function answers')
  const outcome = textIn(row, 'outcome')
  assert(outcome !== 'ahead', 'a snapshot is at a seq that was committed')
  return outcome === 'written' ? 'written' : 'fenced'
}

const LIST_VERSIONS = `
  SELECT snapshot.seq, version_name, version_description, version_author, coalesce(version_at, saved_at) AS created_at, octet_length(bytes)::int AS state_bytes
  FROM weft.snapshot JOIN weft.document ON document.key = snapshot.key
  WHERE document.id = $1 AND (version_name IS NOT NULL OR $4) AND snapshot.seq < $2
  ORDER BY snapshot.seq DESC LIMIT $3`

export async function listVersions(database: Database, documentId: string, query: VersionQuery): Promise<Page<Version, number>> {
  const { before = Number.MAX_SAFE_INTEGER, limit, which = 'kept' } = query
  const rows = await database.read('bulk', LIST_VERSIONS, [bytesOf(documentId), before, limit + 1, which === 'all'])
  const items = rows.slice(0, limit).map(
    (row): Version => ({
      seq: numberIn(row, 'seq'),
      name: textOrNull(row, 'version_name'),
      description: textOrNull(row, 'version_description'),
      author: textOrNull(row, 'version_author'),
      createdAt: numberIn(row, 'created_at'),
      stateBytes: numberIn(row, 'state_bytes'),
    }),
  )
  return { items, next: rows.length > items.length ? (items.at(-1)?.seq ?? null) : null }
}

function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : utf8In(row, column)
}

const DROP_VERSION = `
  UPDATE weft.snapshot SET version_name = NULL, version_description = NULL, version_author = NULL, version_at = NULL
  FROM weft.document
  WHERE document.id = $1 AND snapshot.key = document.key AND snapshot.seq = $2 AND version_name IS NOT NULL
  RETURNING snapshot.seq`

export async function dropVersion(database: Database, documentId: string, seq: number): Promise<boolean> {
  const rows = await database.run('bulk', DROP_VERSION, [bytesOf(documentId), seq])
  return rows.length > 0
}

const FINISH = `
  WITH fence AS MATERIALIZED (SELECT weft.lock_fences(ARRAY[$1::int], ARRAY[$2::bigint], ARRAY[$3::text]) AS held)
  UPDATE weft.document SET incarnation = $6 FROM fence
  WHERE cardinality(fence.held) > 0 AND document.id = $4 AND document.incarnation IN ($5, $6)
  RETURNING document.key`

/** See `DocumentStore.finishDocument`. */
export async function finishDocument(database: Database, documentId: string, fence: Fence, incarnation: string): Promise<FencedWrite> {
  assert(fence.shard === shardOf(documentId), 'what finishes a document is fenced by its shard')
  const values = [fence.shard, fence.epoch, fence.boot, bytesOf(documentId), incarnation, finished(incarnation)]
  return (await database.run('bulk', FINISH, values)).length > 0 ? 'written' : 'fenced'
}

export async function deleteDocument(database: Database, documentId: string, fence: Fence): Promise<FencedWrite> {
  assert(fence.shard === shardOf(documentId), 'a delete is fenced by the shard of its document')
  const [row] = await database.run('bulk', 'SELECT weft.delete_document($1, $2, $3, $4) AS outcome', [
    fence.shard,
    fence.epoch,
    fence.boot,
    bytesOf(documentId),
  ])
  return row !== undefined && textIn(row, 'outcome') === 'written' ? 'written' : 'fenced'
}

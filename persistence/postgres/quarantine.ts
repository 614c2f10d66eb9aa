// What was found to be unusable in a document (D8): columns of its row, so that it goes when the document does.
import { assert } from '../../core/assert.js'
import { shardOf } from '../../core/document-id.js'
import { reasonToStore } from '../quarantine.js'
import type { FencedWrite, QuarantineWrite } from '../store.js'
import { textIn } from './columns.js'
import type { Database } from './database.js'

const bytesOf = (text: string): Buffer => Buffer.from(text, 'utf8')

/** See `DocumentStore.saveQuarantine`. */
export async function saveQuarantine(database: Database, write: QuarantineWrite): Promise<FencedWrite> {
  const { documentId, fence, incarnation, seq, reason } = write
  assert(fence.shard === shardOf(documentId), 'a quarantine is fenced by the shard of its document')
  const [row] = await database.run('bulk', 'SELECT weft.save_quarantine($1, $2, $3, $4, $5, $6, $7) AS outcome', [
    fence.shard,
    fence.epoch,
    fence.boot,
    bytesOf(documentId),
    incarnation,
    seq,
    bytesOf(reasonToStore(reason)),
  ])
  assert(row !== undefined, 'the function answers')
  return textIn(row, 'outcome') === 'written' ? 'written' : 'fenced'
}

const LIFT = `
  UPDATE weft.document SET quarantine_seq = NULL, quarantine_reason = NULL WHERE id = $1 AND quarantine_seq IS NOT NULL RETURNING key`

/** See `DocumentStore.liftQuarantine`. */
export async function liftQuarantine(database: Database, documentId: string): Promise<boolean> {
  return (await database.run('bulk', LIFT, [bytesOf(documentId)])).length > 0
}

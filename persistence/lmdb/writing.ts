// The changes that writes make to the LMDB file, each called inside a write transaction.
import { crc32 } from 'node:zlib'
import { assert } from '../../core/assert.js'
import { shardOf } from '../../core/document-id.js'
import { documentCorrupt } from '../failures.js'
import { reasonToStore } from '../quarantine.js'
import { planPrune } from '../retention.js'
import type {
  AppendEntry,
  AppendResult,
  Fence,
  FencedWrite,
  PruneResult,
  QuarantineWrite,
  RetentionPolicy,
  SnapshotWrite,
  VersionLabel,
} from '../store.js'
import { finished, isOfLife } from '../unfinished.js'
import { numbersOf, putFirstUses } from './authors.js'
import type { Environment } from './environment.js'
import { documentKey, rowKey, rowPrefix, seqOfStateKey, stateKey } from './keys.js'
import {
  type DocumentRecord,
  type SnapshotRecord,
  STATE_PIECE_BYTES,
  sealDocument,
  sealQuarantine,
  sealRow,
  sealSnapshot,
} from './layout.js'
import {
  lastSeqCommittedBy,
  readDocument,
  readHead,
  readOwner,
  readRow,
  readSnapshotRecord,
  readSnapshots,
  readState,
  readStoredDocument,
  rowKeys,
} from './reading.js'

export function isCurrent(environment: Environment, fence: Fence): boolean {
  const { epoch, owner } = readOwner(environment, fence.shard)
  return epoch === fence.epoch && owner !== null && owner.boot === fence.boot
}

export function assertShard(documentId: string, fence: Fence): void {
  assert(fence.shard === shardOf(documentId), 'a write is fenced by the shard of its document')
}

/** A row that may be written: its fence is current, and it follows the head. */
export interface DecidedRow {
  readonly entry: AppendEntry
  /** See `LogRow`. */
  readonly committedAt: number
}

/** What becomes of an append: what is to be written, and the answer once that is durable. */
export interface AppendPlan {
  readonly rows: readonly DecidedRow[]
  readonly result: AppendResult
}

/** Checks a batch (O1, D5). Throws `document-corrupt` for a gap. */
export function planAppend(environment: Environment, entries: readonly AppendEntry[], now: number): AppendPlan {
  const fencedShards = staleShards(environment, entries)
  const missing: DecidedRow[] = []
  const documentIds = new Set<string>()
  for (const entry of entries) {
    const { documentId, fence, incarnation, seq } = entry
    assertShard(documentId, fence)
    assert(!documentIds.has(documentId), 'a batch has one entry per document')
    documentIds.add(documentId)
    if (fencedShards.has(fence.shard)) continue
    const document = readHead(environment, documentId) ?? newDocument(incarnation)
    if (document.incarnation !== incarnation) fencedShards.add(fence.shard)
    else if (seq > document.head + 1) throw documentCorrupt(documentId, `row ${seq} would follow row ${document.head}`)
    else if (seq === document.head + 1) missing.push({ entry, committedAt: Math.max(now, document.updatedAt) })
    else if (!isWritten(environment, entry)) fencedShards.add(fence.shard)
  }
  const rows = fencedShards.size === 0 ? missing : missing.filter(({ entry }) => !fencedShards.has(entry.fence.shard))
  return { rows, result: { fencedShards } }
}

function newDocument(incarnation: string): DocumentRecord {
  return { incarnation, head: 0, logStart: 1, updatedAt: 0 }
}

function staleShards(environment: Environment, entries: readonly AppendEntry[]): Set<number> {
  const stale = new Set<number>()
  for (const { fence } of entries) if (!isCurrent(environment, fence)) stale.add(fence.shard)
  return stale
}

function isWritten(environment: Environment, entry: AppendEntry): boolean {
  const document = readDocument(environment, entry.documentId)
  if (document === null || entry.seq < document.logStart) return false
  const row = readRow(environment, entry.documentId, rowPrefix(entry.documentId), entry.seq)
  return row.epoch === entry.fence.epoch && Buffer.compare(row.update, entry.update) === 0
}

/** Puts rows into the file, in order, but for those that are there. Throws `document-corrupt` for one that does not follow: then the journal is not this file's. */
export function putRows(environment: Environment, rows: readonly DecidedRow[]): void {
  const documents = new Map<string, { readonly prefix: Buffer; record: DocumentRecord; isChanged: boolean }>()
  for (const { entry, committedAt } of rows) {
    const { documentId, fence, incarnation, seq, update, users = [], firstUses = [] } = entry
    let document = documents.get(documentId)
    if (document === undefined) {
      const record = readStoredDocument(environment, documentId) ?? newDocument(incarnation)
      document = { prefix: rowPrefix(documentId), record, isChanged: false }
      documents.set(documentId, document)
    }
    const { prefix, record } = document
    if (isOfLife(record, incarnation) && seq <= record.head) continue
    if (record.incarnation !== incarnation || record.head !== seq - 1)
      throw documentCorrupt(documentId, `row ${seq} of the journal does not follow row ${record.head} of the data file`)
    const key = rowKey(prefix, seq)
    void environment.log.put(key, sealRow(key, { epoch: fence.epoch, update, committedAt }, numbersOf(environment, users)))
    if (firstUses.length > 0) putFirstUses(environment, entry, committedAt)
    document.record = { incarnation, head: seq, logStart: record.logStart, updatedAt: committedAt }
    document.isChanged = true
  }
  for (const [documentId, { record, isChanged }] of documents) if (isChanged) putDocument(environment, documentId, record)
}

function putDocument(environment: Environment, documentId: string, document: DocumentRecord): void {
  const key = documentKey(documentId)
  void environment.documents.put(key, sealDocument(key, document))
}

/** The document that a snapshot is for; null: the shard is somebody else's, or it is another life of the document. */
function subjectOf(environment: Environment, { documentId, fence, incarnation, seq }: SnapshotWrite): DocumentRecord | null {
  assertShard(documentId, fence)
  const document = isCurrent(environment, fence) ? readDocument(environment, documentId) : null
  if (document === null || document.incarnation !== incarnation) return null
  assert(seq >= 1 && seq <= document.head, 'a snapshot is at a seq that was committed')
  return document
}

/** The record of the snapshot, and whether its state can be read: then that is left as it is. */
function snapshotThere(
  environment: Environment,
  { documentId, seq }: SnapshotWrite,
): { readonly record: SnapshotRecord | null; readonly isReadable: boolean } {
  const prefix = rowPrefix(documentId)
  const record = readSnapshotRecord(environment, rowKey(prefix, seq))
  return { record, isReadable: record !== null && readState(environment, prefix, seq, record) !== null }
}

/** Makes room for a state that is to come in steps, unless a readable one is there. */
export function prepareState(environment: Environment, write: SnapshotWrite): () => 'fenced' | 'there' | 'wanted' {
  if (subjectOf(environment, write) === null) return () => 'fenced'
  if (snapshotThere(environment, write).isReadable) return () => 'there'
  return () => {
    removeState(environment, rowPrefix(write.documentId), write.seq)
    return 'wanted'
  }
}

/** Adds the pieces of the state from `offset` to `end`; both are at the ends of pieces, or of the state. */
export function putPieces(environment: Environment, write: SnapshotWrite, offset: number, end: number): () => FencedWrite {
  if (subjectOf(environment, write) === null) return () => 'fenced'
  return () => {
    const prefix = rowPrefix(write.documentId)
    const { buffer, byteOffset } = write.state
    for (let at = offset; at < end; at += STATE_PIECE_BYTES) {
      const bytes = Buffer.from(buffer, byteOffset + at, Math.min(STATE_PIECE_BYTES, end - at))
      void environment.states.put(stateKey(prefix, write.seq, at / STATE_PIECE_BYTES), bytes)
    }
    return 'written'
  }
}

/** Adds a snapshot, or labels the one that is there. A readable state is left as it is; a damaged one is replaced. */
export function decideSnapshot(
  environment: Environment,
  write: SnapshotWrite,
  label: VersionLabel | null,
  now: number,
  how: 'with its state' | 'its state is there',
): () => FencedWrite {
  if (subjectOf(environment, write) === null) return () => 'fenced'
  const { documentId, seq, state } = write
  const prefix = rowPrefix(documentId)
  const key = rowKey(prefix, seq)
  const { record: old, isReadable } =
    how === 'with its state' ? snapshotThere(environment, write) : { record: readSnapshotRecord(environment, key), isReadable: false }
  const newLabel =
    label === null
      ? (old?.label ?? null)
      : {
          name: label.name,
          description: label.description ?? null,
          author: label.author,
          createdAt: old?.label?.createdAt ?? label.createdAt ?? now,
        }
  const kept =
    isReadable && old !== null
      ? { savedAt: old.savedAt, stateBytes: old.stateBytes, stateCrc: old.stateCrc }
      : { savedAt: now, stateBytes: state.length, stateCrc: crc32(state) }
  return () => {
    if (how === 'with its state' && !isReadable) {
      removeState(environment, prefix, seq)
      putPieces(environment, write, 0, state.length)()
    }
    void environment.snapshots.put(key, sealSnapshot(key, { ...kept, label: newLabel }))
    return 'written'
  }
}

export function decideQuarantine(
  environment: Environment,
  { documentId, fence, incarnation, seq, reason }: QuarantineWrite,
): () => FencedWrite {
  assertShard(documentId, fence)
  const document = isCurrent(environment, fence) ? readDocument(environment, documentId) : null
  if (document === null || document.incarnation !== incarnation) return () => 'fenced'
  const key = documentKey(documentId)
  return () => {
    void environment.quarantines.put(key, sealQuarantine(key, { seq, reason: reasonToStore(reason), incarnation }))
    return 'written'
  }
}

/** Its rows stay as they are; those of them that the journal still has are passed over, since they are of the same life. */
export function decideFinish(environment: Environment, documentId: string, fence: Fence, incarnation: string): () => FencedWrite {
  assertShard(documentId, fence)
  const document = isCurrent(environment, fence) ? readDocument(environment, documentId) : null
  if (document === null || !isOfLife(document, incarnation)) return () => 'fenced'
  return () => {
    if (document.incarnation !== finished(incarnation))
      putDocument(environment, documentId, { ...document, incarnation: finished(incarnation) })
    return 'written'
  }
}

export function removeState(environment: Environment, prefix: Buffer, seq: number): void {
  const range = { start: stateKey(prefix, seq, 0), end: stateKey(prefix, seq, 0xffff), inclusiveEnd: true }
  for (const key of Array.from(environment.states.getKeys(range), (found) => Buffer.from(found))) void environment.states.remove(key)
}

/** Removes everything that belongs to the document, damaged or not. */
export function removeDocument(environment: Environment, documentId: string): void {
  const prefix = rowPrefix(documentId)
  for (const table of [environment.log, environment.snapshots, environment.states, environment.firstUses, environment.changeCursors]) {
    // State keys and use keys are longer than row keys and sort among them, up to the first key of the next prefix.
    const range = { start: prefix, end: Buffer.concat([prefix, Buffer.alloc(8, 0xff)]), inclusiveEnd: true }
    for (const key of Array.from(table.getKeys(range), (found) => Buffer.from(found))) void table.remove(key)
  }
  void environment.documents.remove(documentKey(documentId))
  void environment.quarantines.remove(documentKey(documentId))
}

/** Works out what may go (H3) and answers the change that removes it. */
export function decidePrune(
  environment: Environment,
  documentId: string,
  policy: RetentionPolicy,
  now: number,
  isSaving: boolean,
): () => PruneResult {
  const document = readDocument(environment, documentId)
  if (document === null) return () => ({ logRowsRemoved: 0, snapshotsRemoved: 0 })
  const prefix = rowPrefix(documentId)
  const found = readSnapshots(environment, prefix)
  const snapshotSeqs = new Set(found.map(({ seq }) => seq))
  const snapshots = found
    .reverse()
    .flatMap(({ seq, record }) => (record === null ? [] : [{ seq, savedAt: record.savedAt, kept: record.label !== null }]))
  const seqAtWindowStart = lastSeqCommittedBy(environment, documentId, document, now - policy.logWindowMs)
  const { removeLogThrough, removeSnapshots } = planPrune({ snapshots, seqAtWindowStart }, policy)
  // What a crash left of a state before its record came.
  const orphans = isSaving ? [] : stateSeqs(environment, prefix).filter((seq) => !snapshotSeqs.has(seq))
  const rows = removeLogThrough < document.logStart ? [] : rowKeys(environment.log, prefix, document.logStart, removeLogThrough)
  return () => {
    for (const key of rows) void environment.log.remove(key)
    if (removeLogThrough >= document.logStart) putDocument(environment, documentId, { ...document, logStart: removeLogThrough + 1 })
    for (const seq of orphans) removeState(environment, prefix, seq)
    for (const seq of removeSnapshots) {
      removeState(environment, prefix, seq)
      void environment.snapshots.remove(rowKey(prefix, seq))
    }
    return { logRowsRemoved: rows.length, snapshotsRemoved: removeSnapshots.length }
  }
}

/** The seqs of which there are pieces of a state: one look for each, however many pieces it has. */
function stateSeqs(environment: Environment, prefix: Buffer): readonly number[] {
  const end = Buffer.concat([prefix, Buffer.alloc(8, 0xff)])
  const seqs: number[] = []
  for (let start = prefix; ; ) {
    const [key] = environment.states.getKeys({ start, end, limit: 1 })
    if (key === undefined) return seqs
    const seq = seqOfStateKey(Buffer.from(key))
    seqs.push(seq)
    start = stateKey(prefix, seq + 1, 0)
  }
}

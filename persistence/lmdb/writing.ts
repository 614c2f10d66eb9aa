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
import { numbersOf, putFirstUses } from './authors.js'
import type { Environment } from './environment.js'
import {
  type DocumentRecord,
  documentKey,
  rowKey,
  rowPrefix,
  STATE_PIECE_BYTES,
  sealDocument,
  sealQuarantine,
  sealRow,
  sealSnapshot,
  stateKey,
} from './layout.js'
import { lastSeqCommittedBy, readDocument, readOwner, readRow, readSnapshotRecord, readSnapshots, readState, rowKeys } from './reading.js'

export function isCurrent(environment: Environment, fence: Fence): boolean {
  const { epoch, owner } = readOwner(environment, fence.shard)
  return epoch === fence.epoch && owner !== null && owner.boot === fence.boot
}

export function assertShard(documentId: string, fence: Fence): void {
  assert(fence.shard === shardOf(documentId), 'a write is fenced by the shard of its document')
}

/** Checks a batch (O1, D5) and answers the change that writes what may be written. Throws `document-corrupt` for a gap. */
export function decideAppend(environment: Environment, entries: readonly AppendEntry[], now: number): () => AppendResult {
  const fencedShards = staleShards(environment, entries)
  const missing: { readonly entry: AppendEntry; readonly document: DocumentRecord }[] = []
  const documentIds = new Set<string>()
  for (const entry of entries) {
    const { documentId, fence, incarnation, seq } = entry
    assertShard(documentId, fence)
    assert(!documentIds.has(documentId), 'a batch has one entry per document')
    documentIds.add(documentId)
    if (fencedShards.has(fence.shard)) continue
    const document = readDocument(environment, documentId) ?? { incarnation, head: 0, logStart: 1, updatedAt: 0 }
    if (document.incarnation !== incarnation) fencedShards.add(fence.shard)
    else if (seq > document.head + 1) throw documentCorrupt(documentId, `row ${seq} would follow row ${document.head}`)
    else if (seq === document.head + 1) missing.push({ entry, document })
    else if (!isWritten(environment, entry, document)) fencedShards.add(fence.shard)
  }
  return () => {
    for (const { entry, document } of missing) if (!fencedShards.has(entry.fence.shard)) putRow(environment, entry, document, now)
    return { fencedShards }
  }
}

function staleShards(environment: Environment, entries: readonly AppendEntry[]): Set<number> {
  const stale = new Set<number>()
  const current = new Set<string>()
  for (const { fence } of entries) {
    const name = `${fence.shard} ${fence.epoch} ${fence.boot}`
    if (current.has(name)) continue
    if (isCurrent(environment, fence)) current.add(name)
    else stale.add(fence.shard)
  }
  return stale
}

function isWritten(environment: Environment, entry: AppendEntry, document: DocumentRecord): boolean {
  if (entry.seq < document.logStart) return false
  const row = readRow(environment, entry.documentId, rowPrefix(entry.documentId), entry.seq)
  return row.epoch === entry.fence.epoch && Buffer.compare(row.update, entry.update) === 0
}

function putRow(environment: Environment, entry: AppendEntry, document: DocumentRecord, now: number): void {
  const { documentId, fence, seq, update, users = [] } = entry
  const committedAt = Math.max(now, document.updatedAt)
  const key = rowKey(rowPrefix(documentId), seq)
  void environment.log.put(key, sealRow(key, { epoch: fence.epoch, update, committedAt }, numbersOf(environment, users)))
  putFirstUses(environment, entry, committedAt)
  putDocument(environment, documentId, { ...document, head: seq, updatedAt: committedAt })
}

function putDocument(environment: Environment, documentId: string, document: DocumentRecord): void {
  const key = documentKey(documentId)
  void environment.documents.put(key, sealDocument(key, document))
}

/** Adds a snapshot, or labels the one that is there. A readable state is left as it is; a damaged one is replaced. */
export function decideSnapshot(environment: Environment, write: SnapshotWrite, label: VersionLabel | null, now: number): () => FencedWrite {
  const { documentId, seq, state } = write
  assertShard(documentId, write.fence)
  const document = isCurrent(environment, write.fence) ? readDocument(environment, documentId) : null
  if (document === null || document.incarnation !== write.incarnation) return () => 'fenced'
  assert(seq >= 1 && seq <= document.head, 'a snapshot is at a seq that was committed')
  const prefix = rowPrefix(documentId)
  const key = rowKey(prefix, seq)
  const old = readSnapshotRecord(environment, key)
  const isReadable = old !== null && readState(environment, prefix, seq, old) !== null
  const newLabel =
    label === null
      ? (old?.label ?? null)
      : {
          name: label.name,
          description: label.description ?? null,
          author: label.author,
          createdAt: old?.label?.createdAt ?? label.createdAt ?? now,
        }
  const kept = isReadable
    ? { savedAt: old.savedAt, stateBytes: old.stateBytes, stateCrc: old.stateCrc }
    : { savedAt: now, stateBytes: state.length, stateCrc: crc32(state) }
  return () => {
    if (!isReadable) putState(environment, prefix, seq, state)
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

function putState(environment: Environment, prefix: Buffer, seq: number, state: Uint8Array): void {
  removeState(environment, prefix, seq)
  for (let offset = 0, piece = 0; offset < state.length; offset += STATE_PIECE_BYTES, piece++) {
    const end = Math.min(offset + STATE_PIECE_BYTES, state.length)
    const bytes = Buffer.from(state.buffer, state.byteOffset + offset, end - offset)
    void environment.states.put(stateKey(prefix, seq, piece), bytes)
  }
}

function removeState(environment: Environment, prefix: Buffer, seq: number): void {
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
export function decidePrune(environment: Environment, documentId: string, policy: RetentionPolicy, now: number): () => PruneResult {
  const document = readDocument(environment, documentId)
  if (document === null) return () => ({ logRowsRemoved: 0, snapshotsRemoved: 0 })
  const prefix = rowPrefix(documentId)
  const snapshots = readSnapshots(environment, prefix)
    .reverse()
    .flatMap(({ seq, record }) => (record === null ? [] : [{ seq, savedAt: record.savedAt, kept: record.label !== null }]))
  const seqAtWindowStart = lastSeqCommittedBy(environment, documentId, document, now - policy.logWindowMs)
  const { removeLogThrough, removeSnapshots } = planPrune({ snapshots, seqAtWindowStart }, policy)
  const rows = removeLogThrough < document.logStart ? [] : rowKeys(environment.log, prefix, document.logStart, removeLogThrough)
  return () => {
    for (const key of rows) void environment.log.remove(key)
    if (removeLogThrough >= document.logStart) putDocument(environment, documentId, { ...document, logStart: removeLogThrough + 1 })
    for (const seq of removeSnapshots) {
      removeState(environment, prefix, seq)
      void environment.snapshots.remove(rowKey(prefix, seq))
    }
    return { logRowsRemoved: rows.length, snapshotsRemoved: removeSnapshots.length }
  }
}

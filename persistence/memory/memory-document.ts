// One document on a MemoryDisk, and what can be read of it without changing it.
import { noSuchDocument, prunedAway } from '../failures.js'
import { quarantineOfRead } from '../quarantine.js'
import type { AppendEntry, FirstUse, LogRow, Quarantine, StoredDocument, StoredSnapshot, VersionLabel } from '../store.js'

export interface MemorySnapshot extends StoredSnapshot {
  /** Null for an ordinary snapshot. */
  readonly label: (Required<VersionLabel> & { readonly createdAt: number }) | null
}

interface MemoryRow extends LogRow {
  readonly users: readonly string[]
}

export interface MemoryDocument {
  readonly incarnation: string
  head: number
  updatedAt: number
  /** Rows `head - log.length + 1` through `head`. */
  readonly log: MemoryRow[]
  /** In rising order of seq. */
  snapshots: MemorySnapshot[]
  quarantine: Quarantine | null
  /** By client id. */
  readonly firstUses: Map<number, FirstUse>
  /** By subscriber. */
  readonly cursors: Map<string, number>
}

/** The seq of the last row that is no longer in the log; 0 if all are. */
export function firstPruned(document: MemoryDocument): number {
  return document.head - document.log.length
}

export function rowAt(document: MemoryDocument, seq: number): LogRow | undefined {
  return document.log[seq - firstPruned(document) - 1]
}

export function rowsBetween(document: MemoryDocument, afterSeq: number, throughSeq: number): readonly MemoryRow[] {
  const offset = firstPruned(document)
  return document.log.slice(afterSeq - offset, throughSeq - offset)
}

export function sameRow(row: LogRow | undefined, entry: AppendEntry): boolean {
  return row !== undefined && row.epoch === entry.fence.epoch && Buffer.compare(row.update, entry.update) === 0
}

export function seqAtTime(documentId: string, document: MemoryDocument, time: number): number {
  const row = document.log.findLast((candidate) => candidate.committedAt <= time)
  if (row !== undefined) return row.seq
  if (firstPruned(document) === 0) throw noSuchDocument(documentId)
  const snapshot = document.snapshots.findLast((candidate) => candidate.savedAt <= time)
  if (snapshot === undefined) throw prunedAway(documentId)
  return snapshot.seq
}

export function stateAt(documentId: string, document: MemoryDocument, seq: number): StoredDocument {
  const snapshot = document.snapshots.findLast((candidate) => candidate.seq <= seq)
  const base = snapshot?.seq ?? 0
  if (base < seq && base < firstPruned(document)) throw prunedAway(documentId)
  return {
    incarnation: document.incarnation,
    snapshot: snapshot === undefined ? null : { seq: snapshot.seq, state: snapshot.state, savedAt: snapshot.savedAt },
    tail: base < seq ? rowsBetween(document, base, seq) : [],
    head: seq,
    quarantine: quarantineOfRead(document.quarantine, base, seq),
  }
}

// One document on a MemoryDisk: what can be read of it, and how it changes once a write was let through.
import { assert } from '../../core/assert.js'
import { noSuchDocument, prunedAway } from '../failures.js'
import { quarantineOfRead } from '../quarantine.js'
import { planPrune } from '../retention.js'
import type {
  AppendEntry,
  FirstUse,
  LogRow,
  Page,
  PruneResult,
  Quarantine,
  RetentionPolicy,
  SnapshotWrite,
  StoredDocument,
  StoredSnapshot,
  Version,
  VersionLabel,
  VersionQuery,
} from '../store.js'

export interface MemorySnapshot extends StoredSnapshot {
  /** Null for an ordinary snapshot. */
  readonly label: (Required<VersionLabel> & { readonly createdAt: number }) | null
}

interface MemoryRow extends LogRow {
  readonly users: readonly string[]
}

export interface MemoryDocument {
  incarnation: string
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

/** Newest first. */
export function versionsOf(
  { snapshots }: MemoryDocument,
  { before = Number.POSITIVE_INFINITY, limit, which = 'kept' }: VersionQuery,
): Page<Version, number> {
  const versions = snapshots
    .filter(({ seq, label }) => seq < before && (which === 'all' || label !== null))
    .map(({ seq, label, state, savedAt }): Version => {
      const { name = null, description = null, author = null, createdAt = savedAt } = label ?? {}
      return { seq, name, description, author, createdAt, stateBytes: state.length }
    })
    .reverse()
  const items = versions.slice(0, limit)
  return { items, next: versions.length > items.length ? (items.at(-1)?.seq ?? null) : null }
}

/** The row follows the head of its document, which it may begin. */
export function writeRow(
  documents: Map<string, MemoryDocument>,
  { documentId, incarnation, seq, fence, update, users = [], firstUses = [] }: AppendEntry,
  now: number,
): void {
  const document: MemoryDocument = documents.get(documentId) ?? {
    incarnation,
    head: 0,
    updatedAt: 0,
    log: [],
    snapshots: [],
    quarantine: null,
    firstUses: new Map(),
    cursors: new Map(),
  }
  documents.set(documentId, document)
  const committedAt = Math.max(now, document.updatedAt)
  document.log.push({ seq, epoch: fence.epoch, update: new Uint8Array(update), committedAt, users: [...users] })
  for (const { clientId, user } of firstUses)
    if (!document.firstUses.has(clientId)) document.firstUses.set(clientId, { clientId, user, seq, usedAt: committedAt })
  document.head = seq
  document.updatedAt = committedAt
}

/** Adds a snapshot, or labels the one that is there. */
export function putSnapshot(document: MemoryDocument, { seq, state }: SnapshotWrite, label: VersionLabel | null, now: number): void {
  assert(seq >= 1 && seq <= document.head, 'a snapshot is at a seq that was committed')
  const old = document.snapshots.find((snapshot) => snapshot.seq === seq)
  const createdAt = old?.label?.createdAt ?? label?.createdAt ?? now
  const snapshot: MemorySnapshot = {
    seq,
    state: old?.state ?? new Uint8Array(state),
    savedAt: old?.savedAt ?? now,
    label:
      label === null ? (old?.label ?? null) : { name: label.name, description: label.description ?? null, author: label.author, createdAt },
  }
  document.snapshots = [...document.snapshots.filter((other) => other.seq !== seq), snapshot].sort((a, b) => a.seq - b.seq)
}

/** See `DocumentStore.prune`. */
export function pruneDocument(document: MemoryDocument, policy: RetentionPolicy, now: number): PruneResult {
  const windowStart = now - policy.logWindowMs
  const plan = planPrune(
    {
      snapshots: document.snapshots.map(({ seq, savedAt, label }) => ({ seq, savedAt, kept: label !== null })),
      seqAtWindowStart: document.log.findLast((row) => row.committedAt <= windowStart)?.seq ?? firstPruned(document),
    },
    policy,
  )
  const logRowsRemoved = Math.max(0, plan.removeLogThrough - firstPruned(document))
  document.log.splice(0, logRowsRemoved)
  document.snapshots = document.snapshots.filter((snapshot) => !plan.removeSnapshots.includes(snapshot.seq))
  return { logRowsRemoved, snapshotsRemoved: plan.removeSnapshots.length }
}

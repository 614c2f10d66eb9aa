// The contract between an owner and whatever keeps its documents. One test suite (test/contract) runs it against every implementation.
//
// Rules that every implementation keeps:
//  D1  `append` resolves only when the rows would survive a power cut (fsync, COMMIT).
//  D4  A read that fails rejects; it never answers "no such document" for a document that it cannot read.
//  D5  Seqs of a document are contiguous from 1; a hole or an unreadable row between the snapshot and the head rejects with
//      `document-corrupt`, naming the document.
//  D6  Every method is one atomic step: a crash leaves it done or not done.
//  D7  After a sync that failed, nothing is ever acknowledged again by this process.
//  O1  The epoch is checked inside the write. A shard whose epoch is not current is answered as fenced and none of its rows are written.
//  H6  What is begun under an unfinished incarnation is in no list before `finishDocument`.
//  H3  Nothing that a kept version or the retention window needs is ever removed.

import type { FileHandle } from 'node:fs/promises'
import type { ChangeCursors } from './change-cursors.js'
import type { KeyedRecords } from './keyed-records.js'

/** A node's claim to ownership. `boot` is a random id of one process start, so that two lives of one node are told apart. */
export interface Claimant {
  readonly nodeId: string
  readonly boot: string
}

export interface ShardGrant {
  readonly shard: number
  readonly epoch: number
}

export interface ShardOwnership extends ShardGrant {
  /** The holder, or null when the shard was released. */
  readonly owner: Claimant | null
}

/** What a writer shows to prove that it owns a document's shard. */
export interface Fence extends ShardGrant {
  readonly boot: string
}

export interface AppendEntry {
  readonly documentId: string
  readonly fence: Fence
  /** Head + 1. */
  readonly seq: number
  /**
   * Random id of this life of the document; the first append of a document sets it, later ones must repeat it. One that is `unfinished` (see
   * `unfinished.ts`) hides the document until `finishDocument`.
   */
  readonly incarnation: string
  /** A Yjs update, v1 encoding. */
  readonly update: Uint8Array
  /** Who wrote what is in it, each once. Without those of whom nobody knows who they are. Default: nobody. */
  readonly users?: readonly string[]
  /**
   * Yjs client ids that write in this document for the first time, and as whom. Of one that is on record already the first record stays.
   * Default: none.
   */
  readonly firstUses?: readonly ClientIdUse[]
}

/** A Yjs client id, and the user whose edits bore it. */
export interface ClientIdUse {
  readonly clientId: number
  readonly user: string
}

export interface AppendResult {
  /** Shards of the batch whose fence was stale: none of their entries are written. All other entries are durable. */
  readonly fencedShards: ReadonlySet<number>
}

export interface LogRow {
  readonly seq: number
  readonly epoch: number
  readonly update: Uint8Array
  /** Commit time, milliseconds since the Unix epoch, by the store's clock. Never falls from one row of a document to the next. */
  readonly committedAt: number
}

export interface StoredSnapshot {
  /** The state holds everything through this seq. */
  readonly seq: number
  /** A Yjs update, v1 encoding: the whole document. */
  readonly state: Uint8Array
  readonly savedAt: number
}

/** From this seq on a document cannot be applied (D8): it is readable up to the row before. */
export interface Quarantine {
  readonly seq: number
  /** For operators; never document content. */
  readonly reason: string
}

export interface QuarantineWrite extends Quarantine {
  readonly documentId: string
  readonly fence: Fence
  readonly incarnation: string
}

/** A document as of one consistent read. A document that was never written has incarnation null, no snapshot, no tail, head 0. */
export interface StoredDocument {
  readonly incarnation: string | null
  readonly snapshot: StoredSnapshot | null
  /** Contiguous from `snapshot.seq + 1` (or 1) through `head`. */
  readonly tail: readonly LogRow[]
  readonly head: number
  /**
   * What was found to be unusable in this tail. Null when nothing was, and when the snapshot reaches that far: then it supersedes what was
   * found.
   */
  readonly quarantine: Quarantine | null
}

export interface SnapshotWrite {
  readonly documentId: string
  readonly fence: Fence
  readonly incarnation: string
  /** At most the head. */
  readonly seq: number
  readonly state: Uint8Array
}

/** What makes a snapshot a version. */
export interface VersionLabel {
  readonly name: string
  /** Default: none. */
  readonly description?: string | null
  /** Who kept it, or null. */
  readonly author: string | null
  /** When it was kept, where it comes from elsewhere with a time of its own; milliseconds since the Unix epoch. Default: now. */
  readonly createdAt?: number
}

/** A moment of which the whole document is stored. */
export interface Version {
  /** Names the version within its document. */
  readonly seq: number
  /** Null for a snapshot that nobody kept: pruning may remove it. */
  readonly name: string | null
  readonly description: string | null
  readonly author: string | null
  readonly createdAt: number
  readonly stateBytes: number
}

export interface VersionQuery {
  /** Those with a seq below this. Default: from the newest on. */
  readonly before?: number
  readonly limit: number
  /** `kept` (default): those that somebody kept. `all`: every snapshot that there is. */
  readonly which?: 'kept' | 'all'
}

/** One row of the log without its update: who wrote, and when. */
export interface RowAuthors {
  readonly seq: number
  /** See `LogRow`. */
  readonly committedAt: number
  /** In no particular order. Empty for rows from before users were recorded, and where nobody knew. */
  readonly users: readonly string[]
}

/** Who used a Yjs client id first in a document. Ids that were used before users were recorded, or by nobody known, have none. */
export interface FirstUse extends ClientIdUse {
  /** The row with its first edit. */
  readonly seq: number
  /** When that was committed; milliseconds since the Unix epoch, by the store's clock. */
  readonly usedAt: number
}

export interface DocumentInfo {
  readonly documentId: string
  readonly head: number
  readonly updatedAt: number
  /** It is being made, or what made it was interrupted. */
  readonly unfinished?: true
}

export interface DocumentQuery {
  /** Those whose ids start so. */
  readonly prefix?: string
  readonly after?: string
  readonly limit: number
  /** `finished` (default): without those that are being made. `all`: with them. */
  readonly which?: 'finished' | 'all'
}

/** One page of a list. `next` is the cursor to pass on, or null at the end. */
export interface Page<Item, Cursor> {
  readonly items: readonly Item[]
  readonly next: Cursor | null
}

/**
 * A point in a document's history: through a seq, or the last commit at or before a time (milliseconds since the Unix epoch).
 * Where the log no longer reaches back to that time, it means the newest snapshot saved at or before it.
 */
export type HistoryPoint = { readonly seq: number } | { readonly time: number }

export interface RetentionPolicy {
  /** How long every seq stays readable. */
  readonly logWindowMs: number
  /** Snapshots kept beside what the window needs: the newest of each of the last so many hours, and days, that have one. */
  readonly hourlySnapshots: number
  readonly dailySnapshots: number
}

export interface PruneResult {
  readonly logRowsRemoved: number
  readonly snapshotsRemoved: number
}

export type FencedWrite = 'written' | 'fenced'

export interface DocumentStore {
  readonly kind: 'memory' | 'lmdb' | 'postgres'

  /** Every shard that was ever claimed. */
  readOwnership(): Promise<readonly ShardOwnership[]>
  /**
   * Claims shards by compare-and-set: each whose epoch still equals the given one (0 if never claimed) moves to epoch + 1 and to the
   * claimant. Answers the grants; a shard that somebody else moved is left out.
   */
  claimShards(claimant: Claimant, seen: readonly ShardGrant[]): Promise<readonly ShardGrant[]>
  /**
   * Gives up shards; those that are no longer held at these epochs by this boot are left alone. The epoch stays, and nobody may write until
   * the next claim.
   */
  releaseShards(claimant: Claimant, grants: readonly ShardGrant[]): Promise<void>

  /**
   * Appends all entries in one durable commit (D1). An entry whose row is already there, byte for byte and with the same epoch, counts as
   * written, so a batch may be repeated after an unknown outcome. An entry whose seq is taken by another row (or by one that was pruned),
   * or whose incarnation differs, fences its shard. An entry of an unfenced shard that would leave a gap rejects the batch
   * (`document-corrupt`), none of it written. At most one entry per document in a batch. Appends may run concurrently. Rejects with
   * `store-full` when there is no room: nothing was written, and repeating may succeed. With `store-refused` when the store takes exception
   * to something in the batch, with `store-failed` when this process can never write again. Any rejection but `store-full` leaves the
   * outcome unknown.
   */
  append(entries: readonly AppendEntry[]): Promise<AppendResult>

  /** Commits something that belongs to no document: resolves if the store takes writes at all, and rejects as `append` does if not. */
  probe(): Promise<void>

  /**
   * The newest readable snapshot and the tail after it, in one consistent read. A snapshot that cannot be read is passed over (and logged)
   * for the one before it, as long as the log reaches back to that one; else `document-corrupt`.
   */
  openDocument(documentId: string): Promise<StoredDocument>
  /**
   * Rows with `afterSeq < seq ≤ throughSeq`, contiguous, oldest first, stopping once `bytesMax` of updates are collected (at least one row
   * if any). Null when the log no longer reaches back to `afterSeq + 1`. Empty when there is nothing after `afterSeq`, also for a document
   * that was never written.
   */
  readLog(documentId: string, afterSeq: number, throughSeq: number, bytesMax: number): Promise<readonly LogRow[] | null>
  /** Who wrote the rows after `afterSeq`, oldest first, as far as the log reaches. Empty for a document that was never written. */
  readAuthors(documentId: string, query: { readonly afterSeq: number; readonly limit: number }): Promise<Page<RowAuthors, number>>
  /** Who first used which client id, in order of the ids, those above `after`. It outlives the log. */
  readFirstUses(documentId: string, query: { readonly after?: number; readonly limit: number }): Promise<Page<FirstUse, number>>
  /**
   * Adds a snapshot. Durable when it resolves. Repeating it is harmless. Truncates nothing: see `prune`. Another incarnation, or a document
   * that was never written, is answered as fenced.
   */
  saveSnapshot(write: SnapshotWrite): Promise<FencedWrite>
  /**
   * Remembers that the document cannot be applied from a seq on, for whoever opens it next (D8). Durable when it resolves; a later one
   * replaces it. It holds until a snapshot at its seq or above is there, or `liftQuarantine`. Fenced like a snapshot.
   */
  saveQuarantine(write: QuarantineWrite): Promise<FencedWrite>
  /** Forgets the quarantine; who opens the document next tries all of it anew. False when there was none. */
  liftQuarantine(documentId: string): Promise<boolean>

  /**
   * The newest readable snapshot at or before the point, and the log from there to it; `head` is the seq of the point. Rejects with
   * `no-such-document` for a point that the document never reached (seq 0 or above the head, a time before its first commit), with
   * `document-corrupt` when it was pruned away.
   */
  readAt(documentId: string, point: HistoryPoint): Promise<StoredDocument>
  /** In byte order of their ids. */
  listDocuments(query: DocumentQuery): Promise<Page<DocumentInfo, string>>
  /** Newest first. */
  listVersions(documentId: string, query: VersionQuery): Promise<Page<Version, number>>
  /**
   * Stores the whole state at `write.seq` as a version that pruning never removes. If it is one already it is renamed, and `createdAt`
   * stays. Fenced like a snapshot.
   */
  keepVersion(write: SnapshotWrite, label: VersionLabel): Promise<FencedWrite>
  /** Turns a version back into an ordinary snapshot. False when there is none. */
  dropVersion(documentId: string, seq: number): Promise<boolean>
  /**
   * Shows a document that was begun under an unfinished incarnation, in one step: from then on its incarnation is the finished one. Until then
   * it is in no list by default and in no answer of `changeCursors`, whatever becomes of this process. Durable when it resolves; repeating
   * it changes nothing. Of another incarnation, or of no such document, it is answered as fenced.
   */
  finishDocument(documentId: string, fence: Fence, incarnation: string): Promise<FencedWrite>
  /**
   * Removes the document, its log, snapshots, versions and first uses for good. The next append at seq 1 begins a new life with its own
   * incarnation.
   */
  deleteDocument(documentId: string, fence: Fence): Promise<FencedWrite>
  /**
   * Removes from one document what neither the window, nor the policy, nor a version, nor the second-newest snapshot's tail needs (H3).
   * The window ends at the present of the store's clock, which also stamped the rows: how late it is for the caller plays no part.
   */
  prune(documentId: string, policy: RetentionPolicy): Promise<PruneResult>

  /**
   * What the server keeps beside the documents. A store without it can be used: then keys and revocations last as long as the process, on one
   * node.
   */
  readonly keyedRecords?: KeyedRecords

  /** How far subscribers were told of changes. A store without it can be used, and has no webhooks. */
  readonly changeCursors?: ChangeCursors

  /**
   * A consistent copy of everything, made while it is in use: a file without a name, open for reading, on the disk of `folder`, whose room
   * comes back when it is closed. What a copy left there that was cut off is removed first. Rejects with `store-full`. Only a store that
   * lives in one file has it; what runs a database has its own means.
   */
  backup?(folder: string): Promise<FileHandle>

  /** Finishes what runs and lets go of the engine. Idempotent; everything after it rejects with `store-unavailable`. */
  close(): Promise<void>
}

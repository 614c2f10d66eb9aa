// The embedded store: one LMDB file in a data folder, for a server on one machine. Fences with the same epochs as the cluster's store does.
import type { FileHandle } from 'node:fs/promises'
import type { Clock } from '../../core/clock.js'
import type { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import { type Random, systemRandom } from '../../core/random.js'
import type { ChangeCursors } from '../change-cursors.js'
import { noSuchDocument } from '../failures.js'
import type { KeyedRecords } from '../keyed-records.js'
import type {
  AppendEntry,
  AppendResult,
  Claimant,
  DocumentInfo,
  DocumentQuery,
  DocumentStore,
  Fence,
  FencedWrite,
  FirstUse,
  HistoryPoint,
  LogRow,
  Page,
  PruneResult,
  QuarantineWrite,
  RetentionPolicy,
  RowAuthors,
  ShardGrant,
  ShardOwnership,
  SnapshotWrite,
  StoredDocument,
  Version,
  VersionLabel,
  VersionQuery,
} from '../store.js'
import { notWritten } from '../system-errors.js'
import { readAuthors, readFirstUses } from './authors.js'
import { LmdbChangeCursors } from './change-cursors.js'
import { CommitQueue } from './commit-queue.js'
import { Copies } from './copies.js'
import { damagedJournal } from './data-file.js'
import { type Environment, forgetJournal, openEnvironment } from './environment.js'
import { Journal } from './journal.js'
import { journalDisk } from './journal-disk.js'
import { readMark } from './journal-mark.js'
import { KeptStoreTime } from './kept-time.js'
import { LmdbKeyedRecords } from './keyed-records.js'
import { documentKey, rowKey, rowPrefix } from './keys.js'
import { sealSnapshot } from './layout.js'
import { decideClaim, decideRelease, readOwners } from './ownership.js'
import { readDocument, readDocuments, readRow, readSnapshotRecord, readThrough, readVersions, seqOfPoint } from './reading.js'
import { SnapshotWriter } from './snapshot-writer.js'
import { assertShard, decideFinish, decidePrune, decideQuarantine, isCurrent, removeDocument } from './writing.js'

const DEFAULT_RESERVE_BYTES = 16 * 1024 * 1024
/** What a row costs beside its update: its key and header, and the document's record. */
const ROW_OVERHEAD_BYTES = 1024
/** What a user in a row, or a first use, may cost: keys and values of three tables. */
const USER_OVERHEAD_BYTES = 1024
const PROBE_KEY = Buffer.from('probe')
const PROBE_VALUE = Buffer.from('this file takes writes')

export interface LmdbStoreOptions {
  /** Created if it does not exist. One process at a time (O6). */
  readonly folder: string
  readonly clock: Clock
  readonly logger: Logger
  /**
   * A commit or its sync failed: what is on the disk is unknown, and a retry that succeeds would prove nothing (D7). The process must exit. Nothing that was
   * not acknowledged before will be: all calls, those that wait among them, reject with `store-failed`.
   */
  onFatal(error: WeftError): void
  /** Free space that appends and snapshots leave alone, so that deleting and pruning still can work on a full disk. Default 16 MiB. */
  readonly reserveBytes?: number
  /** Default: the system's. */
  readonly random?: Random
}

/** Opens the store in a folder. Rejects with `data-folder-in-use`, `data-folder-newer`, `data-folder-unwritable` or `store-failed`. */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<DocumentStore> {
  const { folder, random = systemRandom } = options
  const environment = await openEnvironment(folder)
  try {
    const journal = new Journal({
      disk: journalDisk(folder),
      random,
      mark: readMark(environment),
      damaged: (name, what) => damagedJournal(folder, name, what),
    })
    return new LmdbStore(environment, journal, options)
  } catch (thrown) {
    await environment.close()
    throw thrown
  }
}

class LmdbStore implements DocumentStore {
  readonly kind = 'lmdb'
  readonly keyedRecords: KeyedRecords
  readonly changeCursors: ChangeCursors
  readonly #environment: Environment
  readonly #copies: Copies
  readonly #queue: CommitQueue
  readonly #snapshots: SnapshotWriter
  readonly #logger: Logger
  readonly #time: KeptStoreTime
  #closed: Promise<void> | null = null

  constructor(environment: Environment, journal: Journal, options: LmdbStoreOptions) {
    const { folder, clock, logger, onFatal, reserveBytes = DEFAULT_RESERVE_BYTES } = options
    this.#environment = environment
    this.#copies = new Copies(folder)
    this.#time = new KeptStoreTime(environment, clock)
    this.#queue = new CommitQueue({ environment, journal, folder, reserveBytes, clock, time: this.#time, onFatal })
    this.#snapshots = new SnapshotWriter(environment, this.#queue, clock)
    this.changeCursors = new LmdbChangeCursors(environment, this.#queue)
    this.#logger = logger
    this.keyedRecords = new LmdbKeyedRecords({ table: environment.keyedRecords, queue: this.#queue, clock, time: this.#time })
  }

  async readOwnership(): Promise<readonly ShardOwnership[]> {
    this.#queue.check()
    return readOwners(this.#environment)
  }

  async claimShards(claimant: Claimant, seen: readonly ShardGrant[]): Promise<readonly ShardGrant[]> {
    return this.#queue.run(0, () => decideClaim(this.#environment, claimant, seen))
  }

  async releaseShards(claimant: Claimant, grants: readonly ShardGrant[]): Promise<void> {
    await this.#queue.run(0, () => decideRelease(this.#environment, claimant, grants))
  }

  async append(entries: readonly AppendEntry[]): Promise<AppendResult> {
    return this.#queue.append(
      entries,
      entries.reduce((sum, entry) => sum + bytesOf(entry), 0),
    )
  }

  async probe(): Promise<void> {
    await this.#queue.run(PROBE_VALUE.length, () => () => void this.#environment.meta.put(PROBE_KEY, PROBE_VALUE))
  }

  async openDocument(documentId: string): Promise<StoredDocument> {
    this.#queue.check()
    const document = readDocument(this.#environment, documentId)
    if (document === null) return { incarnation: null, snapshot: null, tail: [], head: 0, quarantine: null }
    return readThrough(this.#environment, this.#logger, documentId, document, document.head)
  }

  async readLog(documentId: string, afterSeq: number, throughSeq: number, bytesMax: number): Promise<readonly LogRow[] | null> {
    this.#queue.check()
    const document = readDocument(this.#environment, documentId)
    const last = Math.min(throughSeq, document?.head ?? 0)
    if (document === null || afterSeq >= last) return []
    if (afterSeq + 1 < document.logStart) return null
    const prefix = rowPrefix(documentId)
    const rows: LogRow[] = []
    for (let seq = afterSeq + 1, bytes = 0; seq <= last && (bytes < bytesMax || rows.length === 0); seq++) {
      const row = readRow(this.#environment, documentId, prefix, seq)
      rows.push(row)
      bytes += row.update.length
    }
    return rows
  }

  async readAuthors(documentId: string, query: { readonly afterSeq: number; readonly limit: number }): Promise<Page<RowAuthors, number>> {
    await this.#queue.apply(documentId)
    const document = readDocument(this.#environment, documentId)
    return document === null ? { items: [], next: null } : readAuthors(this.#environment, documentId, document, query)
  }

  async readFirstUses(documentId: string, query: { readonly after?: number; readonly limit: number }): Promise<Page<FirstUse, number>> {
    await this.#queue.apply(documentId)
    return readFirstUses(this.#environment, documentId, query)
  }

  async saveSnapshot(write: SnapshotWrite): Promise<FencedWrite> {
    return this.#snapshots.save(write, null)
  }

  async saveQuarantine(write: QuarantineWrite): Promise<FencedWrite> {
    // Nothing that a full disk should keep from being remembered.
    return this.#queue.run<FencedWrite>(0, () => decideQuarantine(this.#environment, write), [write.documentId])
  }

  async liftQuarantine(documentId: string): Promise<boolean> {
    return this.#queue.run(0, () => {
      const key = documentKey(documentId)
      const present = this.#environment.quarantines.get(key) !== undefined
      return () => {
        if (present) void this.#environment.quarantines.remove(key)
        return present
      }
    })
  }

  async readAt(documentId: string, point: HistoryPoint): Promise<StoredDocument> {
    this.#queue.check()
    const document = readDocument(this.#environment, documentId)
    if (document === null) throw noSuchDocument(documentId)
    const seq = seqOfPoint(this.#environment, documentId, document, point)
    return readThrough(this.#environment, this.#logger, documentId, document, seq)
  }

  async listDocuments(query: DocumentQuery): Promise<Page<DocumentInfo, string>> {
    this.#queue.check()
    return readDocuments(this.#environment, query)
  }

  async listVersions(documentId: string, query: VersionQuery): Promise<Page<Version, number>> {
    this.#queue.check()
    return readVersions(this.#environment, documentId, query)
  }

  async keepVersion(write: SnapshotWrite, label: VersionLabel): Promise<FencedWrite> {
    return this.#snapshots.save(write, label)
  }

  async dropVersion(documentId: string, seq: number): Promise<boolean> {
    return this.#queue.run(0, () => {
      const key = rowKey(rowPrefix(documentId), seq)
      const record = readSnapshotRecord(this.#environment, key)
      if (record === null || record.label === null) return () => false
      return () => {
        void this.#environment.snapshots.put(key, sealSnapshot(key, { ...record, label: null }))
        return true
      }
    })
  }

  async finishDocument(documentId: string, fence: Fence, incarnation: string): Promise<FencedWrite> {
    return this.#queue.run(0, () => decideFinish(this.#environment, documentId, fence, incarnation), [documentId])
  }

  async deleteDocument(documentId: string, fence: Fence): Promise<FencedWrite> {
    const decide = (): (() => FencedWrite) => {
      assertShard(documentId, fence)
      if (!isCurrent(this.#environment, fence)) return () => 'fenced'
      return () => {
        removeDocument(this.#environment, documentId)
        this.#queue.bury(documentId)
        return 'written'
      }
    }
    return this.#queue.run(0, decide, [documentId])
  }

  async prune(documentId: string, policy: RetentionPolicy): Promise<PruneResult> {
    const decide = (): (() => PruneResult) =>
      decidePrune(this.#environment, documentId, policy, this.#time.credible(), this.#snapshots.isSaving(documentId))
    return this.#queue.run(0, decide, [documentId])
  }

  /** The copy is without the free pages. Rejects with `store-full` where there is no room for it, and `copy-not-written` where something else is in its way. */
  async backup(folder: string): Promise<FileHandle> {
    await this.#queue.applyAll()
    try {
      return await this.#copies.make(folder, async (file) => {
        await this.#environment.root.backup(file, true)
        await forgetJournal(file)
      })
    } catch (cause) {
      throw notWritten('The copy of the store', folder, cause)
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    // Nothing may come between the last write and the end of writing.
    await Promise.all([this.#time.writeLast(this.#queue), this.#queue.close()])
    await this.#environment.close()
  }
}

function bytesOf({ update, users = [], firstUses = [] }: AppendEntry): number {
  return update.length + ROW_OVERHEAD_BYTES + (users.length + firstUses.length) * USER_OVERHEAD_BYTES
}

// A store in memory: for tests, simulations and trying things out. It keeps every rule of the contract except surviving the process.
// What a crash leaves behind is a MemoryDisk: hand it to the next store.
import { assert } from '../../core/assert.js'
import type { Clock } from '../../core/clock.js'
import { shardOf } from '../../core/document-id.js'
import type { ChangeCursors } from '../change-cursors.js'
import { documentCorrupt, noSuchDocument, storeClosed } from '../failures.js'
import type { KeyedRecord, KeyedRecords } from '../keyed-records.js'
import { reasonToStore } from '../quarantine.js'
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
import { type KeptTime, StoreTime } from '../store-time.js'
import { finished, isOfLife, isUnfinished, markUnfinished } from '../unfinished.js'
import { MemoryChangeCursors } from './memory-change-cursors.js'
import {
  firstPruned,
  type MemoryDocument,
  pruneDocument,
  putSnapshot,
  rowAt,
  rowsBetween,
  sameRow,
  seqAtTime,
  stateAt,
  versionsOf,
  writeRow,
} from './memory-document.js'
import { MemoryKeyedRecords } from './memory-keyed-records.js'

/** What a MemoryStore keeps. Several stores over one disk are like several processes over one database. */
export class MemoryDisk {
  /** What the last store that wrote to it believed of the time. */
  time: KeptTime | null = null
  readonly owners = new Map<number, ShardOwnership>()
  readonly documents = new Map<string, MemoryDocument>()
  readonly keyedRecords = new Map<string, KeyedRecord>()
}

export class MemoryStore implements DocumentStore {
  readonly kind = 'memory'
  readonly keyedRecords: KeyedRecords
  readonly changeCursors: ChangeCursors
  readonly #clock: Clock
  readonly #disk: MemoryDisk
  readonly #time: StoreTime
  #closed = false

  constructor(options: { readonly clock: Clock; readonly disk?: MemoryDisk }) {
    this.#clock = options.clock
    this.#disk = options.disk ?? new MemoryDisk()
    this.#time = new StoreTime(options.clock, this.#disk.time)
    this.changeCursors = new MemoryChangeCursors(this.#disk.documents)
    this.keyedRecords = new MemoryKeyedRecords(options.clock, this.#disk.keyedRecords)
  }

  async readOwnership(): Promise<readonly ShardOwnership[]> {
    this.#checkOpen()
    return [...this.#disk.owners.values()]
  }

  async claimShards(claimant: Claimant, seen: readonly ShardGrant[]): Promise<readonly ShardGrant[]> {
    this.#checkOpen()
    const grants: ShardGrant[] = []
    for (const { shard, epoch } of seen) {
      if ((this.#disk.owners.get(shard)?.epoch ?? 0) !== epoch) continue
      const grant = { shard, epoch: epoch + 1 }
      this.#disk.owners.set(shard, { ...grant, owner: { nodeId: claimant.nodeId, boot: claimant.boot } })
      grants.push(grant)
    }
    return grants
  }

  async releaseShards(claimant: Claimant, grants: readonly ShardGrant[]): Promise<void> {
    this.#checkOpen()
    for (const { shard, epoch } of grants)
      if (this.#holds({ shard, epoch, boot: claimant.boot })) this.#disk.owners.set(shard, { shard, epoch, owner: null })
  }

  async append(entries: readonly AppendEntry[]): Promise<AppendResult> {
    this.#checkOpen()
    this.#disk.time = this.#time.kept()
    const fencedShards = new Set<number>()
    for (const { fence } of entries) if (!this.#holds(fence)) fencedShards.add(fence.shard)
    const missing: AppendEntry[] = []
    const documentIds = new Set<string>()
    for (const entry of entries) {
      const { documentId, fence, seq } = entry
      assert(fence.shard === shardOf(documentId), 'an entry is fenced by the shard of its document')
      assert(!documentIds.has(documentId), 'a batch has one entry per document')
      documentIds.add(documentId)
      if (fencedShards.has(fence.shard)) continue
      const document = this.#disk.documents.get(documentId)
      const head = document?.head ?? 0
      if (document !== undefined && document.incarnation !== entry.incarnation) fencedShards.add(fence.shard)
      else if (seq > head + 1) throw documentCorrupt(documentId, `row ${seq} would follow row ${head}`)
      else if (seq === head + 1) missing.push(entry)
      else if (document === undefined || !sameRow(rowAt(document, seq), entry)) fencedShards.add(fence.shard)
    }
    for (const entry of missing) if (!fencedShards.has(entry.fence.shard)) writeRow(this.#disk.documents, entry, this.#clock.now())
    return { fencedShards }
  }

  async probe(): Promise<void> {
    this.#checkOpen()
  }

  async openDocument(documentId: string): Promise<StoredDocument> {
    this.#checkOpen()
    const document = this.#disk.documents.get(documentId)
    if (document === undefined) return { incarnation: null, snapshot: null, tail: [], head: 0, quarantine: null }
    return stateAt(documentId, document, document.head)
  }

  async readLog(documentId: string, afterSeq: number, throughSeq: number, bytesMax: number): Promise<readonly LogRow[] | null> {
    this.#checkOpen()
    const document = this.#disk.documents.get(documentId)
    if (document === undefined) return []
    const last = Math.min(throughSeq, document.head)
    if (afterSeq >= last) return []
    if (afterSeq < firstPruned(document)) return null
    const rows: LogRow[] = []
    let bytes = 0
    for (const row of rowsBetween(document, afterSeq, last)) {
      rows.push(row)
      bytes += row.update.length
      if (bytes >= bytesMax) break
    }
    return rows
  }

  async readAuthors(
    documentId: string,
    { afterSeq, limit }: { readonly afterSeq: number; readonly limit: number },
  ): Promise<Page<RowAuthors, number>> {
    this.#checkOpen()
    const document = this.#disk.documents.get(documentId)
    if (document === undefined) return { items: [], next: null }
    const from = Math.max(afterSeq, firstPruned(document))
    const items = rowsBetween(document, from, Math.min(from + limit, document.head)).map(({ seq, committedAt, users }) => ({
      seq,
      committedAt,
      users,
    }))
    const last = items.at(-1)?.seq ?? document.head
    return { items, next: last < document.head ? last : null }
  }

  async readFirstUses(
    documentId: string,
    { after = -1, limit }: { readonly after?: number; readonly limit: number },
  ): Promise<Page<FirstUse, number>> {
    this.#checkOpen()
    const uses = [...(this.#disk.documents.get(documentId)?.firstUses.values() ?? [])]
    const rest = uses.filter(({ clientId }) => clientId > after).sort((a, b) => a.clientId - b.clientId)
    const items = rest.slice(0, limit)
    return { items, next: rest.length > items.length ? (items.at(-1)?.clientId ?? null) : null }
  }

  async saveSnapshot(write: SnapshotWrite): Promise<FencedWrite> {
    this.#checkOpen()
    return this.#putSnapshot(write, null)
  }

  async saveQuarantine({ documentId, fence, incarnation, seq, reason }: QuarantineWrite): Promise<FencedWrite> {
    this.#checkOpen()
    assert(fence.shard === shardOf(documentId), 'a quarantine is fenced by the shard of its document')
    const document = this.#disk.documents.get(documentId)
    if (!this.#holds(fence) || document === undefined || document.incarnation !== incarnation) return 'fenced'
    document.quarantine = { seq, reason: reasonToStore(reason) }
    return 'written'
  }

  async liftQuarantine(documentId: string): Promise<boolean> {
    this.#checkOpen()
    const document = this.#disk.documents.get(documentId)
    const lifted = document !== undefined && document.quarantine !== null
    if (lifted) document.quarantine = null
    return lifted
  }

  async readAt(documentId: string, point: HistoryPoint): Promise<StoredDocument> {
    this.#checkOpen()
    const document = this.#disk.documents.get(documentId)
    if (document === undefined) throw noSuchDocument(documentId)
    const seq = 'seq' in point ? point.seq : seqAtTime(documentId, document, point.time)
    if (seq < 1 || seq > document.head) throw noSuchDocument(documentId)
    return stateAt(documentId, document, seq)
  }

  async listDocuments(query: DocumentQuery): Promise<Page<DocumentInfo, string>> {
    this.#checkOpen()
    const { prefix = '', after, which = 'finished' } = query
    const listed = [...this.#disk.documents].filter(([, { incarnation }]) => which === 'all' || !isUnfinished(incarnation))
    const ids = listed.flatMap(([id]) => (id.startsWith(prefix) ? [id] : [])).sort(compareBytes)
    const rest = after === undefined ? ids : ids.filter((id) => compareBytes(id, after) > 0)
    const items = rest.slice(0, query.limit).map((documentId): DocumentInfo => {
      const document = this.#disk.documents.get(documentId)
      assert(document !== undefined, 'a listed document exists')
      return { documentId, head: document.head, updatedAt: document.updatedAt, ...markUnfinished(document.incarnation) }
    })
    return { items, next: rest.length > items.length ? (items.at(-1)?.documentId ?? null) : null }
  }

  async listVersions(documentId: string, query: VersionQuery): Promise<Page<Version, number>> {
    this.#checkOpen()
    const document = this.#disk.documents.get(documentId)
    return document === undefined ? { items: [], next: null } : versionsOf(document, query)
  }

  async keepVersion(write: SnapshotWrite, label: VersionLabel): Promise<FencedWrite> {
    this.#checkOpen()
    return this.#putSnapshot(write, label)
  }

  async dropVersion(documentId: string, seq: number): Promise<boolean> {
    this.#checkOpen()
    const document = this.#disk.documents.get(documentId)
    const version = document?.snapshots.find((snapshot) => snapshot.seq === seq && snapshot.label !== null)
    if (document === undefined || version === undefined) return false
    document.snapshots = document.snapshots.map((snapshot) => (snapshot === version ? { ...snapshot, label: null } : snapshot))
    return true
  }

  async finishDocument(documentId: string, fence: Fence, incarnation: string): Promise<FencedWrite> {
    this.#checkOpen()
    assert(fence.shard === shardOf(documentId), 'what finishes a document is fenced by its shard')
    const document = this.#disk.documents.get(documentId)
    if (!this.#holds(fence) || document === undefined || !isOfLife(document, incarnation)) return 'fenced'
    document.incarnation = finished(incarnation)
    return 'written'
  }

  async deleteDocument(documentId: string, fence: Fence): Promise<FencedWrite> {
    this.#checkOpen()
    assert(fence.shard === shardOf(documentId), 'a delete is fenced by the shard of its document')
    if (!this.#holds(fence)) return 'fenced'
    this.#disk.documents.delete(documentId)
    return 'written'
  }

  async prune(documentId: string, policy: RetentionPolicy): Promise<PruneResult> {
    this.#checkOpen()
    const document = this.#disk.documents.get(documentId)
    if (document === undefined) return { logRowsRemoved: 0, snapshotsRemoved: 0 }
    return pruneDocument(document, policy, this.#time.credible())
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #putSnapshot(write: SnapshotWrite, label: VersionLabel | null): FencedWrite {
    const { documentId, fence } = write
    assert(fence.shard === shardOf(documentId), 'a snapshot is fenced by the shard of its document')
    const document = this.#disk.documents.get(documentId)
    if (!this.#holds(fence) || document === undefined || document.incarnation !== write.incarnation) return 'fenced'
    putSnapshot(document, write, label, this.#clock.now())
    return 'written'
  }

  #checkOpen(): void {
    if (this.#closed) throw storeClosed()
  }

  #holds(fence: Fence): boolean {
    const current = this.#disk.owners.get(fence.shard)
    return current !== undefined && current.epoch === fence.epoch && current.owner?.boot === fence.boot
  }
}

const utf8Encoder = new TextEncoder()

/** Orders two strings by their UTF-8 bytes, which is not the order of their UTF-16 units. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(utf8Encoder.encode(a), utf8Encoder.encode(b))
}

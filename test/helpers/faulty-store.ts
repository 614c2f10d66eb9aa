// A store that fails on demand: calls can be made to stall, or to fail before or after they took effect.
import { WeftError } from '../../core/errors.js'
import type {
  AppendEntry,
  AppendResult,
  Claimant,
  DocumentInfo,
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
} from '../../persistence/store.js'

export type FaultyMethod = 'append' | 'probe' | 'openDocument' | 'readLog' | 'saveSnapshot' | 'saveQuarantine' | 'prune' | 'deleteDocument'

type Fault =
  | { readonly kind: 'fail-before'; readonly error: unknown }
  | { readonly kind: 'fail-after'; readonly error: unknown }
  | { readonly kind: 'stall'; readonly released: Promise<void> }

export class FaultyStore implements DocumentStore {
  readonly kind: DocumentStore['kind']
  readonly #inner: DocumentStore
  readonly #faults = new Map<FaultyMethod, Fault[]>()
  readonly #broken = new Map<FaultyMethod, unknown>()
  readonly #calls = new Map<FaultyMethod, number>()

  constructor(inner: DocumentStore) {
    this.#inner = inner
    this.kind = inner.kind
  }

  /** How often a method was called. */
  calls(method: FaultyMethod): number {
    return this.#calls.get(method) ?? 0
  }

  /** The next call rejects without taking effect. */
  failBefore(method: FaultyMethod, error: unknown = new WeftError('store-unavailable', 'Failed on demand.')): void {
    this.#add(method, { kind: 'fail-before', error })
  }

  /** All calls reject without taking effect, until `mend`. */
  breakDown(method: FaultyMethod, error: unknown): void {
    this.#broken.set(method, error)
  }

  mend(method: FaultyMethod): void {
    this.#broken.delete(method)
  }

  /** The next call takes effect, and rejects all the same. */
  failAfter(method: FaultyMethod, error: unknown = new WeftError('store-unavailable', 'Failed on demand.')): void {
    this.#add(method, { kind: 'fail-after', error })
  }

  /** The next call waits until the returned function is called. */
  stall(method: FaultyMethod): () => void {
    let release = (): void => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#add(method, { kind: 'stall', released })
    return release
  }

  #add(method: FaultyMethod, fault: Fault): void {
    this.#faults.set(method, [...(this.#faults.get(method) ?? []), fault])
  }

  async #call<Result>(method: FaultyMethod, run: () => Promise<Result>): Promise<Result> {
    this.#calls.set(method, this.calls(method) + 1)
    if (this.#broken.has(method)) throw this.#broken.get(method)
    const fault = this.#faults.get(method)?.shift()
    if (fault?.kind === 'fail-before') throw fault.error
    if (fault?.kind === 'stall') await fault.released
    const result = await run()
    if (fault?.kind === 'fail-after') throw fault.error
    return result
  }

  append(entries: readonly AppendEntry[]): Promise<AppendResult> {
    return this.#call('append', () => this.#inner.append(entries))
  }

  probe(): Promise<void> {
    return this.#call('probe', () => this.#inner.probe())
  }

  openDocument(documentId: string): Promise<StoredDocument> {
    return this.#call('openDocument', () => this.#inner.openDocument(documentId))
  }

  readLog(documentId: string, afterSeq: number, throughSeq: number, bytesMax: number): Promise<readonly LogRow[] | null> {
    return this.#call('readLog', () => this.#inner.readLog(documentId, afterSeq, throughSeq, bytesMax))
  }

  saveSnapshot(write: SnapshotWrite): Promise<FencedWrite> {
    return this.#call('saveSnapshot', () => this.#inner.saveSnapshot(write))
  }

  saveQuarantine(write: QuarantineWrite): Promise<FencedWrite> {
    return this.#call('saveQuarantine', () => this.#inner.saveQuarantine(write))
  }

  liftQuarantine(documentId: string): Promise<boolean> {
    return this.#inner.liftQuarantine(documentId)
  }

  prune(documentId: string, policy: RetentionPolicy): Promise<PruneResult> {
    return this.#call('prune', () => this.#inner.prune(documentId, policy))
  }

  readOwnership(): Promise<readonly ShardOwnership[]> {
    return this.#inner.readOwnership()
  }

  claimShards(claimant: Claimant, seen: readonly ShardGrant[]): Promise<readonly ShardGrant[]> {
    return this.#inner.claimShards(claimant, seen)
  }

  releaseShards(claimant: Claimant, grants: readonly ShardGrant[]): Promise<void> {
    return this.#inner.releaseShards(claimant, grants)
  }

  readAt(documentId: string, point: HistoryPoint): Promise<StoredDocument> {
    return this.#inner.readAt(documentId, point)
  }

  listDocuments(query: Parameters<DocumentStore['listDocuments']>[0]): Promise<Page<DocumentInfo, string>> {
    return this.#inner.listDocuments(query)
  }

  listVersions(documentId: string, query: Parameters<DocumentStore['listVersions']>[1]): Promise<Page<Version, number>> {
    return this.#inner.listVersions(documentId, query)
  }

  readAuthors(documentId: string, query: Parameters<DocumentStore['readAuthors']>[1]): Promise<Page<RowAuthors, number>> {
    return this.#inner.readAuthors(documentId, query)
  }

  readFirstUses(documentId: string, query: Parameters<DocumentStore['readFirstUses']>[1]): Promise<Page<FirstUse, number>> {
    return this.#inner.readFirstUses(documentId, query)
  }

  keepVersion(write: SnapshotWrite, label: VersionLabel): Promise<FencedWrite> {
    return this.#inner.keepVersion(write, label)
  }

  dropVersion(documentId: string, seq: number): Promise<boolean> {
    return this.#inner.dropVersion(documentId, seq)
  }

  finishDocument(documentId: string, fence: Fence, incarnation: string): Promise<FencedWrite> {
    return this.#inner.finishDocument(documentId, fence, incarnation)
  }

  deleteDocument(documentId: string, fence: Fence): Promise<FencedWrite> {
    return this.#call('deleteDocument', () => this.#inner.deleteDocument(documentId, fence))
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

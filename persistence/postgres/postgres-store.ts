// The store of a cluster: PostgreSQL, which is also the only authority on who owns what. D1: every write is an autocommit statement, so its
// answer is the answer of COMMIT. O1: the fence is locked and checked inside the same statement.
import type { Logger } from '../../core/log.js'
import { type Random, randomId } from '../../core/random.js'
import type { ChangeCursors } from '../change-cursors.js'
import { storeClosed } from '../failures.js'
import type { KeyedRecords } from '../keyed-records.js'
import type { MembershipStore } from '../membership.js'
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
import { AuthorNumbers, readAuthors, readFirstUses } from './authors.js'
import { PostgresChangeCursors } from './change-cursors.js'
import { identifyCluster } from './cluster-identity.js'
import { Database } from './database.js'
import { listDocuments, openDocument, readAt } from './history.js'
import { PostgresKeyedRecords } from './keyed-records.js'
import { append, probe, readLog } from './log.js'
import { PostgresMembership } from './membership.js'
import { checkSchema, migrate } from './migrate.js'
import { claimShards, OwnershipReader, releaseShards } from './ownership.js'
import { prune } from './prune.js'
import { liftQuarantine, saveQuarantine } from './quarantine.js'
import { RememberedHeads } from './remembered-heads.js'
import { deleteDocument, dropVersion, finishDocument, listVersions, saveSnapshot } from './snapshots.js'

export interface PostgresStoreOptions {
  /** postgres://user:password@host:port/database */
  readonly url: string
  readonly logger: Logger
  readonly random: Random
  /** Create or update the schema on opening (default true). If false, a schema that is not this program's is refused. */
  readonly migrate?: boolean
  /** Refused if the database belongs to a cluster of another name. */
  readonly clusterName?: string | null
}

/**
 * Connects, brings the schema up to date and identifies the cluster. Rejects with `store-unavailable` while the database does not answer
 * (try again), with `invalid-configuration` if a setting has to change: the URL, the rights of its user, the program's version, the
 * cluster's name.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const database = new Database({ url: options.url, logger: options.logger })
  try {
    if (options.migrate ?? true) {
      const { from, to } = await migrate(database)
      if (from !== to) options.logger.info({ from, to }, 'the database schema was updated')
    } else await checkSchema(database)
    const { clusterId } = await identifyCluster(database, randomId(options.random, 16), options.clusterName ?? null)
    return new PostgresStore(database, clusterId)
  } catch (thrown) {
    await database.close()
    throw thrown
  }
}

export class PostgresStore implements DocumentStore {
  readonly kind = 'postgres'
  readonly keyedRecords: KeyedRecords
  readonly changeCursors: ChangeCursors
  /** Random, written into the database when the first node used it. */
  readonly clusterId: string
  readonly membership: MembershipStore
  readonly #database: Database
  readonly #heads = new RememberedHeads()
  readonly #authors = new AuthorNumbers()
  readonly #ownership = new OwnershipReader()
  #closed = false

  constructor(database: Database, clusterId: string) {
    this.#database = database
    this.clusterId = clusterId
    this.membership = new PostgresMembership(database)
    this.changeCursors = new PostgresChangeCursors(database)
    this.keyedRecords = new PostgresKeyedRecords(database)
  }

  async readOwnership(): Promise<readonly ShardOwnership[]> {
    return this.#ownership.read(this.#open())
  }

  async claimShards(claimant: Claimant, seen: readonly ShardGrant[]): Promise<readonly ShardGrant[]> {
    this.#heads.claimed(claimant.boot)
    return claimShards(this.#open(), claimant, seen)
  }

  async releaseShards(claimant: Claimant, grants: readonly ShardGrant[]): Promise<void> {
    return releaseShards(this.#open(), claimant, grants)
  }

  async append(entries: readonly AppendEntry[]): Promise<AppendResult> {
    return append(this.#open(), this.#heads, this.#authors, entries)
  }

  async probe(): Promise<void> {
    await probe(this.#open())
  }

  async openDocument(documentId: string): Promise<StoredDocument> {
    return openDocument(this.#open(), this.#heads, documentId)
  }

  async readLog(documentId: string, afterSeq: number, throughSeq: number, bytesMax: number): Promise<readonly LogRow[] | null> {
    return readLog(this.#open(), documentId, afterSeq, throughSeq, bytesMax)
  }

  async readAuthors(documentId: string, query: { readonly afterSeq: number; readonly limit: number }): Promise<Page<RowAuthors, number>> {
    return readAuthors(this.#open(), documentId, query)
  }

  async readFirstUses(documentId: string, query: { readonly after?: number; readonly limit: number }): Promise<Page<FirstUse, number>> {
    return readFirstUses(this.#open(), documentId, query)
  }

  async saveSnapshot(write: SnapshotWrite): Promise<FencedWrite> {
    return saveSnapshot(this.#open(), write, null)
  }

  async saveQuarantine(write: QuarantineWrite): Promise<FencedWrite> {
    return saveQuarantine(this.#open(), write)
  }

  async liftQuarantine(documentId: string): Promise<boolean> {
    return liftQuarantine(this.#open(), documentId)
  }

  async readAt(documentId: string, point: HistoryPoint): Promise<StoredDocument> {
    return readAt(this.#open(), documentId, point)
  }

  async listDocuments(query: DocumentQuery): Promise<Page<DocumentInfo, string>> {
    return listDocuments(this.#open(), query)
  }

  async listVersions(documentId: string, query: VersionQuery): Promise<Page<Version, number>> {
    return listVersions(this.#open(), documentId, query)
  }

  async keepVersion(write: SnapshotWrite, label: VersionLabel): Promise<FencedWrite> {
    return saveSnapshot(this.#open(), write, label)
  }

  async dropVersion(documentId: string, seq: number): Promise<boolean> {
    return dropVersion(this.#open(), documentId, seq)
  }

  async finishDocument(documentId: string, fence: Fence, incarnation: string): Promise<FencedWrite> {
    return finishDocument(this.#open(), documentId, fence, incarnation)
  }

  async deleteDocument(documentId: string, fence: Fence): Promise<FencedWrite> {
    return deleteDocument(this.#open(), documentId, fence)
  }

  async prune(documentId: string, policy: RetentionPolicy): Promise<PruneResult> {
    return prune(this.#open(), documentId, policy)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#database.close()
  }

  #open(): Database {
    if (this.#closed) throw storeClosed()
    return this.#database
  }
}

// A store for a simulated process: a MemoryStore behind calls that take their time, stall and fail; what takes effect goes into the ledger.

import type { Clock } from '../../core/clock.js'
import { shardOf } from '../../core/document-id.js'
import { WeftError } from '../../core/errors.js'
import type { Random } from '../../core/random.js'
import { type MemoryDisk, MemoryStore } from '../../persistence/memory/memory-store.js'
import type {
  AppendEntry,
  AppendResult,
  Claimant,
  DocumentStore,
  FencedWrite,
  PruneResult,
  RetentionPolicy,
  ShardGrant,
  ShardOwnership,
  SnapshotWrite,
  StoredDocument,
} from '../../persistence/store.js'
import { isCurrent, type Ledger } from './ledger.js'
import type { HostClock } from './time.js'

export interface StoreTrouble {
  /** Of a thousand calls, how many fail before they take effect, fail after it, or stall for a while. */
  readonly failBefore: number
  readonly failAfter: number
  readonly stall: number
  /** Of a thousand appends, how many are refused for a reason that nobody knows, before or after they took effect. */
  readonly odd: number
  readonly latencyMsMax: number
  readonly stallMsMax: number
}

/** How a process reaches what it calls: late, or not at all. */
export type Caller = <Result>(method: string, run: () => Promise<Result>) => Promise<Result>

export interface SimulatedStoreOptions {
  /** The store's own. */
  readonly clock: HostClock
  readonly disk: MemoryDisk
  readonly ledger: Ledger
  readonly call: Caller
  /** Tells of a broken invariant. */
  readonly fail: (error: unknown) => void
  /**
   * Lies, for negative controls: `append` answers before anything is written; fences are not looked at; documents are read before their claim; what is old
   * enough to go is decided by the clock of whoever asks.
   */
  readonly lie: 'none' | 'acknowledges-early' | 'ignores-fences' | 'reads-ahead' | 'prunes-by-own-clock'
  /** The clock of whoever asks. */
  readonly asker: Clock
}

export interface LocalCallerOptions {
  /** Of the disk: whatever was asked of a process that died meanwhile is never answered. */
  readonly clock: HostClock
  readonly random: Random
  /** Read at each call. */
  readonly trouble: () => StoreTrouble
}

/** Calls that fail here would only keep a process from starting or stopping. */
const sound: ReadonlySet<string> = new Set(['readOwnership', 'claimShards', 'releaseShards', 'close'])

/** As for a state that is in no table: refused, and it may have taken effect all the same. */
export async function oddly<Result>(random: Random, run: () => Promise<Result>): Promise<Result> {
  if (random.below(2) === 0) await run()
  throw new WeftError('store-refused', 'Failed on demand, for a reason that nobody knows.')
}

/** Calls to a disk of the same machine. */
export function localCaller({ clock, random, trouble }: LocalCallerOptions): Caller {
  const pass = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve))
  return async (method, run) => {
    const { odd } = trouble()
    if (method === 'append' && random.below(1_000) < odd) return oddly(random, run)
    const { failBefore, failAfter, stall, latencyMsMax, stallMsMax } = trouble()
    const dice = sound.has(method) ? 1_000 : random.below(1_000)
    await pass(random.fraction() * latencyMsMax)
    if (dice < failBefore)
      throw new WeftError(method === 'append' && random.below(3) === 0 ? 'store-full' : 'store-unavailable', 'Failed on demand.')
    if (dice >= failBefore + failAfter && dice < failBefore + failAfter + stall) await pass(random.fraction() * stallMsMax)
    const result = await run()
    await pass(random.fraction() * latencyMsMax)
    if (dice >= failBefore && dice < failBefore + failAfter)
      throw new WeftError('store-unavailable', 'Failed on demand, after it took effect.')
    return result
  }
}

/** All of an object's methods, by way of `call`. */
function called<Target extends object>(target: Target, call: Caller): Target {
  return new Proxy<Target>(target, {
    get(_target, property) {
      const member: unknown = Reflect.get(target, property, target)
      if (typeof member !== 'function') return member
      return (...args: unknown[]): Promise<unknown> => call(String(property), () => Reflect.apply(member, target, args))
    },
  })
}

export function simulatedStore(options: SimulatedStoreOptions): DocumentStore {
  const { call, lie } = options
  const store = new ObservedStore(options)
  if (lie !== 'acknowledges-early') return called<DocumentStore>(store, call)
  return called<DocumentStore>(store, (method, run) => {
    if (method !== 'append') return call(method, run)
    call(method, run).catch(() => {})
    return Promise.resolve({ fencedShards: new Set() }) as ReturnType<typeof run>
  })
}

class ObservedStore extends MemoryStore {
  readonly #options: SimulatedStoreOptions
  /** What a reader ahead of its claims has read: at the last look, at the one before it, and of the shards that it has claimed since. */
  #ahead = new Map<string, StoredDocument>()
  #before = new Map<string, StoredDocument>()
  readonly #stale = new Map<string, StoredDocument>()

  constructor(options: SimulatedStoreOptions) {
    super({ clock: options.clock, disk: options.disk })
    this.#options = options
  }

  override async append(entries: readonly AppendEntry[]): Promise<AppendResult> {
    const { disk, lie } = this.#options
    const missing = entries.filter(({ documentId, seq }) => (disk.documents.get(documentId)?.head ?? 0) < seq)
    const owners = new Map(entries.map(({ fence: { shard } }) => [shard, disk.owners.get(shard)]))
    const result = await super.append(lie === 'ignores-fences' ? entries.map((entry) => this.#refenced(entry)) : entries)
    this.#observe((ledger) => {
      for (const entry of missing)
        if (!result.fencedShards.has(entry.fence.shard)) ledger.appended(entry, owners.get(entry.fence.shard) ?? null)
      for (const { fence, documentId, seq } of entries)
        if (result.fencedShards.has(fence.shard) && isCurrent(fence, owners.get(fence.shard)))
          throw new Error(
            `O1: the owner of ${documentId} in epoch ${fence.epoch} does not know row ${seq}: it read before its claim was committed`,
          )
    })
    return result
  }

  override async saveSnapshot(write: SnapshotWrite): Promise<FencedWrite> {
    const result = await super.saveSnapshot(write)
    if (result === 'written') this.#observe((ledger) => ledger.snapshotSaved(write))
    return result
  }

  /** H1, H3: what a kept version or the window needs stays, however wrong the clock of whoever asks. */
  override async prune(documentId: string, policy: RetentionPolicy): Promise<PruneResult> {
    const { disk, clock, asker, lie } = this.#options
    const before = disk.documents.get(documentId)?.log.slice() ?? []
    const windowStart = clock.now() - policy.logWindowMs
    const result = await super.prune(documentId, policy)
    const document = disk.documents.get(documentId)
    if (document === undefined) return result
    if (lie === 'prunes-by-own-clock') {
      const kept = document.log.findIndex(({ committedAt }) => committedAt > asker.now() - policy.logWindowMs)
      document.log.splice(0, kept < 0 ? document.log.length : kept)
    }
    this.#observe((ledger) => ledger.pruned(documentId, { before, after: document.log, snapshots: document.snapshots, windowStart }))
    return result
  }

  override async readOwnership(): Promise<readonly ShardOwnership[]> {
    if (this.#options.lie === 'reads-ahead') {
      this.#before = this.#ahead
      this.#ahead = new Map()
      for (const documentId of this.#options.disk.documents.keys()) this.#ahead.set(documentId, await super.openDocument(documentId))
    }
    return super.readOwnership()
  }

  override async claimShards(claimant: Claimant, seen: readonly ShardGrant[]): Promise<readonly ShardGrant[]> {
    const grants = await super.claimShards(claimant, seen)
    const shards = new Set(grants.map(({ shard }) => shard))
    for (const [documentId, stored] of this.#before) if (shards.has(shardOf(documentId))) this.#stale.set(documentId, stored)
    return grants
  }

  override async openDocument(documentId: string): Promise<StoredDocument> {
    const stale = this.#stale.get(documentId)
    this.#stale.delete(documentId)
    return stale ?? super.openDocument(documentId)
  }

  #refenced(entry: AppendEntry): AppendEntry {
    const { shard } = entry.fence
    const current = this.#options.disk.owners.get(shard)
    return current?.owner ? { ...entry, fence: { shard, epoch: current.epoch, boot: current.owner.boot } } : entry
  }

  #observe(look: (ledger: Ledger) => void): void {
    try {
      look(this.#options.ledger)
    } catch (error) {
      this.#options.fail(error)
    }
  }
}

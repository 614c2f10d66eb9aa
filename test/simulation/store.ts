// A store for a simulated process: a MemoryStore that takes its time, stalls and fails, and writes into the ledger what took effect.
import { WeftError } from '../../core/errors.js'
import type { Random } from '../../core/random.js'
import { type MemoryDisk, MemoryStore } from '../../persistence/memory/memory-store.js'
import type { AppendEntry, AppendResult, DocumentStore, FencedWrite, SnapshotWrite } from '../../persistence/store.js'
import type { Ledger } from './ledger.js'
import type { HostClock } from './time.js'

export interface StoreTrouble {
  /** Of a thousand calls, how many fail before they take effect, fail after it, or stall for a while. */
  readonly failBefore: number
  readonly failAfter: number
  readonly stall: number
  readonly latencyMsMax: number
  readonly stallMsMax: number
}

export interface SimulatedStoreOptions {
  readonly clock: HostClock
  readonly disk: MemoryDisk
  readonly random: Random
  readonly ledger: Ledger
  /** Read at each call. */
  readonly trouble: () => StoreTrouble
  /** Tells of a broken invariant. */
  readonly fail: (error: unknown) => void
  /** A lie, for negative controls: `append` answers before anything is written. */
  readonly acknowledgesEarly: boolean
}

/** Calls that fail here would only keep a process from starting or stopping. */
const sound: ReadonlySet<string> = new Set(['readOwnership', 'claimShards', 'releaseShards', 'close'])

export function simulatedStore(options: SimulatedStoreOptions): DocumentStore {
  const { clock, random, trouble, acknowledgesEarly } = options
  const store = new ObservedStore(options)
  /** Whatever was asked of a process that died meanwhile is never answered. */
  const pass = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve))
  const call = async (name: string, run: () => Promise<unknown>): Promise<unknown> => {
    const { failBefore, failAfter, stall, latencyMsMax, stallMsMax } = trouble()
    const dice = sound.has(name) ? 1_000 : random.below(1_000)
    await pass(random.fraction() * latencyMsMax)
    if (dice < failBefore)
      throw new WeftError(name === 'append' && random.below(3) === 0 ? 'store-full' : 'store-unavailable', 'Failed on demand.')
    if (dice >= failBefore + failAfter && dice < failBefore + failAfter + stall) await pass(random.fraction() * stallMsMax)
    const result = await run()
    await pass(random.fraction() * latencyMsMax)
    if (dice >= failBefore && dice < failBefore + failAfter)
      throw new WeftError('store-unavailable', 'Failed on demand, after it took effect.')
    return result
  }
  const early = async (run: () => Promise<unknown>): Promise<AppendResult> => {
    void pass(trouble().latencyMsMax).then(run)
    return { fencedShards: new Set() }
  }
  return new Proxy<DocumentStore>(store, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target)
      if (typeof member !== 'function') return member
      return (...args: unknown[]): Promise<unknown> => {
        const run = (): Promise<unknown> => Reflect.apply(member, target, args)
        return property === 'append' && acknowledgesEarly ? early(run) : call(String(property), run)
      }
    },
  })
}

class ObservedStore extends MemoryStore {
  readonly #options: SimulatedStoreOptions

  constructor(options: SimulatedStoreOptions) {
    super({ clock: options.clock, disk: options.disk })
    this.#options = options
  }

  override async append(entries: readonly AppendEntry[]): Promise<AppendResult> {
    const { disk } = this.#options
    const missing = entries.filter(({ documentId, seq }) => (disk.documents.get(documentId)?.head ?? 0) < seq)
    const result = await super.append(entries)
    this.#observe((ledger) => {
      for (const entry of missing) if (!result.fencedShards.has(entry.fence.shard)) ledger.appended(entry)
    })
    return result
  }

  override async saveSnapshot(write: SnapshotWrite): Promise<FencedWrite> {
    const result = await super.saveSnapshot(write)
    if (result === 'written') this.#observe((ledger) => ledger.snapshotSaved(write))
    return result
  }

  #observe(look: (ledger: Ledger) => void): void {
    try {
      look(this.#options.ledger)
    } catch (error) {
      this.#options.fail(error)
    }
  }
}

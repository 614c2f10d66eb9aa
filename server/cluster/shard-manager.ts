// Which shards this node owns: claims those that fall to it, hands over those that fall to others, and drops what the store gave to
// somebody else. Every decision rests on one look at the store; every change is a compare-and-set there (O1), so two nodes may decide at
// the same time.
import { unreachable } from '../../core/assert.js'
import type { Clock, Timer } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { SHARD_COUNT, shardOf } from '../../core/document-id.js'
import { asWeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { Claimant, DocumentStore, Fence, ShardGrant, ShardOwnership } from '../../persistence/store.js'
import type { NodeMembership } from './node-membership.js'
import { RendezvousWinners } from './rendezvous.js'
import type { ClusterSettings } from './settings.js'
import { type OwnerLocation, ShardOwners } from './shard-owners.js'

export interface ShardManagerOptions {
  readonly store: Pick<DocumentStore, 'readOwnership' | 'claimShards' | 'releaseShards'>
  readonly membership: Pick<NodeMembership, 'view' | 'views' | 'mayOwn' | 'state'>
  readonly claimant: Claimant
  readonly settings: ClusterSettings
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: Counters
  /**
   * Flushes the documents of shards that are about to be released, and detaches their sessions. `fenceOf` already answers null for them.
   */
  readonly handOver: (shards: ReadonlySet<number>) => Promise<void>
  /** Stops the documents of shards that are no longer ours, at once. */
  readonly abandon: (shards: ReadonlySet<number>) => void
  /** After a look at the store: who owns what may have changed. */
  readonly onLooked: () => void
}

type ManagerState = 'running' | 'draining' | 'stopped'

export class ShardManager {
  readonly #options: ShardManagerOptions
  /** Epochs of the shards that this node owns. */
  readonly #grants = new Map<number, number>()
  /** Epochs of those that are being handed over: their documents still flush under them, so what ends an ownership ends theirs too. */
  readonly #releasing = new Map<number, number>()
  readonly #owners: ShardOwners
  readonly #winners = new RendezvousWinners(SHARD_COUNT)
  #state: ManagerState = 'running'
  #timer: Timer | null = null
  #looking: Promise<void> | null = null
  #lookAgain = false
  /** Said once in the log, not several times a second. */
  #lastFailure: string | null = null

  constructor(options: ShardManagerOptions) {
    this.#options = options
    this.#owners = new ShardOwners(options.membership, options.claimant)
  }

  /** The number of shards that this node owns. */
  get owned(): number {
    return this.#grants.size
  }

  /** How many shards each boot owns, as this node read it last. */
  countByOwner(): ReadonlyMap<string, number> {
    return new Map([...this.#owners.countByOwner(), [this.#options.claimant.boot, this.owned]])
  }

  /** Whether every shard has an owner who is alive, as far as this node knows. */
  get settled(): boolean {
    for (let shard = 0; shard < SHARD_COUNT; shard++) if (this.locate(shard).kind === 'nobody') return false
    return true
  }

  fenceOf(documentId: string): Fence | null {
    const shard = shardOf(documentId)
    const epoch = this.#grants.get(shard)
    return epoch === undefined ? null : { shard, epoch, boot: this.#options.claimant.boot }
  }

  locate(shard: number): OwnerLocation {
    if (this.#grants.has(shard)) return { kind: 'here' }
    return this.#owners.locate(shard)
  }

  /** See `ShardOwners`. */
  disowned(shard: number, boot: string): void {
    this.#owners.disowned(shard, boot)
  }

  /** Looks at the store now, or once more if it is looking already. Resolves when that look is over. */
  look(): Promise<void> {
    if (this.#state === 'stopped') return Promise.resolve()
    if (this.#looking !== null) {
      this.#lookAgain = true
      return this.#looking
    }
    this.#timer?.cancel()
    this.#timer = null
    const looking = this.#lookUntilCurrent().finally(() => {
      this.#looking = null
      this.#schedule()
    })
    this.#looking = looking
    return looking
  }

  /** The node is quarantined, or the store refused these: own them no longer, without asking the store. */
  drop(shards: ReadonlySet<number> | 'all'): void {
    const held = [...this.#grants.keys(), ...this.#releasing.keys()]
    const dropped = new Set(shards === 'all' ? held : held.filter((shard) => shards.has(shard)))
    if (dropped.size === 0) return
    for (const shard of dropped) {
      this.#grants.delete(shard)
      this.#releasing.delete(shard)
      // Since another node may own the shard by now, what we knew of its owner is out of date too.
      this.#owners.forget(shard)
    }
    this.#options.counters.add('shards_lost', dropped.size)
    this.#options.logger.warn({ shards: dropped.size }, 'this node no longer owns these shards')
    this.#options.abandon(dropped)
  }

  /**
   * Hands over everything, for good (G4), if there is anybody to take it; else its clients are served until `letGo`. Resolves when the
   * store knows it, or cannot be told. The looks go on until `stop`: sessions that are still here have to find the new owners, or what they
   * wrote last is never acknowledged.
   */
  async drain(): Promise<void> {
    if (this.#state !== 'running') return
    this.#state = 'draining'
    await this.#looking?.catch(() => {})
    if (this.#candidates().length > 0) await this.letGo()
    void this.look()
  }

  /** Releases everything that is left. */
  async letGo(): Promise<void> {
    try {
      await this.#release(new Set(this.#grants.keys()))
    } catch (thrown) {
      this.#options.logger.warn({ err: thrown }, 'the shards could not be released; the others take them when this node is gone')
    }
  }

  /** Stops looking. Idempotent. */
  stop(): void {
    this.#state = 'stopped'
    this.#timer?.cancel()
    this.#timer = null
  }

  async #lookUntilCurrent(): Promise<void> {
    do {
      this.#lookAgain = false
      try {
        await this.#lookOnce()
      } catch (thrown) {
        // The store is away: nothing moves until it is back, and the membership says when that has lasted too long. Anything else nobody
        // else would tell.
        const { code, message } = asWeftError(thrown)
        const isNews = code !== 'store-unavailable' && message !== this.#lastFailure
        this.#options.logger[isNews ? 'warn' : 'debug']({ err: thrown }, 'ownership could not be read or changed')
        this.#lastFailure = message
      }
    } while (this.#lookAgain && !this.#isStopped())
  }

  async #lookOnce(): Promise<void> {
    const { store, membership } = this.#options
    if (!membership.mayOwn || this.#isStopped()) return
    this.#remember(await store.readOwnership())
    this.#owners.meet()
    const { claims, releases, strays } = this.#plan()
    if (strays.length > 0) await this.#giveBack(strays)
    if (this.#state === 'running') await this.#claimAndRelease(claims, releases)
    this.#options.onLooked()
  }

  async #claimAndRelease(claims: readonly ShardGrant[], releases: ReadonlySet<number>): Promise<void> {
    const { store, claimant, membership } = this.#options
    if (claims.length > 0 && membership.state.kind === 'member') {
      const grants = await store.claimShards(claimant, claims)
      // Quarantined meanwhile: the store says that these are ours, but we do not act on it; they are claimed anew later.
      if (!membership.mayOwn) return
      // If the node was stopped meanwhile nobody here serves them, and no hand-over would give them back later.
      if (this.#isStopped()) return this.#giveBack(grants)
      // A drain that has begun meanwhile waits for this look, and hands them over with the others.
      this.#granted(grants)
    }
    if (releases.size > 0 && this.#state === 'running') await this.#release(releases)
  }

  /** The store says that these are ours, but nothing here serves them. */
  async #giveBack(grants: readonly ShardGrant[]): Promise<void> {
    const { store, claimant } = this.#options
    await store.releaseShards(claimant, grants)
    this.#owners.givenBack(grants)
  }

  // As a method, since the state changes while something is awaited.
  #isStopped(): boolean {
    return this.#state === 'stopped'
  }

  #remember(rows: readonly ShardOwnership[]): void {
    this.#owners.remember(rows)
    const lost = new Set<number>()
    for (const [shard, epoch] of [...this.#grants, ...this.#releasing]) if (this.#owners.of(shard)?.epoch !== epoch) lost.add(shard)
    this.drop(lost)
  }

  /**
   * `strays` are ours in the store, but this node let go of them, in quarantine or in a release that failed, or never heard that it was
   * given them; and they fall to another node, which waits for us as long as we live.
   */
  #plan(): { readonly claims: readonly ShardGrant[]; readonly releases: ReadonlySet<number>; readonly strays: readonly ShardGrant[] } {
    const { claimant, settings } = this.#options
    const winners = this.#winners.among(this.#candidates())
    const claims: ShardGrant[] = []
    const releases = new Set<number>()
    const strays: ShardGrant[] = []
    for (let shard = 0; shard < SHARD_COUNT; shard++) {
      const winner = winners[shard] ?? null
      const held = this.#grants.has(shard) || this.#releasing.has(shard)
      if (winner === claimant.nodeId && !held && this.#owners.isOrphan(shard))
        claims.push({ shard, epoch: this.#owners.of(shard)?.epoch ?? 0 })
      if (winner !== claimant.nodeId && winner !== null && this.#grants.has(shard) && releases.size < settings.releasesPerTick)
        releases.add(shard)
      const row = this.#owners.of(shard)
      if (winner !== claimant.nodeId && winner !== null && !held && row?.owner?.boot === claimant.boot)
        strays.push({ shard, epoch: row.epoch })
    }
    return { claims, releases, strays }
  }

  #granted(grants: readonly ShardGrant[]): void {
    const { logger, counters } = this.#options
    for (const { shard, epoch } of grants) this.#grants.set(shard, epoch)
    this.#owners.granted(grants)
    counters.add('shards_claimed', grants.length)
    logger.info({ shards: grants.length, owned: this.#grants.size }, 'claimed shards')
  }

  /** Own no longer, then flush, then tell the store: in this order nothing can be appended after the release. */
  async #release(shards: ReadonlySet<number>): Promise<void> {
    const { handOver, counters, logger } = this.#options
    // The flush still appends under the old epochs, so the owners keep their fences until it is over.
    const grants = [...shards].flatMap((shard) => {
      const epoch = this.#grants.get(shard)
      return epoch === undefined ? [] : [{ shard, epoch }]
    })
    if (grants.length === 0) return
    for (const { shard, epoch } of grants) {
      this.#grants.delete(shard)
      this.#releasing.set(shard, epoch)
    }
    try {
      await handOver(shards)
      await this.#giveBack(grants)
    } finally {
      for (const { shard, epoch } of grants) if (this.#releasing.get(shard) === epoch) this.#releasing.delete(shard)
    }
    counters.add('shards_released', grants.length)
    logger.info({ shards: grants.length, owned: this.#grants.size }, 'released shards')
  }

  /** Nodes that may own shards. */
  #candidates(): string[] {
    return this.#options.membership.view.filter(({ draining }) => !draining).map(({ nodeId }) => nodeId)
  }

  /** Whether a shard lies where it should not, so that it is worth looking again soon. */
  #moving(): boolean {
    const candidates = this.#candidates()
    if (candidates.length === 0) return false
    const winners = this.#winners.among(candidates)
    for (let shard = 0; shard < SHARD_COUNT; shard++) if (this.#owners.of(shard)?.owner?.nodeId !== winners[shard]) return true
    return false
  }

  #schedule(): void {
    const { clock, settings } = this.#options
    switch (this.#state) {
      case 'running':
      case 'draining': {
        const delayMs = this.#moving() ? settings.movingTickMs : settings.settledTickMs
        this.#timer?.cancel()
        this.#timer = clock.after(delayMs, () => void this.look())
        return
      }
      case 'stopped':
        return
      default:
        unreachable(this.#state)
    }
  }
}

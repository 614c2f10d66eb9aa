// Who owns which shard, as this node read it last, and who of the owners is alive as far as it can tell.
import { SHARD_COUNT } from '../../core/document-id.js'
import type { NodeRow } from '../../persistence/membership.js'
import type { Claimant, ShardGrant, ShardOwnership } from '../../persistence/store.js'
import type { NodeMembership } from './node-membership.js'
import { rendezvousWinner } from './rendezvous.js'

/** Where a document's owner is. */
export type OwnerLocation =
  | { readonly kind: 'here' }
  | { readonly kind: 'node'; readonly node: NodeRow }
  /** Nobody who is alive owns it at the moment. */
  | { readonly kind: 'nobody' }

/** The first view after a meeting may have been asked for before it, the second was not. */
const VIEWS_TO_KNOW_A_STRANGER = 2

export class ShardOwners {
  readonly #membership: Pick<NodeMembership, 'view' | 'views' | 'state'>
  readonly #claimant: Claimant
  /** By shard; several looks a second fill it. */
  #ownership: (ShardOwnership | undefined)[] = []
  /** Shards whose owner, as it was read last, says that it is not. */
  readonly #disowned = new Set<number>()
  /** Boots that this node has seen alive. */
  readonly #seenAlive = new Set<string>()
  /** Owners that it has never seen alive, and the number of the view at which it first met them in the store. */
  #strangers = new Map<string, number>()

  constructor(membership: Pick<NodeMembership, 'view' | 'views' | 'state'>, claimant: Claimant) {
    this.#membership = membership
    this.#claimant = claimant
  }

  /** As it was read last; undefined for a shard that was never claimed, and where what was read is known to be out of date. */
  of(shard: number): ShardOwnership | undefined {
    return this.#ownership[shard]
  }

  /** How many shards each boot owns. */
  countByOwner(): ReadonlyMap<string, number> {
    const owned = new Map<string, number>()
    for (const row of this.#ownership) {
      const boot = row?.owner?.boot
      if (boot !== undefined) owned.set(boot, (owned.get(boot) ?? 0) + 1)
    }
    return owned
  }

  /** What the store says now of every shard that was ever claimed. */
  remember(rows: readonly ShardOwnership[]): void {
    const ownership = new Array<ShardOwnership | undefined>(SHARD_COUNT).fill(undefined)
    for (const row of rows) ownership[row.shard] = row
    this.#ownership = ownership
    this.#disowned.clear()
  }

  /** Another node may own the shard by now: what was read of it is out of date. */
  forget(shard: number): void {
    this.#ownership[shard] = undefined
  }

  granted(grants: readonly ShardGrant[]): void {
    for (const { shard, epoch } of grants) this.#ownership[shard] = { shard, epoch, owner: this.#claimant }
  }

  /** A look beside this may have seen already who took them. */
  givenBack(grants: readonly ShardGrant[]): void {
    for (const { shard, epoch } of grants)
      if ((this.#ownership[shard]?.epoch ?? 0) <= epoch) this.#ownership[shard] = { shard, epoch, owner: null }
  }

  /** Where the owner of a shard is that this node does not own. */
  locate(shard: number): OwnerLocation {
    const owner = this.#ownership[shard]?.owner
    const node = owner === null || owner === undefined ? undefined : this.#alive(owner)
    const isCutOff = this.#membership.state.kind === 'quarantined'
    const isOutOfDate = isCutOff && this.#disowned.has(shard)
    if (node !== undefined && node.boot !== this.#claimant.boot && !isOutOfDate) return { kind: 'node', node }
    return isCutOff ? this.#successor(shard) : { kind: 'nobody' }
  }

  /**
   * A node that the store does not answer cannot read who took its shards, but it knows to whom they fall when it is dead. A node that is
   * asked for a document and does not own it says so; nothing is lost by asking.
   */
  #successor(shard: number): OwnerLocation {
    const others = this.#membership.view.filter(({ nodeId, draining }) => !draining && nodeId !== this.#claimant.nodeId)
    const winner = rendezvousWinner(
      shard,
      others.map(({ nodeId }) => nodeId),
    )
    const node = others.find(({ nodeId }) => nodeId === winner)
    return node === undefined ? { kind: 'nobody' } : { kind: 'node', node }
  }

  /**
   * A node that was asked says that it does not own a shard, or cannot be reached. While the store does not answer, that may be newer than what was read of
   * it: then whoever the shard falls to is asked instead, and if that one does not own it either, the first one again.
   */
  disowned(shard: number, boot: string): void {
    if (this.#membership.state.kind !== 'quarantined') return
    if (this.#ownership[shard]?.owner?.boot === boot) this.#disowned.add(shard)
    else this.#disowned.delete(shard)
  }

  /** A node that has just joined may own shards before any heartbeat of this node has seen it: an unknown owner is not a dead one. */
  meet(): void {
    for (const { boot } of this.#membership.view) this.#seenAlive.add(boot)
    const strangers = new Map<string, number>()
    let known = ''
    for (const row of this.#ownership) {
      const boot = row?.owner?.boot ?? known
      if (boot === known) continue
      if (this.#seenAlive.has(boot)) known = boot
      else strangers.set(boot, this.#strangers.get(boot) ?? this.#membership.views)
    }
    this.#strangers = strangers
  }

  /** Whether nobody who is alive owns the shard. */
  isOrphan(shard: number): boolean {
    const owner = this.#ownership[shard]?.owner ?? null
    if (owner === null || owner.boot === this.#claimant.boot) return true
    if (this.#alive(owner) !== undefined) return false
    const metAt = this.#strangers.get(owner.boot)
    return metAt === undefined || this.#membership.views >= metAt + VIEWS_TO_KNOW_A_STRANGER
  }

  #alive(owner: Claimant): NodeRow | undefined {
    return this.#membership.view.find(({ nodeId, boot }) => nodeId === owner.nodeId && boot === owner.boot)
  }
}

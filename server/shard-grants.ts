// What a server that runs alone owns: every shard, claimed once at the start under a fresh boot id.
import { SHARD_COUNT, shardOf } from '../core/document-id.js'
import { WeftError } from '../core/errors.js'
import { type Random, randomId } from '../core/random.js'
import type { Claimant, DocumentStore, Fence, ShardGrant } from '../persistence/store.js'

const BOOT_ID_BYTES = 16

export class ShardGrants {
  readonly claimant: Claimant
  readonly #store: DocumentStore
  readonly #epochs: Map<number, number>

  private constructor(claimant: Claimant, store: DocumentStore, grants: readonly ShardGrant[]) {
    this.claimant = claimant
    this.#store = store
    this.#epochs = new Map(grants.map(({ shard, epoch }) => [shard, epoch]))
  }

  /** Claims all shards, whoever had them. Rejects with `store-failed` if somebody else claims at the same time. */
  static async claimAll(store: DocumentStore, random: Random): Promise<ShardGrants> {
    const claimant = { nodeId: 'embedded', boot: randomId(random, BOOT_ID_BYTES) }
    const epochs = new Map((await store.readOwnership()).map(({ shard, epoch }) => [shard, epoch]))
    const seen = Array.from({ length: SHARD_COUNT }, (_, shard) => ({ shard, epoch: epochs.get(shard) ?? 0 }))
    const grants = await store.claimShards(claimant, seen)
    if (grants.length < SHARD_COUNT)
      throw new WeftError(
        'store-failed',
        `Only ${grants.length} of ${SHARD_COUNT} shards could be claimed: another server is claiming them.`,
      )
    return new ShardGrants(claimant, store, grants)
  }

  fenceOf(documentId: string): Fence | null {
    const shard = shardOf(documentId)
    const epoch = this.#epochs.get(shard)
    return epoch === undefined ? null : { shard, epoch, boot: this.claimant.boot }
  }

  /** The store said that these are no longer ours. */
  forget(shards: ReadonlySet<number>): void {
    for (const shard of shards) this.#epochs.delete(shard)
  }

  async release(): Promise<void> {
    const grants = Array.from(this.#epochs, ([shard, epoch]) => ({ shard, epoch }))
    this.#epochs.clear()
    await this.#store.releaseShards(this.claimant, grants)
  }
}

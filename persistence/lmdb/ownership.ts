// Who owns which shard: reading it, and the changes that claims and releases make, decided inside a write transaction (O1).
import type { Claimant, ShardGrant, ShardOwnership } from '../store.js'
import type { Environment } from './environment.js'
import { ownerKey } from './keys.js'
import { sealOwner } from './layout.js'
import { readOwner } from './reading.js'
import { isCurrent } from './writing.js'

/** Of every shard that was ever claimed. */
export function readOwners(environment: Environment): readonly ShardOwnership[] {
  const shards = Array.from(environment.owners.getKeys({}), (key) => Buffer.from(key).readUInt16BE())
  return shards.map((shard) => ({ shard, ...readOwner(environment, shard) }))
}

/** The change answers the grants. */
export function decideClaim(environment: Environment, claimant: Claimant, seen: readonly ShardGrant[]): () => readonly ShardGrant[] {
  const free = seen.filter(({ shard, epoch }) => readOwner(environment, shard).epoch === epoch)
  const grants = [...new Map(free.map(({ shard, epoch }) => [shard, { shard, epoch: epoch + 1 }])).values()]
  return () => {
    for (const grant of grants) putOwner(environment, grant, claimant)
    return grants
  }
}

export function decideRelease(environment: Environment, claimant: Claimant, grants: readonly ShardGrant[]): () => void {
  const held = grants.filter((grant) => isCurrent(environment, { ...grant, boot: claimant.boot }))
  return () => {
    for (const grant of held) putOwner(environment, grant, null)
  }
}

function putOwner(environment: Environment, { shard, epoch }: ShardGrant, owner: Claimant | null): void {
  const key = ownerKey(shard)
  void environment.owners.put(key, sealOwner(key, { epoch, owner }))
  // Before it is committed: whoever asks meanwhile must not remember the owner before. A transaction that fails forgets it again.
  environment.knownOwners.set(shard, { epoch, owner })
}

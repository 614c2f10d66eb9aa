// Who owns which shard: claims by compare-and-set on the epoch, releases, and the list.
import type { Claimant, ShardGrant, ShardOwnership } from '../store.js'
import { int4Array, int8Array } from './binary-array.js'
import { numberIn, textIn, textOrNullIn } from './columns.js'
import type { Database, Row } from './database.js'

const arraysOf = (grants: readonly ShardGrant[]): [Buffer, Buffer] => [
  int4Array(grants.map(({ shard }) => shard)),
  int8Array(grants.map(({ epoch }) => epoch)),
]

function ownerIn(row: Row): Claimant | null {
  const nodeId = textOrNullIn(row, 'node_id')
  return nodeId === null ? null : { nodeId, boot: textIn(row, 'boot') }
}

export async function readOwnership(database: Database): Promise<readonly ShardOwnership[]> {
  const rows = await database.read('control', 'SELECT shard, epoch, node_id, boot FROM weft.shard_owner WHERE epoch > 0 ORDER BY shard')
  return rows.map((row) => ({ shard: numberIn(row, 'shard'), epoch: numberIn(row, 'epoch'), owner: ownerIn(row) }))
}

export async function claimShards(database: Database, claimant: Claimant, seen: readonly ShardGrant[]): Promise<readonly ShardGrant[]> {
  const rows = await database.run('control', 'SELECT shard, epoch FROM weft.claim_shards($1, $2, $3, $4) ORDER BY shard', [
    claimant.nodeId,
    claimant.boot,
    ...arraysOf(seen),
  ])
  return rows.map((row) => ({ shard: numberIn(row, 'shard'), epoch: numberIn(row, 'epoch') }))
}

export async function releaseShards(database: Database, claimant: Claimant, grants: readonly ShardGrant[]): Promise<void> {
  await database.run('control', 'SELECT weft.release_shards($1, $2, $3)', [claimant.boot, ...arraysOf(grants)])
}

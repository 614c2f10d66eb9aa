// Who owns which shard: claims by compare-and-set on the epoch, releases, and the list.
import { assert } from '../../core/assert.js'
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

// One row that says nothing of shards if all is as it was. A claim adds one to an epoch, a release takes away an owner and no epoch: so
// within one life of the server the two numbers never come back to what they were, and are the same only while nothing has changed. A
// failover may have lost claims.
const READ_OWNERSHIP = `
  WITH present AS MATERIALIZED (SELECT sum(epoch)::bigint AS epochs, count(boot) AS owned, weft.server_life() AS life FROM weft.shard_owner)
  SELECT present.*, o.shard, o.epoch, o.node_id, o.boot
  FROM present LEFT JOIN weft.shard_owner o ON o.epoch > 0 AND (present.epochs <> $1 OR present.owned <> $2 OR present.life <> $3)
  ORDER BY o.shard`

/** Who owns which shard, read anew only when something has changed: every node looks several times a second. */
export class OwnershipReader {
  #last: readonly ShardOwnership[] = []
  #seen = [0, 0, 0]

  async read(database: Database): Promise<readonly ShardOwnership[]> {
    const asked = this.#seen
    const rows = await database.read('control', READ_OWNERSHIP, asked)
    const [first] = rows
    assert(first !== undefined, 'there is always a row')
    const present = [numberIn(first, 'epochs'), numberIn(first, 'owned'), numberIn(first, 'life')]
    if (present.every((value, index) => value === asked[index])) return this.#last
    this.#seen = present
    this.#last = rows
      .filter((row) => row['shard'] !== null)
      .map((row) => ({ shard: numberIn(row, 'shard'), epoch: numberIn(row, 'epoch'), owner: ownerIn(row) }))
    return this.#last
  }
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

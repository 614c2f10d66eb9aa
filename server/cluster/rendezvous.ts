// Rendezvous hashing: every node ranks every shard by itself and comes to the same answer, and a node that joins or leaves moves only its
// own share.

/** 32-bit mix of a node id and a shard: FNV-1a over both, then the finalizer of MurmurHash3, since FNV alone spreads near inputs poorly. */
function weight(nodeId: string, shard: number): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < nodeId.length; index++) hash = Math.imul(hash ^ nodeId.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (shard & 0xff), 0x01000193)
  hash = Math.imul(hash ^ (shard >>> 8), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The node that should own a shard: the one with the highest weight, the smaller id if two are equal. Null without nodes. */
export function rendezvousWinner(shard: number, nodeIds: Iterable<string>): string | null {
  let winner: string | null = null
  let best = -1
  for (const nodeId of nodeIds) {
    const own = weight(nodeId, shard)
    if (own > best || (own === best && winner !== null && nodeId < winner)) {
      winner = nodeId
      best = own
    }
  }
  return winner
}

/** The winners of all shards, worked out anew only when the nodes change: several looks a second ask for them. */
export class RendezvousWinners {
  readonly #shardCount: number
  #nodeIds = ''
  #winners: readonly (string | null)[] = []

  constructor(shardCount: number) {
    this.#shardCount = shardCount
  }

  /** The winner of each shard. */
  among(nodeIds: readonly string[]): readonly (string | null)[] {
    const key = JSON.stringify(nodeIds)
    if (key !== this.#nodeIds) {
      this.#nodeIds = key
      this.#winners = Array.from({ length: this.#shardCount }, (_, shard) => rendezvousWinner(shard, nodeIds))
    }
    return this.#winners
  }
}

// Who is in the cluster: the contract between the cluster code and whatever keeps the heartbeats (PostgreSQL, or memory in simulations).
// All times are of the store's clock, never of a node's: nodes with wrong clocks must agree on who is alive.

/** What a node says about itself. `nodeId` names the machine's place in the cluster, `boot` one start of its process. */
export interface NodeSelf {
  readonly nodeId: string
  readonly boot: string
  /** host:port that other nodes can reach. */
  readonly advertise: string
  readonly version: string
  /** On its way out: takes no new shards. */
  readonly draining: boolean
}

export interface NodeRow extends NodeSelf {
  /** Of this boot; milliseconds since the Unix epoch. */
  readonly startedAt: number
  /** Milliseconds since its last heartbeat. Who is alive is for the reader to decide: rows stay until their node leaves, or for a day. */
  readonly ageMs: number
}

export interface Heartbeat {
  /** Milliseconds since the Unix epoch. */
  readonly now: number
  /**
   * All nodes on record, ordered by node id. The row of this node's id has this boot, unless a later boot of the same node id took it over:
   * then this process has been replaced and must stop acting as a member.
   */
  readonly nodes: readonly NodeRow[]
}

export interface MembershipStore {
  /**
   * Records that this node lives and answers who else does, in one step. The first heartbeat of a boot takes over the row of an earlier
   * one.
   */
  heartbeat(self: NodeSelf): Promise<Heartbeat>
  /** Takes this boot's row away. Harmless if it is not there. */
  leave(self: NodeSelf): Promise<void>
  /**
   * The store has not answered for too long. Whatever this process asked of it, of documents too, fails soon instead of being waited for,
   * and what is asked next goes over connections of its own: the old ones may be dead without anybody having said so. Nothing is undone by
   * it.
   */
  reconnect(): void
}

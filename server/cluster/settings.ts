// The times of the cluster. `quarantineAfterMs` lies well under `deadAfterMs`, so that a node stops by itself before anybody takes its
// shards; even if it did not, the store would refuse its appends.

export interface ClusterSettings {
  /** Between two heartbeats, start to start. */
  readonly heartbeatPeriodMs: number
  /** A node whose last heartbeat is older than this, by the store's clock, is dead to the others. */
  readonly deadAfterMs: number
  /** A node that could not confirm a heartbeat for this long, by its own monotonic clock, stops acting as owner. */
  readonly quarantineAfterMs: number
  /**
   * After the store was away for longer than that, nodes that were alive before it are not taken for dead for this long: it was away for
   * them too, and they need a heartbeat to show that they live.
   */
  readonly returnGraceMs: number
  /** Between two looks at who owns what: while everything is settled, and while something is about to move. */
  readonly settledTickMs: number
  readonly movingTickMs: number
  /** Shards that one node hands over in one look. */
  readonly releasesPerTick: number
}

export const defaultClusterSettings: ClusterSettings = {
  heartbeatPeriodMs: 500,
  deadAfterMs: 3_000,
  quarantineAfterMs: 2_000,
  returnGraceMs: 1_000,
  settledTickMs: 1_000,
  movingTickMs: 100,
  releasesPerTick: 64,
}

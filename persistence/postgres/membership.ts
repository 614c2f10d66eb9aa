// Membership in PostgreSQL: one row per node. A heartbeat writes the node's own row and reads all of them, in one statement and in database
// time.
import { assert } from '../../core/assert.js'
import type { Heartbeat, MembershipStore, NodeRow, NodeSelf } from '../membership.js'
import { numberIn, textIn } from './columns.js'
import type { Database } from './database.js'

const FORGET_AFTER_MS = 24 * 3_600_000

// A data-modifying WITH and its outer SELECT see the same snapshot, so the own row is taken from the write and the others from the table.
// Only a boot's first heartbeat ($6) may replace the row of another boot; when a later one finds another boot there, it reads that row
// instead. Rows of nodes that never said goodbye are dropped after a day.
const HEARTBEAT = `
  WITH forgotten AS (
    DELETE FROM weft.node WHERE heartbeat_at < weft.now_ms() - ${FORGET_AFTER_MS} AND node_id <> $1
  ), self AS (
    INSERT INTO weft.node AS node (node_id, boot, advertise, version, draining, started_at, heartbeat_at)
    VALUES ($1, $2, $3, $4, $5, weft.now_ms(), weft.now_ms())
    ON CONFLICT (node_id) DO UPDATE SET
      boot = excluded.boot, advertise = excluded.advertise, version = excluded.version, draining = excluded.draining,
      started_at = CASE WHEN node.boot = excluded.boot THEN node.started_at ELSE excluded.started_at END,
      heartbeat_at = excluded.heartbeat_at
      WHERE node.boot = excluded.boot OR $6
    RETURNING *
  ), nodes AS (
    SELECT * FROM self UNION ALL SELECT * FROM weft.node WHERE node_id <> $1 OR NOT EXISTS (SELECT FROM self)
  )
  SELECT nodes.*, weft.now_ms() AS now FROM nodes ORDER BY node_id`

const LEAVE = 'DELETE FROM weft.node WHERE node_id = $1 AND boot = $2'

export class PostgresMembership implements MembershipStore {
  readonly #database: Database
  /** The boots that have a row, or had one until somebody replaced it. */
  readonly #registered = new Set<string>()

  constructor(database: Database) {
    this.#database = database
  }

  async heartbeat(self: NodeSelf): Promise<Heartbeat> {
    const values = [self.nodeId, self.boot, self.advertise, self.version, self.draining, !this.#registered.has(self.boot)]
    const rows = await this.#database.run('control', HEARTBEAT, values)
    this.#registered.add(self.boot)
    const [first] = rows
    assert(first !== undefined, 'a heartbeat answers at least the row of its node id')
    const now = numberIn(first, 'now')
    const nodes = rows.map(
      (row): NodeRow => ({
        nodeId: textIn(row, 'node_id'),
        boot: textIn(row, 'boot'),
        advertise: textIn(row, 'advertise'),
        version: textIn(row, 'version'),
        draining: row['draining'] === true,
        startedAt: numberIn(row, 'started_at'),
        ageMs: Math.max(0, now - numberIn(row, 'heartbeat_at')),
      }),
    )
    return { now, nodes }
  }

  async leave(self: NodeSelf): Promise<void> {
    await this.#database.run('control', LEAVE, [self.nodeId, self.boot])
  }

  reconnect(): void {
    this.#database.reconnect()
  }
}

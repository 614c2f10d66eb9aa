// Membership in memory, for simulations and tests: several nodes share one MemoryMembershipTable, as several processes share a database.
import type { Clock } from '../../core/clock.js'
import type { Heartbeat, MembershipStore, NodeRow, NodeSelf } from '../membership.js'

interface Recorded extends NodeSelf {
  readonly startedAt: number
  readonly heartbeatAt: number
}

export class MemoryMembershipTable {
  readonly rows = new Map<string, Recorded>()
}

export class MemoryMembership implements MembershipStore {
  readonly #clock: Clock
  readonly #table: MemoryMembershipTable
  readonly #registered = new Set<string>()

  /** `clock` plays the database's clock: give all nodes the same one. */
  constructor(options: { readonly clock: Clock; readonly table?: MemoryMembershipTable }) {
    this.#clock = options.clock
    this.#table = options.table ?? new MemoryMembershipTable()
  }

  async heartbeat(self: NodeSelf): Promise<Heartbeat> {
    const now = this.#clock.now()
    const { nodeId, boot, advertise, version, draining } = self
    const known = this.#table.rows.get(nodeId)
    const mayWrite = known === undefined || known.boot === boot || !this.#registered.has(boot)
    this.#registered.add(boot)
    const startedAt = known?.boot === boot ? known.startedAt : now
    if (mayWrite) this.#table.rows.set(nodeId, { nodeId, boot, advertise, version, draining, startedAt, heartbeatAt: now })
    const nodes = [...this.#table.rows.values()]
      .map(({ heartbeatAt, ...row }): NodeRow => ({ ...row, ageMs: Math.max(0, now - heartbeatAt) }))
      .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
    return { now, nodes }
  }

  async leave(self: NodeSelf): Promise<void> {
    if (this.#table.rows.get(self.nodeId)?.boot === self.boot) this.#table.rows.delete(self.nodeId)
  }

  reconnect(): void {
    // Memory always answers.
  }
}

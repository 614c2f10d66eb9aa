// What a node is started from, and what comes of it, alone or in a cluster.
import type { Counters } from '../../core/counters.js'
import type { MemoryBudget } from '../../core/memory-budget.js'
import type { KeyedRecords } from '../../persistence/keyed-records.js'
import type { AccessControl } from '../access/access-control.js'
import { type AuditTrail, auditedAuthorize } from '../access/audit-trail.js'
import type { Authorization, AuthorizeRequest } from '../access/authorize.js'
import { ContainedCompactor } from '../document/compactor/contained-compactor.js'
import { EventLoopLoad } from '../document/event-loop-load.js'
import type { PresenceRegistry } from '../presence/presence-registry.js'
import type { Component } from './life-cycle.js'
import type { NodeOptions, ServerNode } from './node.js'

/** What every node is made of, before its store is known. */
export type NodeBase = Omit<
  NodeOptions,
  'store' | 'compactor' | 'bus' | 'cluster' | 'authorize' | 'sessions' | 'closeSessions' | 'busyness'
> & {
  readonly access: AccessControl
  /** Null: nobody asked for one. */
  readonly audit: AuditTrail | null
  readonly counters: Counters
  readonly budget: MemoryBudget
}

export interface StartedNode {
  readonly node: ServerNode
  readonly presence: PresenceRegistry
  /** Whether cursors cross to other nodes now. */
  readonly crossesNodes: () => boolean
  /** Stops the node, its clients' closes spread over up to `windowMs`, and then what it stands on. Rejects with the first step that failed, when all are taken. */
  stop(windowMs: number): Promise<void>
}

/** `shared`: other nodes write these records, too. */
export function accessComponent({ access, resumptions }: NodeBase, records: KeyedRecords, shared: boolean): Component {
  const start = async (): Promise<void> => {
    await access.start(records, shared)
    await resumptions?.start(records)
  }
  return { name: 'access control', start, stop: () => access.stop() }
}

/** What a node is given of a base, whatever it stands on. */
export function nodeOptionsOf(base: NodeBase): Omit<NodeOptions, 'store'> {
  const { access, audit, clock, limits, budget } = base
  const authorize = (request: AuthorizeRequest): Promise<Authorization> => access.authorize(request)
  return {
    ...base,
    authorize: audit === null ? authorize : auditedAuthorize(authorize, audit, clock),
    sessions: access.sessions,
    closeSessions: (documentId) => access.revocations.closeDocument(documentId),
    busyness: new EventLoopLoad(clock).busyness,
    compactor: new ContainedCompactor({
      clock,
      compactionBytesMax: limits.compactionBytesMax,
      account: budget.account('compaction'),
    }),
  }
}

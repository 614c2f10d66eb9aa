// What the metrics say of a server at the moment.
import { type MemoryBudget, memoryAccountNames } from '../../core/memory-budget.js'
import type { SessionRegistry } from '../access/session-registry.js'
import type { Gauge } from '../api/routes/metrics.js'
import type { ServerNode } from './node.js'
import type { StartedNode } from './started-node.js'

export interface Gauged {
  readonly node: () => ServerNode | null
  readonly started: () => StartedNode | null
  readonly budget: MemoryBudget
  readonly sessions: SessionRegistry
}

export function serverGauges({ node, started, budget, sessions }: Gauged): readonly Gauge[] {
  return [
    { name: 'connections', help: 'Open connections.', read: () => node()?.gateway.connectionCount ?? 0 },
    {
      name: 'lagging_sessions',
      help: 'Sessions that take too little to be sent anything new now.',
      read: () => node()?.gateway.laggingSessions ?? 0,
    },
    { name: 'waiting_bytes', help: 'Bytes that wait for clients to take them.', read: () => node()?.gateway.waitingBytes ?? 0 },
    { name: 'open_documents', help: 'Documents in memory that this node owns.', read: () => node()?.documents.openDocuments ?? 0 },
    { name: 'redis_connected', help: 'Whether cursors cross to other nodes.', read: () => (started()?.crossesNodes() === true ? 1 : 0) },
    { name: 'owned_shards', help: 'Shards that this node owns, of 1024.', read: () => node()?.ownership.ownedShards ?? 0 },
    {
      name: 'webhooks_waiting',
      help: 'Documents and events of which an address is still to be told.',
      read: () => node()?.webhooks.waiting ?? 0,
    },
    { name: 'nodes_alive', help: 'Nodes of the cluster that are alive, this one included.', read: () => node()?.ownership.nodesAlive ?? 0 },
    ...memoryGauges(budget),
    { name: 'sessions', help: 'Clients on documents: one for each document that a connection has open.', read: () => sessions.size },
  ]
}

const accountHelp = {
  documents: 'open documents and their indexes',
  pending: 'edits that are not committed yet',
  outboxes: 'what clients have yet to take',
  received: 'frames that are not handled yet',
  answers: 'HTTP answers that are not taken yet',
  compaction: 'compactions that wait or run',
  history: 'documents of earlier moments that are put together',
} as const

function memoryGauges(budget: MemoryBudget): readonly Gauge[] {
  return [
    ...memoryAccountNames.map((name) => ({
      name: `memory_${name}_bytes`,
      help: `Counted against the memory budget: ${accountHelp[name]}.`,
      read: () => budget.account(name).bytes,
    })),
    { name: 'memory_counted_bytes', help: 'All that is counted against the memory budget.', read: () => budget.bytes },
    { name: 'memory_budget_bytes', help: 'The memory budget, memoryBytesMax.', read: () => budget.bytesMax },
  ]
}

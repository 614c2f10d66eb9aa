// What a server is made of.
import type { WeftError } from '../../core/errors.js'
import type { NodeGatekeeper } from '../access/node-credentials.js'
import type { StaticFile } from '../api/routes/static-files.js'
import type { AuditLog } from '../logging/audit-log.js'
import type { LiveSettings } from './live-settings.js'
import type { OperatorNotes } from './operator-desk.js'
import type { NodeBase, StartedNode } from './started-node.js'

/** Brings up the node of a server. `url`: where the server listens; `waiting` is told what for, in words for strangers; `cancelled` ends it. */
export type StartNode = (url: string, waiting: (reason: string) => void, cancelled: AbortSignal) => Promise<StartedNode>

export interface ServerParts {
  readonly live: LiveSettings
  readonly base: NodeBase
  readonly audit: AuditLog | null
  readonly files: ReadonlyMap<string, StaticFile>
  readonly adminFiles: ReadonlyMap<string, StaticFile>
  /** What operators are shown of what happens. */
  readonly notes: OperatorNotes
  /** Lets other nodes in; null for a server that is alone. */
  readonly gatekeeper: NodeGatekeeper | null
  readonly version: string
  readonly startNode: StartNode
  readonly onFatal: (error: WeftError) => void
}

// What all owners of a process share.
import type { EditTraces } from '../../core/edit-traces.js'
import type { Limits } from '../../core/limits.js'
import type { MemoryBudget } from '../../core/memory-budget.js'
import type { Random } from '../../core/random.js'
import type { CompactionEnvironment } from './compaction-cycle.js'
import type { LogWriter } from './log-writer.js'
import type { Quotas } from './quotas.js'
import type { ProcessPressure } from './view/back-pressure.js'
import type { Busyness } from './view/pace.js'

/** Whether a beat leaves after its commit (D2), or before it. Acknowledgements always wait for the commit. */
export type BroadcastOrder = 'after-commit' | 'before-commit'

export interface OwnerEnvironment extends CompactionEnvironment {
  readonly random: Random
  readonly limits: Limits
  readonly budget: MemoryBudget
  readonly writer: LogWriter
  readonly pressure: ProcessPressure
  readonly broadcast: BroadcastOrder
  readonly busyness: Busyness
  /** Null: there are none. */
  readonly quotas: Quotas | null
  /** Whether an edit may bear only client ids that are new to its document, or of its own user. Default: it may bear any. */
  readonly bindClientIds?: boolean
  /** Follows some edits. Default: none. */
  readonly traces?: EditTraces | null
}

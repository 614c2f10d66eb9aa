// What all owners of a process share.
import type { Clock } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import type { EditTraces } from '../../core/edit-traces.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import type { MemoryBudget } from '../../core/memory-budget.js'
import type { Random } from '../../core/random.js'
import type { DocumentStore } from '../../persistence/store.js'
import type { Compactor } from './compaction.js'
import type { LogWriter } from './log-writer.js'
import type { Quotas } from './quotas.js'
import type { DocumentTuning } from './tuning.js'
import type { ProcessPressure } from './view/back-pressure.js'
import type { Busyness } from './view/pace.js'

/** Whether a beat leaves after its commit (D2), or before it. Acknowledgements always wait for the commit. */
export type BroadcastOrder = 'after-commit' | 'before-commit'

export interface OwnerEnvironment {
  readonly store: DocumentStore
  readonly compactor: Compactor
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly counters: Counters
  readonly tuning: DocumentTuning
  readonly limits: Limits
  readonly budget: MemoryBudget
  readonly writer: LogWriter
  readonly pressure: ProcessPressure
  readonly broadcast: BroadcastOrder
  /** Whether deleted content of this document is kept. */
  readonly keepDeleted: (documentId: string) => boolean
  readonly busyness: Busyness
  /** Null: there are none. */
  readonly quotas: Quotas | null
  /** Whether an edit may bear only client ids that are new to its document, or of its own user. Default: it may bear any. */
  readonly bindClientIds?: boolean
  /** Follows some edits. Default: none. */
  readonly traces?: EditTraces | null
}

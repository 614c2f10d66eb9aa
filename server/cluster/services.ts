// What the parts of a node's cluster side are all given.
import type { Clock } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import type { EditTraces } from '../../core/edit-traces.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import type { MemoryBudget } from '../../core/memory-budget.js'
import type { Random } from '../../core/random.js'
import type { Busyness, Pace } from '../document/view/pace.js'

export interface ClusterServices {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly counters: Counters
  readonly limits: Limits
  /** Replicas, and what sessions keep until it is acknowledged, count into it. */
  readonly budget: MemoryBudget
  /** How often the documents of other nodes are broadcast to the sessions here. */
  readonly pace: Pace
  readonly busyness: Busyness
  /** Follows some edits. Default: none. */
  readonly traces?: EditTraces | null
}

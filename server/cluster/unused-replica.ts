// When a replica that nobody uses is given up.
import type { Clock, Timer } from '../../core/clock.js'
import type { MemoryBudget } from '../../core/memory-budget.js'

export interface UnusedReplicaOptions {
  readonly clock: Clock
  readonly budget: MemoryBudget
  readonly idleMs: number
  readonly isUnused: () => boolean
  readonly isEmpty: () => boolean
  readonly giveUp: () => void
}

export class UnusedReplica {
  readonly #options: UnusedReplicaOptions
  #timer: Timer | null = null

  constructor(options: UnusedReplicaOptions) {
    this.#options = options
  }

  /** Somebody has come, or it is over. Idempotent. */
  cancel(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  /** Somebody has left, or was answered. */
  check(): void {
    const { clock, budget, idleMs, isUnused, isEmpty, giveUp } = this.#options
    if (this.#timer !== null || !isUnused()) return
    // Of what holds nothing nothing is kept, and near the bound of memory of nothing else either (G8).
    const keepMs = isEmpty() || budget.level !== 'calm' ? 0 : idleMs
    this.#timer = clock.after(
      keepMs,
      () => {
        this.#timer = null
        if (isUnused()) giveUp()
      },
      { unref: true },
    )
  }
}

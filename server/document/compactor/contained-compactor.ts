// Compaction off the event loop, so that no document can do harm by being compacted: what it will cost is told from its bytes first. What
// costs little is done in a thread; what may cost much in a process of its own, bounded in memory and time; what would cost more than that
// is not begun.
import type { Clock } from '../../../core/clock.js'
import { WeftError } from '../../../core/errors.js'
import type { MemoryAccount } from '../../../core/memory-budget.js'
import { type CompactionInput, type CompactionResult, type Compactor, findPoison } from '../compaction.js'
import { type CostBounds, exceeds } from './cost.js'
import { CompactionLane, requestBytes } from './lane.js'
import type { CompactionAnswer } from './place.js'
import { CompactionProcess } from './process.js'
import { CompactionThread } from './thread.js'

export interface ContainedCompactorOptions {
  readonly clock: Clock
  /** What one compaction may take, in a process of its own. */
  readonly compactionBytesMax: number
  /** What may be begun in a thread. */
  readonly threadBounds?: CostBounds
  /** Told of what compactions hold in this process. */
  readonly account: MemoryAccount
}

const MiB = 1024 * 1024
/** Well under the limit of the thread, which ends the whole process if it is passed by one large piece. */
const THREAD_BOUNDS: CostBounds = { memoryBytes: 256 * MiB, ms: 3_000 }
const THREAD_HEAP_BYTES_MAX = 1024 * MiB
/** Larger ones are not even looked at in the thread. */
const THREAD_REQUEST_BYTES_MAX = 16 * MiB
const THREAD_IDLE_MS = 10_000
const PROCESS_MS_MAX = 60_000

export class ContainedCompactor implements Compactor {
  readonly #threadBounds: CostBounds
  readonly #processBounds: CostBounds
  readonly #thread: CompactionLane
  readonly #process: CompactionLane

  constructor({ clock, compactionBytesMax, account, threadBounds = THREAD_BOUNDS }: ContainedCompactorOptions) {
    this.#threadBounds = threadBounds
    this.#processBounds = { memoryBytes: compactionBytesMax, ms: PROCESS_MS_MAX }
    this.#thread = new CompactionLane({ clock, account, idleMs: THREAD_IDLE_MS, start: () => new CompactionThread(THREAD_HEAP_BYTES_MAX) })
    this.#process = new CompactionLane({ clock, account, idleMs: 0, start: () => new CompactionProcess(compactionBytesMax) })
  }

  async compact(input: CompactionInput): Promise<CompactionResult> {
    const answer = await this.#ask(input)
    switch (answer.kind) {
      case 'compacted':
        return { outcome: 'compacted', state: answer.state, gained: answer.gained, index: answer.index, counts: answer.counts }
      case 'failed':
        throw new WeftError('internal', answer.reason)
      case 'too-costly':
        return { outcome: 'too-costly', ...answer.cost }
      case 'unappliable': {
        const poison = await findPoison(input, async (part) => {
          const partial = await this.#ask(part)
          if (partial.kind === 'compacted') return null
          if (partial.kind === 'unappliable') return partial.reason
          throw new WeftError(
            'internal',
            partial.kind === 'failed' ? partial.reason : 'The part of a document that is looked at costs too much.',
          )
        })
        return { outcome: 'poisoned', ...poison }
      }
    }
  }

  /** Ends what runs; what waits or runs is rejected. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([this.#thread.close(), this.#process.close()])
  }

  async #ask(input: CompactionInput): Promise<CompactionAnswer> {
    const bounds = this.#threadBounds
    if (requestBytes({ input, bounds }) <= THREAD_REQUEST_BYTES_MAX) {
      const answer = await this.#thread.run({ input, bounds })
      if (answer.kind !== 'too-costly' || exceeds(answer.cost, this.#processBounds)) return answer
    }
    return this.#process.run({ input, bounds: this.#processBounds })
  }
}

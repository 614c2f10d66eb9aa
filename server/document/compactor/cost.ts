// What a compaction would cost, told from the bytes that go into it. Decided before anything is decoded.
import { inspectUpdate, storedBounds } from '../../../protocol/updates/inspect.js'
import type { CompactionInput } from '../compaction.js'

export interface CompactionCost {
  /** Memory at its highest, the bytes that go in not counted. */
  readonly memoryBytes: number
  /** Processor time. */
  readonly ms: number
}

/** What a place where compactions run can take. */
export type CostBounds = CompactionCost

/** Bytes that do not parse cost nothing: compacting them will say so. */
export function compactionCost({ base, tail }: CompactionInput): CompactionCost {
  let memoryBytes = 0
  let ms = 0
  for (const update of base === null ? tail : [base, ...tail]) {
    try {
      const { structCount } = inspectUpdate(update, storedBounds)
      memoryBytes += update.length * 3 + structCount * 350
      ms += structCount * 0.002
    } catch {}
  }
  return { memoryBytes, ms }
}

export function exceeds(cost: CompactionCost, bounds: CostBounds): boolean {
  return cost.memoryBytes > bounds.memoryBytes || cost.ms > bounds.ms
}

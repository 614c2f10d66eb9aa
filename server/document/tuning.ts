// What an operator may tune about open documents, and the defaults.
import type { RetentionPolicy } from '../../persistence/store.js'
import type { Pace } from './view/pace.js'

export interface DocumentTuning extends Pace {
  /** A document without sessions stays in memory this long. */
  readonly idleMs: number
  /** A tail of this many rows is compacted. */
  readonly tailRowsMax: number
  /** A tail of this many bytes is compacted, once it is also `tailToBaseRatio` times the base. */
  readonly tailBytesMin: number
  readonly tailToBaseRatio: number
  /** A document that goes idle is compacted if its tail has at least this many rows, or is `idleTailToBaseRatio` times the base. */
  readonly idleTailRowsMin: number
  readonly idleTailToBaseRatio: number
  /** Pause after a compaction that failed; doubled each time, up to an hour. */
  readonly compactionRetryMs: number
  readonly retention: RetentionPolicy
}

const DAY_MS = 24 * 3_600_000

export const defaultTuning: DocumentTuning = {
  idleMs: 60_000,
  paceMsMin: 16,
  paceMsMax: 42,
  tailRowsMax: 1_000,
  tailBytesMin: 64 * 1024,
  tailToBaseRatio: 0.5,
  idleTailRowsMin: 10,
  idleTailToBaseRatio: 0.1,
  compactionRetryMs: 30_000,
  retention: { logWindowMs: 7 * DAY_MS, hourlySnapshots: 24, dailySnapshots: 30 },
}

// How often to commit: the pace of one document by its session count, and the process-wide beat by the measured rate of rows.

const QUIET_SESSIONS_MAX = 7
const CROWDED_SESSIONS = 250

/** Milliseconds between two broadcasts of a document: with eight sessions, and with 250 or more. */
export interface Pace {
  readonly paceMsMin: number
  readonly paceMsMax: number
}

/** Milliseconds between two broadcasts of a document with this many sessions: 0 (at once) when few, then rising with their number. */
export function documentPeriodMs(sessionCount: number, { paceMsMin, paceMsMax }: Pace): number {
  if (sessionCount <= QUIET_SESSIONS_MAX) return 0
  const crowding = Math.min(1, (sessionCount - QUIET_SESSIONS_MAX) / (CROWDED_SESSIONS - QUIET_SESSIONS_MAX))
  return paceMsMin + crowding * (paceMsMax - paceMsMin)
}

const BUSY_ROWS_PER_SECOND = 150
const SATURATED_ROWS_PER_SECOND = 1_000
const BEAT_MIN_MS = 2
const BEAT_MAX_MS = 5

/**
 * Milliseconds between the starts of two commits of the process. Below some 150 rows a second each commit may run at once; above it commits
 * are shared. The rate counts rows, not commits, so sharing them does not lower it and the beat does not swing.
 */
export function commitPeriodMs(rowsPerSecond: number): number {
  if (rowsPerSecond < BUSY_ROWS_PER_SECOND) return 0
  const load = Math.min(1, (rowsPerSecond - BUSY_ROWS_PER_SECOND) / (SATURATED_ROWS_PER_SECOND - BUSY_ROWS_PER_SECOND))
  return BEAT_MIN_MS + load * (BEAT_MAX_MS - BEAT_MIN_MS)
}

const RATE_WINDOW_MS = 500

/** Rows per second as an exponentially decaying average over about half a second. */
export class RowRate {
  #weight = 0
  #at = 0

  /** `now`: the monotonic clock, milliseconds. */
  record(rows: number, now: number): void {
    this.#weight = this.#decayed(now) + rows
    this.#at = now
  }

  perSecond(now: number): number {
    return (this.#decayed(now) * 1000) / RATE_WINDOW_MS
  }

  #decayed(now: number): number {
    return this.#weight * Math.exp((this.#at - now) / RATE_WINDOW_MS)
  }
}

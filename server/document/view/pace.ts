// How often to commit and to broadcast. While the process has time to spare an edit leaves at once; beats lengthen as it fills: those of one
// document with what its broadcasts cost, those of the process with the measured rate of rows.

const QUIET_SESSIONS_MAX = 7
const CROWDED_SESSIONS = 250

/** Milliseconds between two broadcasts of a document at most: with eight sessions, and with 250 or more. */
export interface Pace {
  readonly paceMsMin: number
  readonly paceMsMax: number
}

/** How much of its time this process uses: from 0, where it has time to spare, to 1, where it has none. */
export type Busyness = () => number

/** Milliseconds between two broadcasts of a document with this many sessions: 0 (at once) when few, then rising with their number. */
export function documentPeriodMs(sessionCount: number, { paceMsMin, paceMsMax }: Pace): number {
  if (sessionCount <= QUIET_SESSIONS_MAX) return 0
  const crowding = Math.min(1, (sessionCount - QUIET_SESSIONS_MAX) / (CROWDED_SESSIONS - QUIET_SESSIONS_MAX))
  return paceMsMin + crowding * (paceMsMax - paceMsMin)
}

/** So many messages a second one document may cause without spreading its broadcasts, in a process that has nothing else to do. */
const MESSAGES_PER_SECOND = 4_000
/** So many milliseconds' worth of them may leave one after the other. */
const BURST_MS = 100

/** When one document may broadcast next. */
export class DocumentPace {
  #lastAt = Number.NEGATIVE_INFINITY
  /** When its broadcasts are paid for. */
  #paidAt = Number.NEGATIVE_INFINITY

  /** Monotonic milliseconds, not before `now`. */
  dueAt(now: number, sessionCount: number, pace: Pace): number {
    return Math.max(now, Math.min(this.#lastAt + documentPeriodMs(sessionCount, pace), this.#paidAt - BURST_MS))
  }

  /** A broadcast to `sessionCount` sessions leaves now. `busy` is what the process's `Busyness` answers. */
  broadcast(now: number, sessionCount: number, pace: Pace, busy: number): void {
    this.#lastAt = now
    const costMs = (sessionCount * 1000) / MESSAGES_PER_SECOND / Math.max(0, 1 - busy)
    // A debt that can never be paid is forgotten: nobody waits longer than the period.
    this.#paidAt = Math.min(Math.max(this.#paidAt, now) + costMs, now + BURST_MS + documentPeriodMs(sessionCount, pace))
  }
}

const BUSY_ROWS_PER_SECOND = 150
const SATURATED_ROWS_PER_SECOND = 1_000
const BEAT_MIN_MS = 2
const BEAT_MAX_MS = 5
/** Of its time a store that others use as well is left alone: as long as a commit took. */
const COMMIT_SHARE = 2

/**
 * Milliseconds between the starts of two commits of the process. Below some 150 rows a second each commit may run at once; above it commits are
 * shared, the more the busier the process is, or the longer a store takes that is not ours alone (`commitMs`; 0 for one that is). The rate counts rows, not commits, so sharing them
 * does not lower it and the beat does not swing.
 */
export function commitPeriodMs(rowsPerSecond: number, busy: number, commitMs: number): number {
  if (rowsPerSecond < BUSY_ROWS_PER_SECOND) return 0
  const load = Math.min(1, (rowsPerSecond - BUSY_ROWS_PER_SECOND) / (SATURATED_ROWS_PER_SECOND - BUSY_ROWS_PER_SECOND))
  const beatMs = BEAT_MIN_MS + load * (BEAT_MAX_MS - BEAT_MIN_MS)
  return Math.min(beatMs, Math.max(busy * beatMs, COMMIT_SHARE * commitMs))
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

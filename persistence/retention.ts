// What pruning may remove from one document (H3): a pure policy, shared by all stores, so that it is decided and tested in one place.
import type { RetentionPolicy } from './store.js'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export interface SnapshotOutline {
  readonly seq: number
  /** Milliseconds since the Unix epoch. */
  readonly savedAt: number
  /** A version: somebody asked for it to stay. */
  readonly kept: boolean
}

/** A document as far as pruning needs to see it. */
export interface HistoryOutline {
  /** The readable snapshots, versions among them, in rising order of their seqs. */
  readonly snapshots: readonly SnapshotOutline[]
  /** The seq that was the head when the window began: the last one committed at or before `now - logWindowMs`, 0 if none was. */
  readonly seqAtWindowStart: number
}

export interface PrunePlan {
  /** Log rows up to this seq go; 0 means none. */
  readonly removeLogThrough: number
  /** Seqs of the snapshots that go, rising. */
  readonly removeSnapshots: readonly number[]
}

/**
 * Decides what may go. What stays readable afterwards: every seq from the one that was current when the window began; every version and
 * every snapshot that the policy counts, at its own seq; and the head from the newest snapshot as well as from the second-newest, should
 * the newest turn out to be unreadable.
 */
export function planPrune(outline: HistoryOutline, policy: RetentionPolicy): PrunePlan {
  const { snapshots, seqAtWindowStart } = outline
  const windowBase = snapshots.findLast((snapshot) => snapshot.seq <= seqAtWindowStart)
  const fallback = snapshots.at(-2)
  // With a single snapshot the whole log is its fallback.
  const removeLogThrough = windowBase === undefined || fallback === undefined ? 0 : Math.min(windowBase.seq, fallback.seq)

  const needed = new Set<number>(snapshots.slice(-2).map((snapshot) => snapshot.seq))
  if (windowBase !== undefined) needed.add(windowBase.seq)
  for (const snapshot of snapshots) if (snapshot.kept || snapshot.seq === removeLogThrough) needed.add(snapshot.seq)
  for (const seq of newestPerPeriod(snapshots, HOUR_MS, policy.hourlySnapshots)) needed.add(seq)
  for (const seq of newestPerPeriod(snapshots, DAY_MS, policy.dailySnapshots)) needed.add(seq)

  return { removeLogThrough, removeSnapshots: snapshots.map((snapshot) => snapshot.seq).filter((seq) => !needed.has(seq)) }
}

/** The newest snapshot of each of the last `count` periods that have one. */
function newestPerPeriod(snapshots: readonly SnapshotOutline[], periodMs: number, count: number): number[] {
  const seqs: number[] = []
  const seen = new Set<number>()
  for (const snapshot of snapshots.toReversed()) {
    const period = Math.floor(snapshot.savedAt / periodMs)
    if (seen.has(period)) continue
    if (seen.size === count) break
    seen.add(period)
    seqs.push(snapshot.seq)
  }
  return seqs
}

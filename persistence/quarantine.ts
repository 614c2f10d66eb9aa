// When a quarantine that was stored still holds (D8), decided in one place for all stores.
import type { Quarantine } from './store.js'

/**
 * A read holds back what was quarantined in its tail. A snapshot that reaches as far supersedes it, and a point before it has nothing to do
 * with it.
 */
export function quarantineOfRead(stored: Quarantine | null, snapshotSeq: number, throughSeq: number): Quarantine | null {
  return stored !== null && stored.seq > snapshotSeq && stored.seq <= throughSeq ? { seq: stored.seq, reason: stored.reason } : null
}

/** A reason is a line in a log, not a dump. */
const REASON_CHARACTERS_MAX = 500

export function reasonToStore(reason: string): string {
  // Half of a surrogate pair has no UTF-8.
  return reason.slice(0, REASON_CHARACTERS_MAX).toWellFormed()
}

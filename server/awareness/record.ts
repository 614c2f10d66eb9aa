// What a document remembers of one awareness client, and of the sessions that speak for it.
import { type AwarenessEntry, isRemovalState, removalState } from '../../protocol/awareness.js'
import type { AwarenessSink } from './contract.js'

/** A session that has joined a document's awareness. */
export interface Speaker {
  readonly sink: AwarenessSink
  /** Removals after this change number belong to the session's full state: at first, those since it joined. */
  heardRemovalsThrough: number
  /** The client ids bound to this session. */
  readonly clientIds: Set<number>
  /**
   * The id that the session's client goes by: that of its first update that carries one new state, since clients announce themselves first
   * and what they echo is not new. It decides between a client and a sibling tab that relayed its state earlier.
   */
  ownId: number | null
  /** Probes under way because of this session's claims. */
  probeCount: number
}

/** Who may change a client's state: one local session, another node, or whoever speaks first. */
export type Binding = { readonly kind: 'session'; readonly session: Speaker } | { readonly kind: 'remote' } | { readonly kind: 'none' }

export interface ClientRecord {
  readonly clientId: number
  clock: number
  /** UTF-8 JSON, or null once removed. */
  state: Uint8Array | null
  binding: Binding
  /** Monotonic time of the last change, in milliseconds. */
  changedAtMs: number
  /** The document's change number of the last change. */
  change: number
}

export const unbound: Binding = { kind: 'none' }
export const remote: Binding = { kind: 'remote' }

export function entryOf(record: ClientRecord): AwarenessEntry {
  return { clientId: record.clientId, clock: record.clock, state: record.state ?? removalState }
}

/**
 * Whether an entry says nothing new: its clock is not above the record's, and it is not the removal of a live state at the same clock.
 * The state is `bytes` from `stateStart` to `stateEnd`.
 */
export function isKnown(record: ClientRecord, clock: number, bytes: Uint8Array, stateStart: number, stateEnd: number): boolean {
  if (clock !== record.clock) return clock < record.clock
  return record.state === null || !isRemovalState(bytes, stateStart, stateEnd)
}

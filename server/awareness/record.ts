// What a document remembers of one awareness client, and of the sessions that speak for it.
import type { LazySet } from '../../core/lazy-collections.js'
import { type AwarenessEntry, encodeAwareness, isRemovalState, removalState } from '../../protocol/awareness.js'
import type { Origin } from './bus.js'
import type { AwarenessFrame, AwarenessSink } from './contract.js'
import type { SpeakerIdentity } from './stamp.js'

/** A session that has joined a document's awareness. */
export interface Speaker {
  readonly sink: AwarenessSink
  identity: SpeakerIdentity
  /** Removals after this change number belong to the session's full state: at first, those since it joined. */
  heardRemovalsThrough: number
  /** The client ids bound to this session. */
  readonly clientIds: LazySet<number>
  /**
   * The id that the session's client goes by: that of its first update that carries one new state, since clients announce themselves first
   * and what they echo is not new. It decides between a client and a sibling tab that relayed its state earlier.
   */
  ownId: OwnId
  /** It was told that a state of its client is too large. */
  toldTooLarge: boolean
  /** Probes under way because of this session's claims. */
  probeCount: number
  /** The part of the document that a client looks at whose states are not shown to others; null: the whole, or its state says it. */
  looksAt: string | null
  /** Of which part it was told everything last; null: of the whole document. */
  heardAt: string | null
}

/** A session whose id turned out to be that of a client on another node has forfeited its say in whose id it is. */
export type OwnId = number | 'unannounced' | 'forfeited'

/** Clients count up from 0; one that starts near the end of the integers would make its id unusable for whoever owns it. */
export const AWARENESS_CLOCK_MAX = 2 ** 31

/**
 * Who may change a client's state: one local session, the sessions of another node, or whoever speaks first.
 * `takenFrom` is the node that spoke for the id when the session announced it as its own.
 */
export type Binding =
  | { readonly kind: 'session'; readonly session: Speaker; readonly takenFrom: Origin | null }
  | { readonly kind: 'remote'; readonly origin: Origin }
  | { readonly kind: 'none' }

export interface ClientRecord {
  readonly clientId: number
  clock: number
  /** UTF-8 JSON, or null once removed. */
  state: Uint8Array | null
  binding: Binding
  /** Whether the removal is our guess: nobody said so, but nobody spoke for the client any more. */
  presumedGone: boolean
  /** Monotonic time of the last change, in milliseconds. */
  changedAtMs: number
  /** The document's change number of the last change. */
  change: number
}

export type LiveRecord = ClientRecord & { readonly state: Uint8Array }

/** Whether its client is present. */
export function isLive(record: ClientRecord): record is LiveRecord {
  return record.state !== null
}

export const unbound: Binding = { kind: 'none' }

function entryOf(record: ClientRecord): AwarenessEntry {
  return { clientId: record.clientId, clock: record.clock, state: record.state ?? removalState }
}

export function encodeRecords(records: Iterable<ClientRecord>): Uint8Array {
  return encodeAwareness(Array.from(records, entryOf))
}

export function frameOf(records: Iterable<ClientRecord>): AwarenessFrame {
  return { update: encodeRecords(records), frames: new Map() }
}

/** Tells one session that its client is taken as gone at a clock: a client that is there announces itself again, at a higher clock. */
export function tellRemoved(session: Speaker, clientId: number, clock: number): void {
  session.sink.awareness({ update: encodeAwareness([{ clientId, clock, state: removalState }]), frames: new Map() })
}

/**
 * Whether an entry says nothing new: its clock is not above the record's, and it is not the removal of a live state at the same clock.
 * The state is `bytes` from `stateStart` to `stateEnd`.
 */
export function isKnown(record: ClientRecord, clock: number, bytes: Uint8Array, stateStart: number, stateEnd: number): boolean {
  if (clock !== record.clock) return clock < record.clock
  return record.state === null || !isRemovalState(bytes, stateStart, stateEnd)
}

/**
 * Whether an entry has a state of a client that was removed at its clock or at a higher one: whoever says so has not heard of the removal.
 */
export function isUnheardRemoval(record: ClientRecord, clock: number, bytes: Uint8Array, stateStart: number, stateEnd: number): boolean {
  return record.state === null && clock <= record.clock && !isRemovalState(bytes, stateStart, stateEnd)
}

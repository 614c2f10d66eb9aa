// An entry of an awareness message that says something new, and whether it is within the limits.
import type { CounterName } from '../../core/counters.js'
import type { Limits } from '../../core/limits.js'
import { AWARENESS_CLOCK_MAX, type ClientRecord, type Speaker } from './record.js'

/** The state is the bytes [stateStart, stateEnd) of the message. */
export interface NewEntry {
  readonly clientId: number
  readonly clock: number
  readonly stateStart: number
  readonly stateEnd: number
}

/** Which limit an entry breaks, as the counter that counts it, or null. `record`: what is known of the client id. */
export function refusalOf(
  session: Speaker,
  entry: NewEntry,
  record: ClientRecord | undefined,
  limits: Pick<Limits, 'awarenessStateBytesMax' | 'awarenessClientsPerSessionMax'>,
): CounterName | null {
  if (entry.clock > AWARENESS_CLOCK_MAX) return 'awareness_entries_refused'
  if (entry.stateEnd - entry.stateStart > limits.awarenessStateBytesMax) return 'awareness_entries_oversized'
  const wouldBind = record === undefined || record.binding.kind === 'none'
  return wouldBind && session.clientIds.size >= limits.awarenessClientsPerSessionMax ? 'awareness_entries_refused' : null
}

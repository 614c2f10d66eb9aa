// What goes into a compaction, made ready for it, and what it would cost, told from the bytes. Decided before anything is decoded.
import { contentsOf, type DecodingCost, decodingCost } from '../../../protocol/updates/decoding-cost.js'
import { type InspectedUpdate, inspectUpdate, storedBounds } from '../../../protocol/updates/inspect.js'
import { KnownState } from '../../../protocol/updates/known-state.js'
import { isNormal, normalForm } from '../../../protocol/updates/normal-form.js'
import type { CompactionInput } from '../compaction.js'

/** What a place where compactions run can take. */
export type CostBounds = DecodingCost

export interface PreparedCompaction {
  /** The same, in the form in which it costs least. */
  readonly input: CompactionInput
  readonly cost: DecodingCost
}

/** Throws `malformed-update` for what does not parse: what that would cost nobody knows. */
export function prepareCompaction({ base, tail, ...rest }: CompactionInput): PreparedCompaction {
  const inspected: InspectedUpdate[] = []
  const ready = (update: Uint8Array): Uint8Array => {
    let found = inspectUpdate(update, storedBounds)
    // Documents of older versions may hold garbage struct by struct.
    if (!isNormal(found)) found = inspectUpdate(normalForm(found), storedBounds)
    inspected.push(found)
    return found.bytes
  }
  const input = { ...rest, base: base === null ? null : ready(base), tail: tail.map(ready) }
  return { input, cost: decodingCost(contentsOf(inspected, waitingClients(inspected))) }
}

/** Clients with structs behind a gap: Yjs keeps those waiting, and looks at all of them again for each. */
function waitingClients(updates: readonly InspectedUpdate[]): number {
  const known = new KnownState()
  for (const update of updates) known.add(update)
  return known.gappedClientCount
}

export function exceeds(cost: DecodingCost, bounds: CostBounds): boolean {
  return cost.memoryBytes > bounds.memoryBytes || cost.ms > bounds.ms
}

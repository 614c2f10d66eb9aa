// Merges many updates into one. Y.mergeUpdates sorts its readers at every struct, so its cost grows with the square of their number; a tree
// avoids it.
import { mergeUpdates } from 'yjs'

const FAN_IN = 24

/** No structs, no deletes. */
export const emptyUpdate: Uint8Array = Uint8Array.of(0, 0)

/** One update with the effect of all of them. A single one is returned as it is; of none, the empty update. */
export function mergeUpdateTree(updates: readonly Uint8Array[]): Uint8Array {
  let level = updates
  while (level.length > 1) {
    const next: Uint8Array[] = []
    for (let start = 0; start < level.length; start += FAN_IN) next.push(mergeUpdates(level.slice(start, start + FAN_IN)))
    level = next
  }
  return level[0] ?? emptyUpdate
}

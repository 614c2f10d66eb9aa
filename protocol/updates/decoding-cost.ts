// What it costs to make a Y.Doc of encoded updates, told from their bytes alone. An estimate from above: hostile bytes must not cost more
// than it says.
import { varUintBytes } from './byte-writer.js'
import type { ClientDeletes } from './delete-set-reader.js'
import type { InspectedUpdate } from './inspect.js'

/** Counts over all updates of a document. */
export interface StructCounts {
  /** All structs, GCs and Skips among them. */
  readonly structs: number
  /** GCs and Skips. */
  readonly empties: number
  readonly types: number
  /** Values inside the contents of the others. */
  readonly values: number
  /** What the deletes may add to the encoding once they are applied, at most: of what was compacted with them, nothing. */
  readonly cutBytes: number
}

/** What decides the cost of a document. */
export interface DocumentContents extends StructCounts {
  readonly bytes: number
  readonly deleteRanges: number
  /** Client ids with structs, and client ids with deletes. */
  readonly clients: number
  /** Client ids whose structs wait for others that have not come. */
  readonly pendingClients: number
}

export interface DecodingCost {
  /**
   * Memory at its highest while the document is decoded, what it is decoded from not counted. Compacting holds it, its encoding and one
   * more decoded copy.
   */
  readonly memoryBytes: number
  /** Processor time to decode it once. */
  readonly ms: number
}

/** Measured with Yjs 13.6 on Node 20 at its highest, over 300,000 to 2,000,000 of each, and rounded up. */
const cost = {
  byte: { memoryBytes: 3, ms: 0.000_005 },
  empty: { memoryBytes: 150, ms: 0.000_4 },
  item: { memoryBytes: 350, ms: 0.002 },
  type: { memoryBytes: 900, ms: 0.003 },
  value: { memoryBytes: 96, ms: 0.000_25 },
  // A range that begins or ends within a struct cuts it.
  deleteRange: { memoryBytes: 700, ms: 0.003_5 },
  client: { memoryBytes: 1_050, ms: 0.003 },
  pendingClient: { memoryBytes: 2_200, ms: 0.03 },
} as const

/** For each client that has to wait, Yjs walks over all that do. */
const MS_PER_PENDING_PAIR = 0.000_007_5

/** What a Y.Doc of these contents costs. */
export function decodingCost(contents: DocumentContents): DecodingCost {
  const { bytes, structs, empties, types, values, deleteRanges, clients, pendingClients } = contents
  const counted = [
    [bytes, cost.byte],
    [empties, cost.empty],
    [Math.max(0, structs - empties - types), cost.item],
    [types, cost.type],
    [values, cost.value],
    [deleteRanges, cost.deleteRange],
    [clients, cost.client],
    [pendingClients, cost.pendingClient],
  ] as const
  let memoryBytes = 0
  let ms = pendingClients * pendingClients * MS_PER_PENDING_PAIR
  for (const [count, each] of counted) {
    memoryBytes += count * each.memoryBytes
    ms += count * each.ms
  }
  return { memoryBytes, ms }
}

export const noStructs: StructCounts = { structs: 0, empties: 0, types: 0, values: 0, cutBytes: 0 }

export type MutableCounts = { -readonly [Name in keyof StructCounts]: number }

export function countsOf(update: InspectedUpdate): StructCounts {
  const counts = { ...noStructs }
  addUpdate(counts, update)
  return counts
}

export function addUpdate(sum: MutableCounts, update: InspectedUpdate): void {
  sum.structs += update.structCount
  sum.empties += update.emptyCount
  sum.types += update.typeCount
  sum.values += update.valueCount
  if (update.deletes.length > 0) sum.cutBytes += cutBytesOf(update.deletes)
}

/** `times` 1 adds, -1 takes away. */
export function addCounts(sum: MutableCounts, counts: StructCounts, times: 1 | -1): void {
  sum.structs += counts.structs * times
  sum.empties += counts.empties * times
  sum.types += counts.types * times
  sum.values += counts.values * times
  sum.cutBytes += counts.cutBytes * times
}

/** Kind, length, and two ids: what a struct costs in front of its content, the ids' clients not counted. */
const CUT_BYTES = 13

/** A delete range cuts a struct at both of its ends, and each cut makes one more struct with up to two ids. */
function cutBytesOf(deletes: readonly ClientDeletes[]): number {
  let bytes = 0
  for (const { client, ranges } of deletes) bytes += ranges.length * (CUT_BYTES + 2 * varUintBytes(client))
  return bytes
}

/** The contents of updates that are decoded together. A client that is in several of them counts several times. */
export function contentsOf(updates: readonly InspectedUpdate[], pendingClients = 0): DocumentContents {
  const counts = { ...noStructs }
  let bytes = 0
  let deleteRanges = 0
  let clients = 0
  for (const update of updates) {
    addUpdate(counts, update)
    bytes += update.bytes.length
    deleteRanges += update.deleteRangeCount
    clients += update.blocks.length + update.deletes.length
  }
  return { ...counts, bytes, deleteRanges, clients, pendingClients }
}

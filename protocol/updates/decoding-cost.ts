// What it costs to make a Y.Doc of encoded updates, told from their bytes alone. An estimate from above: hostile bytes must not cost more than it says.
import type { InspectedUpdate } from './inspect.js'

/** What decides the cost of a document: counts over all of its updates. */
export interface DocumentContents {
  readonly bytes: number
  /** All structs, GCs and Skips among them. */
  readonly structs: number
  readonly empties: number
  readonly types: number
  readonly values: number
  readonly deleteRanges: number
  /** Client ids with structs, and client ids with deletes. */
  readonly clients: number
  /** Client ids whose structs wait for others that have not come. */
  readonly pendingClients: number
}

export interface DecodingCost {
  /** Memory at its highest while the document is decoded, what it is decoded from not counted. Compacting holds it, its encoding and one more decoded copy. */
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

const noContents: DocumentContents = {
  bytes: 0,
  structs: 0,
  empties: 0,
  types: 0,
  values: 0,
  deleteRanges: 0,
  clients: 0,
  pendingClients: 0,
}

/** The contents of updates that are decoded together. A client that is in several of them counts several times. */
export function contentsOf(updates: readonly InspectedUpdate[], pendingClients = 0): DocumentContents {
  const sum = { ...noContents, pendingClients } as { -readonly [Name in keyof DocumentContents]: number }
  for (const update of updates) {
    sum.bytes += update.bytes.length
    sum.structs += update.structCount
    sum.empties += update.emptyCount
    sum.types += update.typeCount
    sum.values += update.valueCount
    sum.deleteRanges += update.deleteRangeCount
    sum.clients += update.blocks.length + update.deletes.length
  }
  return sum
}

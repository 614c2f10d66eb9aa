// Checks an update that came from outside, byte by byte and to the end, and says which structs and deletes it holds. No Yjs object is created.
import { ByteReader } from './byte-reader.js'
import { checkTypeNesting } from './nesting.js'
import { normalizeRanges, pushRange } from './ranges.js'
import { CLOCK_MAX, REF_GC, REF_SKIP, REF_TYPE, StructReader } from './struct-reader.js'

export interface UpdateBounds {
  /** Structs, and delete ranges, in one update. */
  readonly structsPerUpdateMax: number
  /** Nesting of arrays and objects inside one value, and of shared types inside one update. */
  readonly nestingDepthMax: number
}

/** For bytes that were inspected before they were stored: a limit that was lowered since must not make a document unreadable. */
export const storedBounds: UpdateBounds = { structsPerUpdateMax: Number.POSITIVE_INFINITY, nestingDepthMax: Number.POSITIVE_INFINITY }

/** The structs of one client: contiguous clocks [firstClock, endClock), some of which may be Skips. */
export interface ClientBlock {
  readonly client: number
  readonly structCount: number
  readonly firstClock: number
  readonly endClock: number
  /** Clocks that are really there: [firstClock, endClock) without the Skips, as flat start, end pairs. */
  readonly ranges: readonly number[]
  /** Bytes [offset, end): the info byte of the first struct to the end of the last. */
  readonly offset: number
  readonly end: number
}

/** Deleted clocks of one client, as flat start, end pairs: sorted, disjoint. */
export interface ClientDeletes {
  readonly client: number
  readonly ranges: readonly number[]
}

export interface InspectedUpdate {
  readonly bytes: Uint8Array
  readonly structCount: number
  /** How many of the structs are GCs and Skips. */
  readonly emptyCount: number
  /** How many of those follow on one of their own kind. */
  readonly mergeableCount: number
  /** How many of the structs are shared types. */
  readonly typeCount: number
  /** Values inside the contents of the others. */
  readonly valueCount: number
  readonly deleteRangeCount: number
  /** In descending order of client ids, each client once. */
  readonly blocks: readonly ClientBlock[]
  /** In descending order of client ids, each client once. */
  readonly deletes: readonly ClientDeletes[]
  /** Whether the delete set stands in the bytes as it does in `deletes`: as Yjs writes it. */
  readonly deletesInOrder: boolean
  /** Where the delete set begins. */
  readonly deletesOffset: number
  /** Where to start reading in the middle of a block: flat (index of the block, clock, byte offset, ordinal in the block), every CHECKPOINT_BYTES. */
  readonly checkpoints: readonly number[]
}

const CHECKPOINT_BYTES = 4096
export const CHECKPOINT_FIELDS = 4

const none: readonly number[] = []

/**
 * Inspects a v1 update: varUint number of clients, then per client {varUint number of structs, client id, first clock, structs}, then the delete set:
 * varUint number of clients, then per client {id, varUint number of ranges, {clock, length}}.
 * Throws WeftError 'malformed-update' if it is not complete and well formed, exceeds `bounds`, or holds what Yjs would throw on.
 */
export function inspectUpdate(bytes: Uint8Array, bounds: UpdateBounds): InspectedUpdate {
  const reader = new ByteReader(bytes, 'malformed-update')
  const structs = new StructReader(reader, bounds.nestingDepthMax)
  const blocks: ClientBlock[] = []
  const checkpoints: number[] = []
  let structCount = 0
  let emptyCount = 0
  let mergeableCount = 0
  let typeCount = 0
  // A block has at least 5 bytes: count, client, clock, and a struct of two.
  const blockCount = reader.readCount(5)
  let previousClient = Number.POSITIVE_INFINITY
  for (let blockIndex = 0; blockIndex < blockCount; blockIndex++) {
    const count = reader.readCount(2)
    structCount += count
    if (structCount > bounds.structsPerUpdateMax) reader.fail(`The update holds more than ${bounds.structsPerUpdateMax} structs`)
    if (count === 0) reader.fail('A client has no structs')
    const client = reader.readVarUint()
    // Yjs always sorts them; of a client that came twice it would apply only the last block, and merging needs the order.
    if (client >= previousClient) reader.fail('The clients are not in descending order')
    previousClient = client
    const firstClock = reader.readVarUint()
    const offset = reader.offset
    let ranges: number[] | null = null
    let clock = firstClock
    let previousRef = -1
    let nextCheckpoint = offset + CHECKPOINT_BYTES
    for (let ordinal = 0; ordinal < count; ordinal++) {
      if (reader.offset >= nextCheckpoint) {
        checkpoints.push(blockIndex, clock, reader.offset, ordinal)
        nextCheckpoint = reader.offset + CHECKPOINT_BYTES
      }
      structs.read(client, clock)
      const end = clock + structs.length
      if (structs.ref === REF_GC || structs.ref === REF_SKIP) {
        emptyCount++
        if (structs.ref === previousRef) mergeableCount++
      }
      previousRef = structs.ref
      if (structs.ref === REF_SKIP) ranges ??= clock > firstClock ? [firstClock, clock] : []
      else {
        if (structs.ref === REF_TYPE) typeCount++
        if (ranges !== null) pushRange(ranges, clock, end)
      }
      clock = end
    }
    blocks.push({
      client,
      structCount: count,
      firstClock,
      endClock: clock,
      ranges: ranges ?? [firstClock, clock],
      offset,
      end: reader.offset,
    })
  }
  const deletesOffset = reader.offset
  const { deletes, rangeCount, inOrder } = readDeletes(reader, bounds)
  if (reader.remaining > 0) reader.fail('The update is followed by something else')
  const inspected: InspectedUpdate = {
    bytes,
    structCount,
    emptyCount,
    mergeableCount,
    typeCount,
    valueCount: structs.values,
    deleteRangeCount: rangeCount,
    blocks,
    deletes,
    deletesInOrder: inOrder,
    deletesOffset,
    checkpoints: checkpoints.length > 0 ? checkpoints : none,
  }
  // The depth cannot exceed the number of types, so most updates need no second look.
  if (typeCount > bounds.nestingDepthMax) checkTypeNesting(inspected, bounds.nestingDepthMax)
  return inspected
}

interface DeleteSet {
  readonly deletes: ClientDeletes[]
  readonly rangeCount: number
  readonly inOrder: boolean
}

function readDeletes(reader: ByteReader, bounds: UpdateBounds): DeleteSet {
  const clientCount = reader.readCount(2)
  const deletes: ClientDeletes[] = []
  let rangeCount = 0
  let clientsSorted = true
  let inOrder = true
  for (let index = 0; index < clientCount; index++) {
    const client = reader.readVarUint()
    const count = reader.readCount(2)
    rangeCount += count
    if (rangeCount > bounds.structsPerUpdateMax) reader.fail(`The update holds more than ${bounds.structsPerUpdateMax} delete ranges`)
    const ranges: number[] = []
    for (let range = 0; range < count; range++) {
      const clock = reader.readVarUint()
      const length = reader.readVarUint()
      if (length === 0) reader.fail('A delete range has no length')
      if (clock + length > CLOCK_MAX) reader.fail('A clock exceeds 2^32-1')
      ranges.push(clock, clock + length)
    }
    const previous = deletes.at(-1)
    if (previous !== undefined && previous.client <= client) clientsSorted = false
    if (count === 0) {
      inOrder = false
      continue
    }
    const normal = normalizeRanges(ranges)
    if (normal !== ranges) inOrder = false
    deletes.push({ client, ranges: normal })
  }
  return { deletes: clientsSorted ? deletes : sortDeletes(deletes), rangeCount, inOrder: inOrder && clientsSorted }
}

// Yjs sorts its delete sets but reads them in any order, also with a client in several places.
function sortDeletes(deletes: readonly ClientDeletes[]): ClientDeletes[] {
  const byClient = new Map<number, number[]>()
  for (const { client, ranges } of deletes) {
    const known = byClient.get(client)
    if (known === undefined) byClient.set(client, [...ranges])
    else for (const bound of ranges) known.push(bound)
  }
  return [...byClient].sort((a, b) => b[0] - a[0]).map(([client, ranges]) => ({ client, ranges: normalizeRanges(ranges) }))
}

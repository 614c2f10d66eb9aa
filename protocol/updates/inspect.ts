// Checks an update that came from outside, byte by byte and to the end, and says which structs and deletes it holds. No Yjs object is
// created.
import { WeftError } from '../../core/errors.js'
import type { Sliced } from '../../core/slices.js'
import { ByteReader } from './byte-reader.js'
import { type ClientDeletes, DeleteSetReader } from './delete-set-reader.js'
import { HighestNeeds } from './needs.js'
import { pushRange } from './ranges.js'
import { REF_GC, REF_SKIP, REF_TYPE, StructReader } from './struct-reader.js'

export interface UpdateBounds {
  /** Structs, and delete ranges, in one update. */
  readonly structsPerUpdateMax: number
  /** Nesting of arrays and objects inside one value. */
  readonly nestingDepthMax: number
  /** Client ids in one document, and so in one update: those with structs, and those with deletes. */
  readonly clientsPerDocumentMax: number
}

/** For bytes that were inspected before they were stored: a limit that was lowered since must not make a document unreadable. */
export const storedBounds: UpdateBounds = {
  structsPerUpdateMax: Number.POSITIVE_INFINITY,
  nestingDepthMax: Number.POSITIVE_INFINITY,
  clientsPerDocumentMax: Number.POSITIVE_INFINITY,
}

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
  /** For each client that its structs of other clients name, the highest clock that they do: flat client, clock. */
  readonly needs: readonly number[]
  /** In descending order of client ids, each client once. */
  readonly deletes: readonly ClientDeletes[]
  /** Whether the delete set stands in the bytes as it does in `deletes`: as Yjs writes it. */
  readonly deletesInOrder: boolean
  /** Where the delete set begins. */
  readonly deletesOffset: number
  /**
   * Where to start reading in the middle of a block: flat (index of the block, clock, byte offset, ordinal in the block), every
   * CHECKPOINT_BYTES.
   */
  readonly checkpoints: readonly number[]
}

const CHECKPOINT_BYTES = 4096
export const CHECKPOINT_FIELDS = 4

const none: readonly number[] = []
const noDeletes: readonly ClientDeletes[] = []

/**
 * Inspects a v1 update: varUint number of clients, then per client {varUint number of structs, client id, first clock, structs}, then the
 * delete set: varUint number of clients, then per client {id, varUint number of ranges, {clock, length}}. Throws WeftError
 * 'malformed-update' if it is not complete and well formed, exceeds `bounds`, or holds what Yjs would throw on; 'document-too-large' if it
 * has more client ids than a document may have.
 */
export function inspectUpdate(bytes: Uint8Array, bounds: UpdateBounds): InspectedUpdate {
  const inspection = new Inspection(bytes, bounds)
  while (!inspection.step());
  return inspection.result()
}

/** The same in slices, for what may be megabytes. */
export function* inspecting(bytes: Uint8Array, bounds: UpdateBounds): Sliced<InspectedUpdate> {
  const inspection = new Inspection(bytes, bounds)
  while (!inspection.step()) yield
  return inspection.result()
}

/** What one step reads at most: structs or ranges, and about so many bytes. */
const STEP_PARTS = 4096
const STEP_BYTES = 128 * 1024

/** How far an inspection has come. */
class Inspection {
  readonly #bytes: Uint8Array
  readonly #bounds: UpdateBounds
  readonly #reader: ByteReader
  readonly #structs: StructReader
  readonly #needs = new HighestNeeds()
  readonly #blocks: ClientBlock[] = []
  #checkpoints: number[] | null = null
  #structCount = 0
  #emptyCount = 0
  #mergeableCount = 0
  #typeCount = 0
  #blocksLeft: number
  // The block that is being read, while it has structs left.
  #client = Number.POSITIVE_INFINITY
  #blockStructs = 0
  #structsLeft = 0
  #firstClock = 0
  #clock = 0
  #offset = 0
  #ranges: number[] | null = null
  #previousRef = -1
  #nextCheckpoint = 0
  /** The delete set, once the blocks are read. */
  #deletes: DeleteSetReader | null = null

  constructor(bytes: Uint8Array, bounds: UpdateBounds) {
    this.#bytes = bytes
    this.#bounds = bounds
    this.#reader = new ByteReader(bytes, 'malformed-update')
    this.#structs = new StructReader(this.#reader, bounds.nestingDepthMax, this.#needs)
    // A block has at least 5 bytes: count, client, clock, and a struct of two.
    this.#blocksLeft = this.#clientCount(5)
  }

  /** Known at once, and refused before anything is read of them. */
  #clientCount(bytesEach: number): number {
    const { clientsPerDocumentMax } = this.#bounds
    const count = this.#reader.readCount(bytesEach)
    if (count > clientsPerDocumentMax)
      throw new WeftError('document-too-large', `The document would grow past ${clientsPerDocumentMax} client ids.`)
    return count
  }

  /** Reads on for a while; true at the end. */
  step(): boolean {
    let parts = STEP_PARTS
    const offsetMax = this.#reader.offset + STEP_BYTES
    while (parts > 0 && this.#reader.offset < offsetMax) {
      if (this.#structsLeft > 0) parts -= this.#readStructs(parts, offsetMax)
      else if (this.#blocksLeft > 0) {
        this.#beginBlock()
        parts--
      } else if (this.#deletes === null) this.#beginDeletes()
      else if (!this.#deletes.ended) parts -= this.#deletes.read(parts)
      else {
        if (this.#reader.remaining > 0) this.#reader.fail('The update is followed by something else')
        return true
      }
    }
    return false
  }

  result(): InspectedUpdate {
    return {
      bytes: this.#bytes,
      structCount: this.#structCount,
      emptyCount: this.#emptyCount,
      mergeableCount: this.#mergeableCount,
      typeCount: this.#typeCount,
      valueCount: this.#structs.values,
      deleteRangeCount: this.#deletes?.rangeCount ?? 0,
      blocks: this.#blocks,
      needs: this.#needs.list,
      deletes: this.#deletes?.deletes ?? noDeletes,
      deletesInOrder: this.#deletes?.inOrder ?? true,
      deletesOffset: this.#deletes?.offset ?? -1,
      checkpoints: this.#checkpoints ?? none,
    }
  }

  #beginBlock(): void {
    const reader = this.#reader
    const { structsPerUpdateMax } = this.#bounds
    const count = reader.readCount(2)
    this.#structCount += count
    if (this.#structCount > structsPerUpdateMax) reader.fail(`The update holds more than ${structsPerUpdateMax} structs`)
    if (count === 0) reader.fail('A client has no structs')
    const client = reader.readVarUint()
    // Yjs always sorts them; of a client that came twice it would apply only the last block, and merging needs the order.
    if (client >= this.#client) reader.fail('The clients are not in descending order')
    this.#blocksLeft--
    this.#client = client
    this.#blockStructs = count
    this.#structsLeft = count
    this.#firstClock = reader.readVarUint()
    this.#clock = this.#firstClock
    this.#offset = reader.offset
    this.#ranges = null
    this.#previousRef = -1
    this.#nextCheckpoint = reader.offset + CHECKPOINT_BYTES
  }

  /** At most `structsMax` of them; returns how many. */
  #readStructs(structsMax: number, offsetMax: number): number {
    const reader = this.#reader
    const structs = this.#structs
    const client = this.#client
    const firstClock = this.#firstClock
    let left = Math.min(structsMax, this.#structsLeft)
    let clock = this.#clock
    let ranges = this.#ranges
    let previousRef = this.#previousRef
    const before = left
    while (left > 0 && reader.offset < offsetMax) {
      if (reader.offset >= this.#nextCheckpoint) {
        this.#checkpoints ??= []
        this.#checkpoints.push(this.#blocks.length, clock, reader.offset, this.#blockStructs - this.#structsLeft + before - left)
        this.#nextCheckpoint = reader.offset + CHECKPOINT_BYTES
      }
      structs.read(client, clock)
      left--
      const end = clock + structs.length
      const { ref } = structs
      if (ref === REF_GC || ref === REF_SKIP) {
        this.#emptyCount++
        if (ref === previousRef) this.#mergeableCount++
      }
      previousRef = ref
      if (ref === REF_SKIP) ranges ??= clock > firstClock ? [firstClock, clock] : []
      else {
        if (ref === REF_TYPE) this.#typeCount++
        if (ranges !== null) pushRange(ranges, clock, end)
      }
      clock = end
    }
    this.#clock = clock
    this.#ranges = ranges
    this.#previousRef = previousRef
    this.#structsLeft -= before - left
    if (this.#structsLeft === 0)
      this.#blocks.push({
        client,
        structCount: this.#blockStructs,
        firstClock,
        endClock: clock,
        ranges: ranges ?? [firstClock, clock],
        offset: this.#offset,
        end: reader.offset,
      })
    return before - left
  }

  #beginDeletes(): void {
    const { offset } = this.#reader
    this.#deletes = new DeleteSetReader(this.#reader, offset, this.#clientCount(2), this.#bounds.structsPerUpdateMax)
  }
}

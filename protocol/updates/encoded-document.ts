// An encoded document with a sparse index, out of which the difference to a state vector is cut with copies: nothing is decoded but one
// index step per client.
import { ByteReader } from './byte-reader.js'
import { type BlockPieces, encodeUpdate, structFrom } from './encoding.js'
import { CHECKPOINT_FIELDS, type InspectedUpdate } from './inspect.js'
import { type LongContents, REF_SKIP, StructReader } from './struct-reader.js'

// Per client block: struct count, first clock, end clock, offset, end.
const BLOCK_FIELDS = 5

/** Where things are in an encoded document: plain columns, so that another thread or process can make them. */
export interface DocumentIndex {
  readonly deletesOffset: number
  readonly clients: Float64Array
  readonly blocks: Uint32Array
  readonly checkpoints: Uint32Array
}

export function indexOf(inspected: InspectedUpdate): DocumentIndex {
  const blocks = new Uint32Array(inspected.blocks.length * BLOCK_FIELDS)
  for (const [index, block] of inspected.blocks.entries())
    blocks.set([block.structCount, block.firstClock, block.endClock, block.offset, block.end], index * BLOCK_FIELDS)
  return {
    deletesOffset: inspected.deletesOffset,
    clients: Float64Array.from(inspected.blocks, (block) => block.client),
    blocks,
    checkpoints: Uint32Array.from(inspected.checkpoints),
  }
}

/** Where a struct begins: its first clock, its first byte, and how many structs of its block lie before it. */
export interface StructPlace {
  readonly clock: number
  readonly offset: number
  readonly ordinal: number
}

export class EncodedDocument {
  readonly bytes: Uint8Array
  readonly #deletesOffset: number
  // Columns rather than objects: an open document is to cost little more than its bytes.
  readonly #clients: Float64Array
  readonly #blocks: Uint32Array
  readonly #checkpoints: Uint32Array
  /** Filled as they are come across. */
  readonly #longContents: LongContents = new Map()

  /** `found` must be what `inspectUpdate(bytes)` gave, or the index of that. What was inspected is not kept. */
  constructor(bytes: Uint8Array, found: InspectedUpdate | DocumentIndex) {
    const index = 'clients' in found ? found : indexOf(found)
    this.bytes = bytes
    this.#deletesOffset = index.deletesOffset
    this.#clients = index.clients
    this.#blocks = index.blocks
    this.#checkpoints = index.checkpoints
  }

  /** Bytes of the index, the document's own not counted. */
  get indexBytes(): number {
    return this.#clients.byteLength + this.#blocks.byteLength + this.#checkpoints.byteLength
  }

  /** Reads structs of this document, which has been inspected. */
  structReader(reader: ByteReader): StructReader {
    return new StructReader(reader, Number.POSITIVE_INFINITY, null, this.#longContents)
  }

  get blockCount(): number {
    return this.#clients.length
  }

  /** Where the delete set begins. */
  get deletesOffset(): number {
    return this.#deletesOffset
  }

  clientOf(index: number): number {
    return this.#clients[index] as number
  }

  firstClockOf(index: number): number {
    return this.#blocks[index * BLOCK_FIELDS + 1] as number
  }

  endClockOf(index: number): number {
    return this.#blocks[index * BLOCK_FIELDS + 2] as number
  }

  structCountOf(index: number): number {
    return this.#blocks[index * BLOCK_FIELDS] as number
  }

  /** Where the bytes of the block end. */
  endOf(index: number): number {
    return this.#blocks[index * BLOCK_FIELDS + 4] as number
  }

  /** The index of the client's block, or -1. */
  blockOf(client: number): number {
    let low = 0
    let high = this.#clients.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#clients[middle] as number) > client) low = middle + 1
      else high = middle
    }
    return this.#clients[low] === client ? low : -1
  }

  /** About how many bytes of structs somebody with `stateVector` lacks. */
  structBytesAfter(stateVector: ReadonlyMap<number, number>): number {
    let bytes = 0
    for (let index = 0; index < this.#clients.length; index++) {
      const clock = stateVector.get(this.clientOf(index)) ?? 0
      if (clock >= this.endClockOf(index)) continue
      const checkpoint = this.#lastCheckpoint(index, clock)
      const offset = checkpoint >= 0 ? this.#checkpoints[checkpoint + 2] : this.#blocks[index * BLOCK_FIELDS + 3]
      bytes += this.endOf(index) - (offset as number)
    }
    return bytes
  }

  /** The first struct of a block that is no Skip and ends after `clock`, or null if there is none. */
  locate(index: number, clock: number): StructPlace | null {
    if (clock >= this.endClockOf(index)) return null
    const reader = new ByteReader(this.bytes, 'malformed-update')
    const structs = this.structReader(reader)
    const checkpoint = this.#lastCheckpoint(index, clock)
    let at = this.#blocks[index * BLOCK_FIELDS + 1] as number
    reader.offset = this.#blocks[index * BLOCK_FIELDS + 3] as number
    let ordinal = 0
    if (checkpoint >= 0) {
      at = this.#checkpoints[checkpoint + 1] as number
      reader.offset = this.#checkpoints[checkpoint + 2] as number
      ordinal = this.#checkpoints[checkpoint + 3] as number
    }
    const count = this.structCountOf(index)
    for (; ordinal < count; ordinal++) {
      structs.read(this.clientOf(index), at)
      if (at + structs.length > clock && structs.ref !== REF_SKIP) return { clock: at, offset: structs.start, ordinal }
      at += structs.length
    }
    return null
  }

  /** The last place of a block, of those that are noted, at or before byte `offset`, or null. */
  placeBefore(index: number, offset: number): StructPlace | null {
    const checkpoints = this.#checkpoints
    let low = 0
    let high = checkpoints.length / CHECKPOINT_FIELDS
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((checkpoints[middle * CHECKPOINT_FIELDS + 2] as number) <= offset) low = middle + 1
      else high = middle
    }
    const at = (low - 1) * CHECKPOINT_FIELDS
    if (low === 0 || checkpoints[at] !== index) return null
    return { clock: checkpoints[at + 1] as number, offset: checkpoints[at + 2] as number, ordinal: checkpoints[at + 3] as number }
  }

  /**
   * What somebody with `stateVector` lacks: the structs behind its clocks, and always the whole delete set.
   * The same buffer as `bytes` if that is everything.
   */
  difference(stateVector: ReadonlyMap<number, number>): Uint8Array {
    const blocks: BlockPieces[] = []
    let cut = false
    for (const [index, client] of this.#clients.entries()) {
      const block = this.#blockFrom(index, client, stateVector.get(client) ?? 0)
      if (block === null || block.firstClock !== this.#blocks[index * BLOCK_FIELDS + 1]) cut = true
      if (block !== null) blocks.push(block)
    }
    if (!cut) return this.bytes
    return encodeUpdate(blocks, this.bytes.subarray(this.#deletesOffset))
  }

  /** The structs of a client from `clock` on, without Skips in front, or null if there are none. */
  #blockFrom(index: number, client: number, clock: number): BlockPieces | null {
    const [structCount, firstClock, endClock, offset, end] = this.#blocks.subarray(
      index * BLOCK_FIELDS,
      (index + 1) * BLOCK_FIELDS,
    ) as unknown as [number, number, number, number, number]
    if (clock >= endClock) return null
    const reader = new ByteReader(this.bytes, 'malformed-update')
    const structs = this.structReader(reader)
    reader.offset = offset
    let at = firstClock
    let ordinal = 0
    const checkpoint = this.#lastCheckpoint(index, clock)
    if (checkpoint >= 0) {
      at = this.#checkpoints[checkpoint + 1] as number
      reader.offset = this.#checkpoints[checkpoint + 2] as number
      ordinal = this.#checkpoints[checkpoint + 3] as number
    }
    for (; ordinal < structCount; ordinal++) {
      structs.read(client, at)
      const structEnd = at + structs.length
      if (structEnd > clock && structs.ref !== REF_SKIP) {
        const whole = at >= clock
        const rest = this.bytes.subarray(whole ? structs.start : reader.offset, end)
        const pieces = whole ? [rest] : [structFrom(this.bytes.subarray(structs.start, reader.offset), client, at, clock), rest]
        return { client, firstClock: Math.max(at, clock), structCount: structCount - ordinal, pieces }
      }
      at = structEnd
    }
    return null
  }

  /** Index into the checkpoints of the last one of block `blockIndex` at or before `clock`, or -1. */
  #lastCheckpoint(blockIndex: number, clock: number): number {
    const checkpoints = this.#checkpoints
    let low = 0
    let high = checkpoints.length / CHECKPOINT_FIELDS
    while (low < high) {
      const middle = (low + high) >>> 1
      const at = middle * CHECKPOINT_FIELDS
      const block = checkpoints[at] as number
      if (block < blockIndex || (block === blockIndex && (checkpoints[at + 1] as number) <= clock)) low = middle + 1
      else high = middle
    }
    const at = (low - 1) * CHECKPOINT_FIELDS
    return low > 0 && checkpoints[at] === blockIndex ? at : -1
  }
}

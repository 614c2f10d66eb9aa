// Cuts a large update into pieces to be submitted one by one, on its bytes, with the dependents first: until the last piece has come,
// everybody keeps the others aside, and then all is shown in one transaction. An editor that saw a list without its items would delete it
// (docs/decisions/0011).
import { ByteReader, utf16Length } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'
import { writeDeletes } from './encoding.js'
import { StructCutter } from './struct-cutter.js'
import { REF_SKIP, StructReader } from './struct-reader.js'
import { skipAny } from './values.js'

/** Smaller updates are not cut. */
export const pieceBytesMin = 64 * 1024
/** Receivers merge what they keep aside with each piece, so there are about so many at most. */
const piecesMax = 32
/** The pieces of so many clients wait for the same last piece. A server takes edits of few clients that wait for others. */
const clientsPerGroupMax = 100
/** The number of blocks of a piece and of its deletes; the head of a block; the head of a struct that was cut. */
const pieceOverheadBytes = 16
const blockOverheadBytes = 24
const headBytesMax = 64

const REF_JSON = 2
const REF_STRING = 4
const REF_ANY = 8

/**
 * Pieces of a v1 update in the order in which they are to be sent. None is larger than `bytesMax`, but for a single value or character that
 * is: those cannot be cut.
 */
export function cutUpdate(update: Uint8Array, bytesMax: number): Uint8Array[] {
  if (update.length <= Math.min(pieceBytesMin, bytesMax)) return [update]
  return new Cut(update, Math.min(bytesMax, Math.max(pieceBytesMin, Math.ceil(update.length / piecesMax)))).pieces
}

class Cut {
  readonly pieces: Uint8Array[] = []
  readonly #pieceBytes: number
  readonly #reader: ByteReader
  readonly #structs: StructReader
  readonly #cutter: StructCutter
  /**
   * What is sent last of a group: how the edits of each of its clients begin. The rest of them is in `#later`, in the order of their
   * clocks.
   */
  #gate = new Piece()
  #later: Piece[] = []
  #clients = 0

  constructor(update: Uint8Array, pieceBytes: number) {
    this.#pieceBytes = pieceBytes
    this.#reader = new ByteReader(update, 'malformed-update')
    this.#structs = new StructReader(this.#reader, Number.POSITIVE_INFINITY)
    this.#cutter = new StructCutter(update)
    for (let blocks = this.#reader.readVarUint(); blocks > 0; blocks--) this.#cutBlock(blocks)
    const deletes = update.subarray(this.#reader.offset)
    const fits = this.#gate.bytes + deletes.length <= pieceBytes
    this.#endGroup(fits ? deletes : noDeletes)
    if (!fits) this.#cutDeletes()
  }

  /** `blocksLeft` share what room the gate has. */
  #cutBlock(blocksLeft: number): void {
    const reader = this.#reader
    const structs = this.#structs
    const structCount = reader.readVarUint()
    const client = reader.readVarUint()
    let clock = reader.readVarUint()
    const shares = Math.min(blocksLeft, clientsPerGroupMax - this.#clients)
    let gateBytes = Math.max(headBytesMax, Math.floor((this.#pieceBytes - this.#gate.bytes) / shares) - blockOverheadBytes)
    let inGate = true
    let placed = 0
    const place = (from: number, to: number, source: Uint8Array, start: number, end: number): void => {
      const bytes = end - start
      // The clocks go up: once something is in a later piece, so is all that follows.
      if (placed === 0 && !this.#gate.takes(bytes, this.#pieceBytes)) this.#endGroup(noDeletes)
      inGate &&= placed === 0 || bytes <= gateBytes
      if (inGate) gateBytes -= bytes
      placed += 1
      const piece = inGate ? this.#gate : this.#laterPiece(bytes)
      piece.add(client, from, to, source, start, end)
    }
    for (let count = 0; count < structCount; count++) {
      structs.read(client, clock)
      const { start, ref, length } = structs
      const { offset } = reader
      const wholeMax = this.#pieceBytes - pieceOverheadBytes - blockOverheadBytes
      const firstMax = placed === 0 ? Math.max(gateBytes, headBytesMax) : wholeMax
      if (ref !== REF_SKIP) {
        const cuts = offset - start > firstMax ? this.#cutsOf(firstMax - headBytesMax, wholeMax - headBytesMax) : []
        if (cuts.length === 0) place(clock, clock + length, reader.bytes, start, offset)
        else {
          this.#cutter.begin(client, structs)
          const segment = new ByteWriter(Math.min(offset - start, wholeMax))
          for (const [index, from] of [clock, ...cuts].entries()) {
            const to = cuts[index] ?? clock + length
            segment.clear()
            this.#cutter.write(segment, from, to)
            place(from, to, segment.written, 0, segment.length)
          }
        }
      }
      clock += length
      reader.offset = offset
    }
    this.#clients += 1
    if (this.#clients === clientsPerGroupMax) this.#endGroup(noDeletes)
  }

  /**
   * The clocks at which the struct that was read last can be cut into segments of at most these sizes, as far as single values and
   * characters allow.
   */
  #cutsOf(firstBytes: number, bytes: number): number[] {
    const { ref, clock, length, contentStart } = this.#structs
    const reader = this.#reader
    const end = reader.offset
    const cuts: number[] = []
    reader.offset = contentStart
    // The length of a string, or the number of values.
    if (ref === REF_ANY || ref === REF_JSON || ref === REF_STRING) reader.readVarUint()
    let from = reader.offset
    let room = firstBytes
    const cut = (at: number, offset: number): void => {
      cuts.push(at)
      from = offset
      room = bytes
    }
    if (ref === REF_STRING) {
      let at = clock
      for (let to = from + Math.max(4, room); to < end; to = from + Math.max(4, room)) {
        // Between characters: half a surrogate pair would be lost.
        while (((reader.bytes[to] as number) & 0xc0) === 0x80) to--
        at += utf16Length(reader.bytes, from, to)
        cut(at, to)
      }
    } else if (ref === REF_ANY || ref === REF_JSON) {
      for (let value = 0; value < length; value++) {
        const { offset } = reader
        if (ref === REF_JSON) reader.skipString()
        else skipAny(reader, Number.POSITIVE_INFINITY)
        if (value > 0 && reader.offset - from > room) cut(clock + value, offset)
      }
    }
    reader.offset = end
    return cuts
  }

  #laterPiece(bytes: number): Piece {
    const last = this.#later.at(-1)
    if (last?.takes(bytes, this.#pieceBytes) === true) return last
    const piece = new Piece()
    this.#later.push(piece)
    return piece
  }

  #endGroup(deletes: Uint8Array): void {
    for (const piece of this.#later.reverse()) this.pieces.push(piece.encode(noDeletes))
    if (this.#gate.lastClient !== null || deletes !== noDeletes) this.pieces.push(this.#gate.encode(deletes))
    this.#gate = new Piece()
    this.#later = []
    this.#clients = 0
  }

  /** Deletes that do not fit into the last piece follow it. */
  #cutDeletes(): void {
    const reader = this.#reader
    // A range takes at most 16 bytes.
    const rangesMax = Math.max(1, Math.floor((this.#pieceBytes - pieceOverheadBytes - blockOverheadBytes) / 16))
    for (let clients = reader.readVarUint(); clients > 0; clients--) {
      const client = reader.readVarUint()
      const ranges: number[] = []
      for (let left = reader.readVarUint(); left > 0; left--) {
        const clock = reader.readVarUint()
        ranges.push(clock, clock + reader.readVarUint())
        if (ranges.length < rangesMax * 2 && left > 1) continue
        const writer = new ByteWriter()
        writer.writeVarUint(0)
        writeDeletes(writer, [{ client, ranges: ranges.splice(0) }])
        this.pieces.push(writer.toBytes())
      }
    }
  }
}

const noDeletes = Uint8Array.of(0)

interface Block {
  readonly client: number
  readonly firstClock: number
  readonly structs: ByteWriter
  structCount: number
  end: number
}

/** An update that is being put together. */
class Piece {
  readonly #blocks: Block[] = []
  bytes = pieceOverheadBytes

  get lastClient(): number | null {
    return this.#blocks.at(-1)?.client ?? null
  }

  takes(bytes: number, bytesMax: number): boolean {
    return this.#blocks.length === 0 || this.bytes + blockOverheadBytes + bytes <= bytesMax
  }

  /** Adds a struct of the clocks [from, to), whose bytes are `source[start, end)`. */
  add(client: number, from: number, to: number, source: Uint8Array, start: number, end: number): void {
    let block = this.#blocks.at(-1)
    if (block?.client !== client) {
      block = { client, firstClock: from, structs: new ByteWriter(), structCount: 0, end: from }
      this.#blocks.push(block)
      this.bytes += blockOverheadBytes
    }
    if (from > block.end) {
      block.structs.writeByte(REF_SKIP)
      block.structs.writeVarUint(from - block.end)
      block.structCount += 1
      this.bytes += headBytesMax
    }
    block.structs.write(source, start, end)
    block.structCount += 1
    block.end = to
    this.bytes += end - start
  }

  encode(deletes: Uint8Array): Uint8Array {
    const writer = new ByteWriter(this.bytes + deletes.length)
    writer.writeVarUint(this.#blocks.length)
    for (const { client, firstClock, structs, structCount } of this.#blocks) {
      writer.writeVarUint(structCount)
      writer.writeVarUint(client)
      writer.writeVarUint(firstClock)
      writer.write(structs.written)
    }
    writer.write(deletes)
    return writer.toBytes()
  }
}

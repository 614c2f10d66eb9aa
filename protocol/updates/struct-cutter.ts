// Cuts one struct into pieces, in one pass over its content however many there are.
import { ByteReader } from './byte-reader.js'
import type { ByteWriter } from './byte-writer.js'
import { HAS_ORIGIN, HAS_PARENT_SUB, HAS_RIGHT_ORIGIN, REF_GC, type StructReader } from './struct-reader.js'
import { skipAny } from './values.js'

const REF_DELETED = 1
const REF_JSON = 2
const REF_STRING = 4
const REF_ANY = 8

// U+FFFD. Yjs puts it on both sides where a surrogate pair is cut in two.
const REPLACEMENT = Uint8Array.of(0xef, 0xbf, 0xbd)

/** Holds one struct at a time. Pieces are asked for in ascending order, and each is what Yjs itself would write for those clocks. */
export class StructCutter {
  readonly #reader: ByteReader
  #info = 0
  #ref = REF_GC
  #client = 0
  #clock = 0
  #start = 0
  #rightOriginStart = 0
  #contentStart = 0
  // How far the content was gone through: the offset, and the clocks before it.
  #offset = 0
  #passed = 0

  constructor(bytes: Uint8Array) {
    this.#reader = new ByteReader(bytes, 'malformed-update')
  }

  /** Takes the struct that `structs` read last: one of `client`, no Skip, in the bytes that this cutter was made for. */
  begin(client: number, structs: StructReader): void {
    this.#client = client
    this.#clock = structs.clock
    this.#ref = structs.ref
    this.#start = structs.start
    this.#rightOriginStart = structs.rightOriginStart
    this.#contentStart = structs.contentStart
    this.#info = this.#reader.bytes[structs.start] as number
    const reader = this.#reader
    reader.offset = structs.contentStart
    // The length of the string, or the number of values.
    reader.readVarUint()
    this.#offset = reader.offset
    this.#passed = 0
  }

  /** Writes the clocks [from, to) of the struct, as a struct. */
  write(writer: ByteWriter, from: number, to: number): void {
    this.#writeHead(writer, from)
    const first = from - this.#clock
    const length = to - from
    switch (this.#ref) {
      case REF_GC:
      case REF_DELETED:
        writer.writeVarUint(length)
        return
      case REF_STRING:
        this.#writeString(writer, first, first + length)
        return
      case REF_JSON:
      case REF_ANY: {
        const start = this.#skipValues(first)
        const end = this.#skipValues(first + length)
        writer.writeVarUint(length)
        writer.write(this.#reader.bytes, start, end)
        return
      }
      default:
        throw new Error(`Invariant broken: a struct of kind ${this.#ref} is cut`)
    }
  }

  /** Info byte, ids, parent and key. What does not begin with the struct's first clock has the clock before it as its origin. */
  #writeHead(writer: ByteWriter, from: number): void {
    const { bytes } = this.#reader
    if (from === this.#clock || this.#ref === REF_GC) {
      writer.write(bytes, this.#start, this.#ref === REF_GC ? this.#start + 1 : this.#contentStart)
      return
    }
    const info = this.#info
    // A key stands only where the parent does.
    const keyed = (info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN)) === 0 ? info & HAS_PARENT_SUB : 0
    writer.writeByte(this.#ref | HAS_ORIGIN | (info & HAS_RIGHT_ORIGIN) | keyed)
    writer.writeVarUint(this.#client)
    writer.writeVarUint(from - 1)
    if ((info & HAS_RIGHT_ORIGIN) !== 0) writer.write(bytes, this.#rightOriginStart, this.#contentStart)
  }

  /** The offset of value number `index`. */
  #skipValues(index: number): number {
    const reader = this.#reader
    reader.offset = this.#offset
    for (; this.#passed < index; this.#passed++) {
      if (this.#ref === REF_JSON) reader.skipString()
      else skipAny(reader, Number.POSITIVE_INFINITY)
    }
    this.#offset = reader.offset
    return reader.offset
  }

  /** The UTF-16 units [first, end) of the string, with its length in bytes in front. */
  #writeString(writer: ByteWriter, first: number, end: number): void {
    this.#skipUnits(first)
    const cutAtStart = this.#passed < first
    if (cutAtStart) {
      this.#offset += 4
      this.#passed += 2
    }
    const start = this.#offset
    if (this.#passed < end) this.#skipUnits(end)
    const cutAtEnd = this.#passed < end
    const length = this.#offset - start
    writer.writeVarUint(length + (cutAtStart ? REPLACEMENT.length : 0) + (cutAtEnd ? REPLACEMENT.length : 0))
    if (cutAtStart) writer.write(REPLACEMENT)
    writer.write(this.#reader.bytes, start, start + length)
    if (cutAtEnd) writer.write(REPLACEMENT)
  }

  /** Goes on to unit number `units`, or to the character that it lies within. */
  #skipUnits(units: number): void {
    const { bytes } = this.#reader
    let offset = this.#offset
    let passed = this.#passed
    while (passed < units) {
      const lead = bytes[offset] as number
      const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
      const width = size > 3 ? 2 : 1
      if (passed + width > units) break
      passed += width
      offset += size
    }
    this.#offset = offset
    this.#passed = passed
  }
}

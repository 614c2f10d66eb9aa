// Reads lib0's primitives out of bytes that nobody has checked yet: every read is bounded, and nothing is allocated for a claimed length.
import { WeftError } from '../../core/errors.js'

const MORE = 0x80
// 53 bits fit into eight groups of seven. Longer encodings have no use, and lib0 turns endless ones into NaN.
const VAR_BYTES_MAX = 8

/** A cursor over `bytes`. Each method throws a WeftError with the given code at the end of the input or on a value that is out of range. */
export class ByteReader {
  readonly bytes: Uint8Array
  readonly code: 'malformed' | 'malformed-update'
  offset = 0

  constructor(bytes: Uint8Array, code: 'malformed' | 'malformed-update') {
    this.bytes = bytes
    this.code = code
  }

  fail(what: string): never {
    throw new WeftError(this.code, `${what} (at byte ${this.offset} of ${this.bytes.length}).`)
  }

  get remaining(): number {
    return this.bytes.length - this.offset
  }

  readByte(): number {
    if (this.offset >= this.bytes.length) this.fail('The input ends too early')
    return this.bytes[this.offset++] as number
  }

  skip(length: number): void {
    if (length > this.bytes.length - this.offset) this.fail('A length exceeds the input')
    this.offset += length
  }

  /** An unsigned integer up to 2^53-1, seven bits per byte, least significant first. */
  readVarUint(): number {
    const { bytes } = this
    const first = this.offset
    if (first < bytes.length) {
      const byte = bytes[first] as number
      if (byte < MORE) {
        this.offset = first + 1
        return byte
      }
    }
    return this.#readLongVarUint()
  }

  #readLongVarUint(): number {
    let value = 0
    let multiplier = 1
    for (let index = 0; index < VAR_BYTES_MAX; index++) {
      const byte = this.readByte()
      value += (byte & 0x7f) * multiplier
      if (byte < MORE) {
        if (value > Number.MAX_SAFE_INTEGER) this.fail('An integer exceeds 2^53-1')
        return value
      }
      multiplier *= 128
    }
    return this.fail('An integer exceeds 2^53-1')
  }

  /** Steps over a signed integer: the first byte holds a sign and six bits, the others seven bits each. */
  skipVarInt(): void {
    let value = 0
    let multiplier = 1
    for (let index = 0; index < VAR_BYTES_MAX; index++) {
      const byte = this.readByte()
      value += (byte & (index === 0 ? 0x3f : 0x7f)) * multiplier
      if (byte < MORE) {
        if (value > Number.MAX_SAFE_INTEGER) this.fail('An integer exceeds 2^53-1')
        return
      }
      multiplier *= index === 0 ? 64 : 128
    }
    this.fail('An integer exceeds 2^53-1')
  }

  /** A count of things that take at least `bytesEach` bytes: refused at once if they cannot fit into the rest of the input. */
  readCount(bytesEach: number): number {
    const count = this.readVarUint()
    if (count * bytesEach > this.remaining) this.fail(`A count of ${count} exceeds the input`)
    return count
  }

  /** Steps over a length-prefixed string of valid UTF-8. Returns its length in UTF-16 units, which is what Yjs counts. */
  skipString(): number {
    const length = this.readVarUint()
    if (length > this.bytes.length - this.offset) this.fail('A length exceeds the input')
    const start = this.offset
    const units = utf16Length(this.bytes, start, start + length)
    if (units < 0) this.fail('A string is not valid UTF-8')
    this.offset = start + length
    return units
  }
}

export const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80

/** From so many bytes on the engine's own decoder counts faster than we do. */
const DECODED_BYTES_MIN = 512
/** What is decoded at a time: the text of it is dropped at once. */
const DECODED_BYTES_MAX = 64 * 1024
/** Null where the environment has none, as in some that run apps. A byte order mark is a character like others. */
const decoder = typeof TextDecoder === 'undefined' ? null : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The length in UTF-16 units of the UTF-8 in `bytes[start, end)`, or -1 if it is not well formed (overlong forms and surrogates are not).
 */
export function utf16Length(bytes: Uint8Array, start: number, end: number): number {
  if (decoder === null || end - start < DECODED_BYTES_MIN) return countUnits(bytes, start, end)
  let units = 0
  for (let from = start; from < end; ) {
    let to = Math.min(end, from + DECODED_BYTES_MAX)
    // Between two characters, if there are any.
    if (to < end) for (let back = 0; back < 3 && isContinuation(bytes[to] as number); back++) to--
    try {
      units += decoder.decode(bytes.subarray(from, to)).length
    } catch {
      return -1
    }
    from = to
  }
  return units
}

function countUnits(bytes: Uint8Array, start: number, end: number): number {
  let units = 0
  let index = start
  while (index < end) {
    const byte = bytes[index] as number
    if (byte < 0x80) {
      index++
      units++
      continue
    }
    const size = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    if (byte < 0xc2 || byte > 0xf4 || index + size > end) return -1
    const second = bytes[index + 1] as number
    if (!isContinuation(second)) return -1
    if (size > 2 && !isContinuation(bytes[index + 2] as number)) return -1
    if (size > 3 && !isContinuation(bytes[index + 3] as number)) return -1
    if (
      (byte === 0xe0 && second < 0xa0) ||
      (byte === 0xed && second > 0x9f) ||
      (byte === 0xf0 && second < 0x90) ||
      (byte === 0xf4 && second > 0x8f)
    )
      return -1
    units += size > 3 ? 2 : 1
    index += size
  }
  return units
}

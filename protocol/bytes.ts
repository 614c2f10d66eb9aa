// Reading and writing lib0-encoded bytes: variable-length unsigned integers, and length-prefixed byte arrays and strings.
// The reader trusts nothing: every failure is a WeftError `malformed` that says what was being read.
import { decodeUtf8, encodeUtf8 } from 'lib0/string'
import { assert } from '../core/assert.js'
import { WeftError } from '../core/errors.js'

/** Payloads above this many bytes are sent as they lie in memory; smaller ones are cheaper to copy into one frame. */
export const sharedPartBytesMin = 4096

const PART_BYTES_MIN = 32

/** A safe integer has 53 bits, at 7 bits a byte. */
const VAR_UINT_BYTES_MAX = 8

export class MessageReader {
  readonly #bytes: Uint8Array
  readonly #what: string
  #at = 0

  /** Reads `bytes` from the start. `what` names the message in errors, such as "The awareness update". */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes
    this.#what = what
  }

  /** Offset of the next byte. */
  get position(): number {
    return this.#at
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  /** An unsigned integer, 7 bits a byte, least significant first, the top bit set on all bytes but the last. At most 2^53 − 1. */
  varUint(): number {
    let value = 0
    let scale = 1
    for (let count = 1; count <= VAR_UINT_BYTES_MAX; count++) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) throw this.malformed('ends in the middle of a number')
      this.#at += 1
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      scale *= 128
    }
    throw this.malformed('holds a number above 2^53 − 1')
  }

  /** varUint length, then that many bytes, as a view into the input. */
  varBytes(): Uint8Array {
    const length = this.varUint()
    const start = this.#at
    this.skip(length)
    return this.#bytes.subarray(start, this.#at)
  }

  /** varUint length in bytes, then UTF-8. `bytesMax` bounds the length. */
  varString(bytesMax = Number.MAX_SAFE_INTEGER): string {
    const bytes = this.varBytes()
    if (bytes.length > bytesMax) throw this.malformed(`holds a string of ${bytes.length} bytes where ${bytesMax} are allowed`)
    try {
      return decodeUtf8(bytes)
    } catch {
      throw this.malformed('holds a string that is not valid UTF-8')
    }
  }

  /** Passes over `length` bytes. */
  skip(length: number): void {
    if (length > this.remaining) throw this.malformed(`announces ${length} bytes where ${this.remaining} are left`)
    this.#at += length
  }

  /**
   * A varUint count of items that take at least `itemBytesMin` bytes each: a count that cannot fit is refused before anything is allocated.
   */
  count(itemBytesMin: number): number {
    const count = this.varUint()
    if (count > this.remaining / itemBytesMin) throw this.malformed(`announces ${count} entries in ${this.remaining} bytes`)
    return count
  }

  /** Throws unless the whole input was read. */
  end(): void {
    if (this.remaining > 0) throw this.malformed(`has ${this.remaining} bytes left over`)
  }

  malformed(problem: string): WeftError {
    return new WeftError('malformed', `${this.#what} ${problem}.`)
  }
}

/**
 * Writes one message as a list of parts. A payload above `sharedPartBytesMin` becomes a part of its own, uncopied, so that many messages
 * can share it.
 */
export class PartsWriter {
  readonly #parts: Uint8Array[] = []
  /** The part that is being written, and room for more. */
  #bytes = new Uint8Array(PART_BYTES_MIN)
  #at = 0

  varUint(value: number): this {
    this.#reserve(VAR_UINT_BYTES_MAX)
    this.#writeVarUint(value)
    return this
  }

  varString(text: string): this {
    return this.#inPlace(encodeUtf8(text))
  }

  varBytes(bytes: Uint8Array): this {
    if (bytes.length <= sharedPartBytesMin) return this.#inPlace(bytes)
    this.varUint(bytes.length)
    this.#parts.push(this.#bytes.subarray(0, this.#at), bytes)
    this.#bytes = new Uint8Array(PART_BYTES_MIN)
    this.#at = 0
    return this
  }

  /** The message's content, in order. */
  finish(): readonly Uint8Array[] {
    if (this.#at > 0 || this.#parts.length === 0) this.#parts.push(this.#bytes.subarray(0, this.#at))
    return this.#parts
  }

  #inPlace(bytes: Uint8Array): this {
    this.#reserve(VAR_UINT_BYTES_MAX + bytes.length)
    this.#writeVarUint(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }

  #writeVarUint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'a varUint is a whole number')
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.#bytes[this.#at++] = (rest % 128) | 0x80
    this.#bytes[this.#at++] = rest
  }

  /** Makes room for so many more bytes. */
  #reserve(length: number): void {
    const needed = this.#at + length
    if (needed <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(needed, Math.min(2 * this.#bytes.length, needed + sharedPartBytesMin)))
    larger.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = larger
  }
}

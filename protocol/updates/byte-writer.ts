// Bytes that are being written, in a buffer that grows: no object for each part of them.

const CAPACITY_MIN = 64

export class ByteWriter {
  #bytes: Uint8Array
  #length = 0

  constructor(capacity = CAPACITY_MIN) {
    this.#bytes = new Uint8Array(Math.max(CAPACITY_MIN, capacity))
  }

  get length(): number {
    return this.#length
  }

  /** What was written so far; valid until the next write. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** What was written so far, in a buffer of its own. */
  toBytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  clear(): void {
    this.#length = 0
  }

  writeByte(byte: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#length++] = byte
  }

  /** Seven bits per byte, least significant first; up to 2^53-1. */
  writeVarUint(value: number): void {
    if (this.#length + 8 > this.#bytes.length) this.#grow(8)
    const bytes = this.#bytes
    let rest = value
    // No bit operations beyond 31 bits: client ids have 53.
    while (rest > 0x7f_ff_ff_ff) {
      bytes[this.#length++] = 0x80 | (rest % 128)
      rest = Math.floor(rest / 128)
    }
    while (rest > 0x7f) {
      bytes[this.#length++] = 0x80 | (rest & 0x7f)
      rest >>>= 7
    }
    bytes[this.#length++] = rest
  }

  /** Copies `source[start, end)`. */
  write(source: Uint8Array, start = 0, end = source.length): void {
    const length = end - start
    if (this.#length + length > this.#bytes.length) this.#grow(length)
    this.#bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), this.#length)
    this.#length += length
  }

  #grow(by: number): void {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + by))
    larger.set(this.written)
    this.#bytes = larger
  }
}

/** How many bytes `writeVarUint` takes for `value`. */
export function varUintBytes(value: number): number {
  let bytes = 1
  for (let bound = 128; value >= bound; bound *= 128) bytes++
  return bytes
}

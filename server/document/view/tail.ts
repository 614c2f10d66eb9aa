// The tail of an open document: the updates after its base, each with the last seq that it holds. Small ones lie together in a few buffers, since a
// buffer for each keystroke would cost ten times its bytes.
import { assert } from '../../../core/assert.js'

/** Buffers for small updates begin with so many bytes, and double. */
const CHUNK_BYTES_MIN = 256
/** A full one is followed by another, so that growing never copies much. */
const CHUNK_BYTES_MAX = 16 * 1024
/** An update from this size on stays in the buffer it came in. */
const LARGE_BYTES = 2 * 1024
/** What a row costs beside its bytes: a seq and an end. */
const ROW_BYTES = 16
/** What a chunk costs beside its bytes and rows: five objects. */
const CHUNK_BYTES = 400

/** Some neighbouring rows. What lies before the last end is never changed: others hold views of it. */
interface Chunk {
  bytes: Uint8Array
  /** The seqs of its rows, ascending. */
  readonly seqs: number[]
  /** Where each row ends in `bytes`. */
  readonly ends: number[]
}

export class Tail {
  #chunks: Chunk[] = []
  #rows = 0
  #bytes = 0
  #capacity = 0

  /** How many rows it has. */
  get rows(): number {
    return this.#rows
  }

  /** The bytes of all updates. */
  get bytes(): number {
    return this.#bytes
  }

  /** What it costs in memory. */
  get heldBytes(): number {
    return this.#capacity + this.#rows * ROW_BYTES + this.#chunks.length * CHUNK_BYTES
  }

  /** Null without rows. */
  get lastSeq(): number | null {
    return this.#chunks.at(-1)?.seqs.at(-1) ?? null
  }

  /** A large `update` is kept, and must not be modified afterwards; a small one is copied. `seq` may not lie before the last one. */
  push(seq: number, update: Uint8Array): void {
    const last = this.#chunks.at(-1)
    assert((last?.seqs.at(-1) ?? seq) <= seq, 'the tail grows')
    this.#rows += 1
    this.#bytes += update.length
    if (update.length >= LARGE_BYTES) {
      this.#chunks.push({ bytes: update, seqs: [seq], ends: [update.length] })
      this.#capacity += update.length
      return
    }
    const chunk = last !== undefined && this.#makeRoom(last, update.length) ? last : this.#newChunk(update.length)
    const start = chunk.ends.at(-1) ?? 0
    chunk.bytes.set(update, start)
    chunk.seqs.push(seq)
    chunk.ends.push(start + update.length)
  }

  /** The updates of the rows from number `from` to `to`, exclusive: views, which must not be modified. */
  updates(from = 0, to = this.#rows): Uint8Array[] {
    const updates: Uint8Array[] = []
    this.#visit(from, to, (_, bytes, start, end) => {
      updates.push(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end))
      return true
    })
    return updates
  }

  /** The end of as many rows from number `from` on as hold at most `bytesMax` together: at least one, where there is one. */
  endWithin(from: number, bytesMax: number): number {
    let bytes = 0
    let row = from
    this.#visit(from, this.#rows, (_, __, start, end) => {
      bytes += end - start
      if (bytes > bytesMax && row > from) return false
      row += 1
      return true
    })
    return row
  }

  /** The length of row number `row`; 0 where there is none. */
  bytesOf(row: number): number {
    let bytes = 0
    this.#visit(row, row + 1, (_, __, start, end) => {
      bytes = end - start
      return false
    })
    return bytes
  }

  /** How many rows end at `seq` or before it. */
  rowsThrough(seq: number): number {
    let rows = 0
    for (const { seqs } of this.#chunks) {
      if ((seqs.at(-1) ?? 0) > seq) return rows + upperBound(seqs, seq)
      rows += seqs.length
    }
    return rows
  }

  /** A tail of its own with the rows from number `from` to `to`, exclusive. */
  slice(from: number, to = this.#rows): Tail {
    const tail = new Tail()
    this.#visit(from, to, (seq, bytes, start, end) => {
      tail.push(seq, start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end))
      return true
    })
    return tail
  }

  /** Calls for each row from number `from` to `to`, until one answers false. */
  #visit(from: number, to: number, row: (seq: number, bytes: Uint8Array, start: number, end: number) => boolean): void {
    let before = 0
    for (const { bytes, seqs, ends } of this.#chunks) {
      if (before >= to) return
      for (let index = Math.max(0, from - before); index < seqs.length && before + index < to; index++)
        if (!row(seqs[index] ?? 0, bytes, ends[index - 1] ?? 0, ends[index] ?? 0)) return
      before += seqs.length
    }
  }

  /** False: it is full, or is the buffer of a large update. */
  #makeRoom(chunk: Chunk, length: number): boolean {
    const used = chunk.ends.at(-1) ?? 0
    const needed = used + length
    if (needed <= chunk.bytes.length) return true
    if ((chunk.ends[0] ?? 0) >= LARGE_BYTES || needed > CHUNK_BYTES_MAX) return false
    const grown = new Uint8Array(Math.min(CHUNK_BYTES_MAX, Math.max(needed, chunk.bytes.length * 2)))
    grown.set(chunk.bytes.subarray(0, used))
    this.#capacity += grown.length - chunk.bytes.length
    chunk.bytes = grown
    return true
  }

  #newChunk(length: number): Chunk {
    const chunk = { bytes: new Uint8Array(Math.max(CHUNK_BYTES_MIN, length)), seqs: [], ends: [] }
    this.#chunks.push(chunk)
    this.#capacity += chunk.bytes.length
    return chunk
  }
}

/** How many of ascending numbers are at most `limit`. */
function upperBound(ascending: readonly number[], limit: number): number {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] ?? 0) <= limit) low = middle + 1
    else high = middle
  }
  return low
}

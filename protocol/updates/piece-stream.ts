// What somebody lacks of a document, as pieces of about the size that is asked for, cut when they are asked for: nothing is held for a slow
// receiver but a place in bytes that lie there anyway.
//
// `in-order`: each client's clocks ascend over the pieces, so that a receiver which keeps them knows by a state vector what it has; but for
// edits that lie in an earlier source than those they wait for. It merges them. `heads-last`: for receivers that apply each piece as it
// comes. The first struct of each client is withheld, so that Yjs keeps all that follows on it and shows nothing, until the closing update
// brings what was withheld, and the deletions: then all of it takes effect in one transaction.

import { assert } from '../../core/assert.js'
import { type BlockPlace, beginBlock, readBlock } from './block-reader.js'
import { ByteReader } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'
import type { EncodedDocument } from './encoded-document.js'
import { writeDeletes } from './encoding.js'
import { Piece, type Slice } from './piece.js'
import { normalizeRanges } from './ranges.js'

export type PieceOrder = 'in-order' | 'heads-last'

/** Read next: a block, or the delete set, of one of the sources. A value, like all places. */
type Place =
  | { readonly kind: 'structs'; readonly source: number; readonly block: number; readonly at: BlockPlace | null }
  | { readonly kind: 'deletes'; readonly source: number; readonly at: DeletesPlace | null }
  | { readonly kind: 'end' }

interface DeletesPlace {
  readonly offset: number
  /** Clients after this one. */
  readonly clientsLeft: number
  readonly client: number
  readonly rangesLeft: number
}

/** A piece that other streams of the same sources will want. */
interface Kept {
  readonly update: Uint8Array
  readonly next: Place
}

const KEPT_BYTES_MAX = 8 * 1024 * 1024

/** Pieces of streams of the same sources to receivers that have the same, so that many who join at once share what was cut. */
export class SharedPieces {
  readonly #kept = new Map<string, Kept>()
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  get(key: string): Kept | undefined {
    return this.#kept.get(key)
  }

  add(key: string, kept: Kept): void {
    this.#kept.set(key, kept)
    this.#bytes += kept.update.length
    for (const [oldest, { update }] of this.#kept) {
      if (this.#bytes <= KEPT_BYTES_MAX) return
      this.#kept.delete(oldest)
      this.#bytes -= update.length
    }
  }
}

export interface PieceStreamOptions {
  /** Applied in this order. */
  readonly sources: readonly EncodedDocument[]
  /** What the receiver has of them. */
  readonly known: ReadonlyMap<number, number>
  readonly order: PieceOrder
  /** Whether the receiver's document is empty. */
  readonly hasNothing: boolean
  readonly shared: SharedPieces | null
}

export class PieceStream {
  readonly #sources: readonly EncodedDocument[]
  readonly #known: ReadonlyMap<number, number>
  readonly #order: PieceOrder
  readonly #shared: SharedPieces | null
  readonly #deletesEarly: boolean
  #place: Place = { kind: 'structs', source: 0, block: 0, at: null }

  /** `shared` is for streams of the same sources in the same order, to receivers that have the same. */
  constructor({ sources, known, order, hasNothing, shared }: PieceStreamOptions) {
    this.#sources = sources
    this.#order = order
    this.#shared = shared
    // A receiver that has nothing can be told of deletions before it has what they delete. Any other would see them without what replaces
    // it.
    this.#deletesEarly = order === 'in-order' || hasNothing
    // What somebody claims to have of clients that are not in the document is not kept for the time of a slow transfer.
    this.#known = new Map([...known].filter(([client]) => sources.some((source) => source.blockOf(client) >= 0)))
  }

  /** A piece of about `bytesMax` bytes, or null when only the closing update is left. */
  next(bytesMax: number): Uint8Array | null {
    assert(Number.isSafeInteger(bytesMax) && bytesMax > 0, 'a piece has a whole number of bytes')
    const key = this.#shared === null ? '' : `${bytesMax} ${JSON.stringify(this.#place, withoutBytes)}`
    const kept = this.#shared?.get(key)
    if (kept !== undefined) {
      this.#place = kept.next
      return kept.update
    }
    const piece = new Piece()
    while (piece.bytes < bytesMax && this.#step(piece, bytesMax)) {}
    if (piece.isEmpty) return null
    const update = piece.encode()
    this.#shared?.add(key, { update, next: this.#place })
    return update
  }

  /** What completes the pieces: to be applied in one transaction. Empty where the pieces are everything. */
  closing(): readonly Uint8Array[] {
    if (this.#order === 'in-order') return []
    const piece = new Piece()
    for (let source = 0; source < this.#sources.length; source++) {
      const document = this.#sources[source] as EncodedDocument
      for (let block = 0; block < document.blockCount; block++) {
        const head = this.#begin(source, block)?.head ?? null
        if (head !== null) piece.add(head)
      }
    }
    return [this.#deletesEarly ? piece.encode() : piece.encode(this.#allDeletes())]
  }

  /** Adds what comes next to the piece. False when the piece has to end here. */
  #step(piece: Piece, bytesMax: number): boolean {
    const place = this.#place
    switch (place.kind) {
      case 'structs':
        return this.#stepStructs(piece, place, bytesMax)
      case 'deletes':
        return this.#stepDeletes(piece, place, bytesMax)
      case 'end':
        return false
    }
  }

  #stepStructs(piece: Piece, place: Place & { kind: 'structs' }, bytesMax: number): boolean {
    const { source, block, at } = place
    const document = this.#sources[source]
    if (document === undefined) {
      this.#place = this.#deletesEarly ? { kind: 'deletes', source: 0, at: null } : { kind: 'end' }
      return true
    }
    if (block >= document.blockCount) {
      this.#place = { kind: 'structs', source: source + 1, block: 0, at: null }
      return true
    }
    const after = (next: BlockPlace | null): Place =>
      next === null ? { kind: 'structs', source, block: block + 1, at: null } : { kind: 'structs', source, block, at: next }
    if (at !== null) {
      const { slice, next } = readBlock(document, at, bytesMax - piece.bytes)
      if (!piece.add(slice)) return false
      this.#place = after(next)
      return true
    }
    const begun = this.#begin(source, block)
    if (begun === null) {
      this.#place = after(null)
      return true
    }
    if (begun.rest !== null && !piece.add(begun.rest)) return false
    this.#place = after(begun.next)
    return true
  }

  /** Begins a block after what the receiver has: its head, if that is withheld; else a rest that goes first, if there is one. */
  #begin(
    source: number,
    block: number,
  ): { readonly head: Slice | null; readonly rest: Slice | null; readonly next: BlockPlace | null } | null {
    const document = this.#sources[source] as EncodedDocument
    const client = document.clientOf(block)
    const begun = beginBlock(document, block, this.#known.get(client) ?? 0)
    if (begun === null) return null
    const { rest, next } = begun
    if (this.#order === 'in-order' || !this.#isHead(source, client)) return { head: null, rest, next }
    if (rest !== null) return { head: rest, rest: null, next }
    if (next === null) return null
    const read = readBlock(document, next, 1)
    return { head: read.slice, rest: null, next: read.next }
  }

  /**
   * Whether this source has the lowest of the client's clocks that the receiver lacks: a source may hold edits that wait for those of a
   * later one.
   */
  #isHead(source: number, client: number): boolean {
    const own = this.#lowestClock(source, client)
    return this.#sources.every((_, other) => {
      const clock = this.#lowestClock(other, client)
      return clock > own || (clock === own && other >= source)
    })
  }

  #lowestClock(source: number, client: number): number {
    const document = this.#sources[source] as EncodedDocument
    const known = this.#known.get(client) ?? 0
    const block = document.blockOf(client)
    return block < 0 || document.endClockOf(block) <= known ? Number.POSITIVE_INFINITY : Math.max(known, document.firstClockOf(block))
  }

  #stepDeletes(piece: Piece, place: Place & { kind: 'deletes' }, bytesMax: number): boolean {
    const { source } = place
    const document = this.#sources[source]
    if (document === undefined) {
      this.#place = { kind: 'end' }
      return false
    }
    const reader = new ByteReader(document.bytes, 'malformed-update')
    let at = place.at
    if (at === null) {
      reader.offset = document.deletesOffset
      at = { clientsLeft: reader.readVarUint(), offset: reader.offset, client: 0, rangesLeft: 0 }
    }
    reader.offset = at.offset
    let { clientsLeft, client, rangesLeft } = at
    while (rangesLeft === 0 && clientsLeft > 0) {
      clientsLeft--
      client = reader.readVarUint()
      rangesLeft = reader.readVarUint()
    }
    if (rangesLeft === 0) {
      this.#place = { kind: 'deletes', source: source + 1, at: null }
      // A client stands in a delete set once.
      return piece.isEmpty
    }
    const start = reader.offset
    const stop = start + Math.max(1, bytesMax - piece.bytes)
    let rangeCount = 0
    for (; rangesLeft > 0 && reader.offset < stop; rangesLeft--) {
      reader.readVarUint()
      reader.readVarUint()
      rangeCount++
    }
    piece.addDeletes({ client, rangeCount, bytes: document.bytes.subarray(start, reader.offset) })
    this.#place = { kind: 'deletes', source, at: { offset: reader.offset, clientsLeft, client, rangesLeft } }
    return rangesLeft === 0
  }

  /** The delete sets of all sources, as one. */
  #allDeletes(): Uint8Array {
    const byClient = new Map<number, number[]>()
    for (const { bytes, deletesOffset } of this.#sources) {
      const reader = new ByteReader(bytes, 'malformed-update')
      reader.offset = deletesOffset
      for (let clients = reader.readVarUint(); clients > 0; clients--) {
        const client = reader.readVarUint()
        const ranges = byClient.get(client) ?? []
        byClient.set(client, ranges)
        for (let count = reader.readVarUint(); count > 0; count--) {
          const clock = reader.readVarUint()
          ranges.push(clock, clock + reader.readVarUint())
        }
      }
    }
    const writer = new ByteWriter()
    const deletes = [...byClient].filter(([, ranges]) => ranges.length > 0).sort((a, b) => b[0] - a[0])
    writeDeletes(
      writer,
      deletes.map(([client, ranges]) => ({ client, ranges: normalizeRanges(ranges) })),
    )
    return writer.toBytes()
  }
}

function withoutBytes(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? undefined : value
}

// The encoded state vector of a document with many clients, kept in pieces: a change encodes the piece of its client anew, and a reader
// copies the pieces.
import { ByteWriter } from './byte-writer.js'

const PIECE_CLIENTS_MAX = 256

interface Piece {
  /** In descending order. */
  clients: number[]
  /** Null while it is not encoded. */
  encoded: { readonly bytes: Uint8Array; readonly entries: number } | null
}

/** The clock of a client's first gap: 0 if nothing is there from clock 0 on. */
export type ClockOf = (client: number) => number

export class KeptStateVector {
  readonly #clockOf: ClockOf
  /** In descending order of clients, none empty. */
  #pieces: Piece[] = []

  constructor(clients: Iterable<number>, clockOf: ClockOf) {
    this.#clockOf = clockOf
    const sorted = Float64Array.from(clients).sort().reverse()
    for (let start = 0; start < sorted.length; start += PIECE_CLIENTS_MAX)
      this.#pieces.push({ clients: Array.from(sorted.subarray(start, start + PIECE_CLIENTS_MAX)), encoded: null })
  }

  /** A client that is not there yet. */
  add(client: number): void {
    const piece = this.#pieceOf(client)
    if (piece === undefined) {
      this.#pieces.push({ clients: [client], encoded: null })
      return
    }
    piece.encoded = null
    let low = 0
    let high = piece.clients.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((piece.clients[middle] as number) > client) low = middle + 1
      else high = middle
    }
    piece.clients.splice(low, 0, client)
    if (piece.clients.length <= PIECE_CLIENTS_MAX) return
    const half = piece.clients.splice(PIECE_CLIENTS_MAX / 2)
    this.#pieces.splice(this.#pieces.indexOf(piece) + 1, 0, { clients: half, encoded: null })
  }

  /** The clock of a client that is there has changed. */
  changed(client: number): void {
    const piece = this.#pieceOf(client)
    if (piece !== undefined) piece.encoded = null
  }

  /** `exceptions`: clocks that count instead of what `clockOf` says, this time. */
  encode(exceptions: ReadonlyMap<number, number>): Uint8Array {
    const pieces = new Map<Piece, Piece['encoded']>()
    const clockOf: ClockOf = (client) => exceptions.get(client) ?? this.#clockOf(client)
    for (const client of exceptions.keys()) {
      const piece = this.#pieceOf(client)
      if (piece !== undefined && !pieces.has(piece)) pieces.set(piece, encodePiece(piece, clockOf))
    }
    let entries = 0
    let length = 0
    const parts: Uint8Array[] = []
    for (const piece of this.#pieces) {
      let encoded = pieces.get(piece) ?? piece.encoded
      if (encoded === null) {
        encoded = encodePiece(piece, this.#clockOf)
        piece.encoded = encoded
      }
      entries += encoded.entries
      length += encoded.bytes.length
      parts.push(encoded.bytes)
    }
    const writer = new ByteWriter(length + 8)
    writer.writeVarUint(entries)
    for (const part of parts) writer.write(part)
    return writer.toBytes()
  }

  get byteLength(): number {
    let bytes = 0
    for (const { clients, encoded } of this.#pieces) bytes += clients.length * 8 + (encoded?.bytes.length ?? 0)
    return bytes
  }

  /** The piece that `client` is or would be in. */
  #pieceOf(client: number): Piece | undefined {
    let low = 0
    let high = this.#pieces.length
    // The last piece whose first client is not smaller; the first one for a client larger than all.
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if ((this.#pieces[middle]?.clients[0] ?? 0) >= client) low = middle
      else high = middle
    }
    return this.#pieces[low]
  }
}

const scratch = new ByteWriter(PIECE_CLIENTS_MAX * 13)

function encodePiece({ clients }: Piece, clockOf: ClockOf): NonNullable<Piece['encoded']> {
  scratch.clear()
  let entries = 0
  for (const client of clients) {
    const clock = clockOf(client)
    if (clock === 0) continue
    scratch.writeVarUint(client)
    scratch.writeVarUint(clock)
    entries++
  }
  return { bytes: scratch.toBytes(), entries }
}

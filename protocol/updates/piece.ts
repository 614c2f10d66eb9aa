// Puts one piece together: an update of byte ranges that were cut out of other updates.
import { ByteWriter } from './byte-writer.js'
import { type BlockPieces, encodeUpdate, encodeVarUints } from './encoding.js'
import { REF_SKIP } from './struct-reader.js'

/** Contiguous clocks of one client, as they lie in the bytes of an update. */
export interface Slice {
  readonly client: number
  readonly firstClock: number
  readonly endClock: number
  readonly structCount: number
  readonly pieces: readonly Uint8Array[]
}

/** Delete ranges of one client, as they lie in the bytes of an update. */
export interface DeleteSlice {
  readonly client: number
  readonly rangeCount: number
  readonly bytes: Uint8Array
}

interface Block {
  readonly firstClock: number
  endClock: number
  structCount: number
  readonly pieces: Uint8Array[]
}

export class Piece {
  readonly #blocks = new Map<number, Block>()
  readonly #deletes: DeleteSlice[] = []
  bytes = 0

  /** False if the client's clocks of this piece do not lie before it: then it belongs into a piece of its own. */
  add({ client, firstClock, endClock, structCount, pieces }: Slice): boolean {
    const block = this.#blocks.get(client)
    if (block === undefined) this.#blocks.set(client, { firstClock, endClock, structCount, pieces: [...pieces] })
    else {
      if (block.endClock > firstClock) return false
      if (block.endClock < firstClock) {
        block.pieces.push(encodeVarUints([REF_SKIP, firstClock - block.endClock]))
        block.structCount++
      }
      block.endClock = endClock
      block.structCount += structCount
      block.pieces.push(...pieces)
    }
    for (const bytes of pieces) this.bytes += bytes.length
    return true
  }

  /** Each client once. */
  addDeletes(slice: DeleteSlice): void {
    this.#deletes.push(slice)
    this.bytes += slice.bytes.length
  }

  get isEmpty(): boolean {
    return this.#blocks.size === 0 && this.#deletes.length === 0
  }

  encode(deleteSet: Uint8Array = this.#encodeDeletes()): Uint8Array {
    const blocks: BlockPieces[] = []
    for (const [client, { firstClock, structCount, pieces }] of [...this.#blocks].sort((a, b) => b[0] - a[0]))
      blocks.push({ client, firstClock, structCount, pieces })
    return encodeUpdate(blocks, deleteSet)
  }

  #encodeDeletes(): Uint8Array {
    const writer = new ByteWriter()
    writer.writeVarUint(this.#deletes.length)
    for (const { client, rangeCount, bytes } of this.#deletes) {
      writer.writeVarUint(client)
      writer.writeVarUint(rangeCount)
      writer.write(bytes)
    }
    return writer.toBytes()
  }
}

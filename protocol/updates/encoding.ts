// Puts updates together out of byte ranges of others.
import { diffUpdate } from 'yjs'
import { ByteWriter } from './byte-writer.js'

const emptyDeleteSet = Uint8Array.of(0)

/** The structs of one client in an update that is being written. */
export interface BlockPieces {
  readonly client: number
  readonly firstClock: number
  readonly structCount: number
  readonly pieces: readonly Uint8Array[]
}

export function encodeVarUints(values: readonly number[]): Uint8Array {
  const writer = new ByteWriter(values.length * 4)
  for (const value of values) writer.writeVarUint(value)
  return writer.toBytes()
}

/** An update of `blocks` (descending client ids) and an encoded delete set. */
export function encodeUpdate(blocks: readonly BlockPieces[], deleteSet: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [encodeVarUints([blocks.length])]
  for (const block of blocks) {
    pieces.push(encodeVarUints([block.structCount, block.client, block.firstClock]))
    for (const piece of block.pieces) pieces.push(piece)
  }
  pieces.push(deleteSet)
  return concatenate(pieces)
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const piece of pieces) length += piece.length
  const result = new Uint8Array(length)
  let offset = 0
  for (const piece of pieces) {
    result.set(piece, offset)
    offset += piece.length
  }
  return result
}

/** Writes a delete set: flat start, end pairs per client, in descending order of client ids. */
export function writeDeletes(
  writer: ByteWriter,
  deletes: readonly { readonly client: number; readonly ranges: readonly number[] }[],
): void {
  writer.writeVarUint(deletes.length)
  for (const { client, ranges } of deletes) {
    writer.writeVarUint(client)
    writer.writeVarUint(ranges.length / 2)
    for (let index = 0; index < ranges.length; index += 2) {
      writer.writeVarUint(ranges[index] as number)
      writer.writeVarUint((ranges[index + 1] as number) - (ranges[index] as number))
    }
  }
}

/** The part of an encoded struct (client, clock) from `cut` on (clock < cut < its end): what Yjs itself would write. */
export function structFrom(struct: Uint8Array, client: number, clock: number, cut: number): Uint8Array {
  const alone = encodeUpdate([{ client, firstClock: clock, structCount: 1, pieces: [struct] }], emptyDeleteSet)
  const difference = diffUpdate(alone, encodeVarUints([1, client, cut]))
  const headLength = encodeVarUints([1, 1, client, cut]).length
  return difference.subarray(headLength, difference.length - emptyDeleteSet.length)
}

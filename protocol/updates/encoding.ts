// Puts updates together out of byte ranges of others.
import { diffUpdate } from 'yjs'
import { ByteReader } from './byte-reader.js'
import { skipAny } from './values.js'

const emptyDeleteSet = Uint8Array.of(0)

/** The structs of one client in an update that is being written. */
export interface BlockPieces {
  readonly client: number
  readonly firstClock: number
  readonly structCount: number
  readonly pieces: readonly Uint8Array[]
}

function pushVarUint(target: number[], value: number): void {
  let rest = value
  // No bit operations: client ids have 53 bits.
  while (rest > 0x7f) {
    target.push(0x80 | (rest % 128))
    rest = Math.floor(rest / 128)
  }
  target.push(rest)
}

export function encodeVarUints(values: readonly number[]): Uint8Array {
  const target: number[] = []
  for (const value of values) pushVarUint(target, value)
  return Uint8Array.from(target)
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

/** A delete set: flat start, end pairs per client, in descending order of client ids. */
export function encodeDeletes(deletes: readonly { readonly client: number; readonly ranges: readonly number[] }[]): Uint8Array {
  const target: number[] = []
  pushVarUint(target, deletes.length)
  for (const { client, ranges } of deletes) {
    pushVarUint(target, client)
    pushVarUint(target, ranges.length / 2)
    for (let index = 0; index < ranges.length; index += 2) {
      pushVarUint(target, ranges[index] as number)
      pushVarUint(target, (ranges[index + 1] as number) - (ranges[index] as number))
    }
  }
  return Uint8Array.from(target)
}

/** The part of an encoded struct (client, clock) from `cut` on (clock < cut < its end): what Yjs itself would write. */
export function structFrom(struct: Uint8Array, client: number, clock: number, cut: number): Uint8Array {
  const alone = encodeUpdate([{ client, firstClock: clock, structCount: 1, pieces: [struct] }], emptyDeleteSet)
  const difference = diffUpdate(alone, encodeVarUints([1, client, cut]))
  const headLength = encodeVarUints([1, 1, client, cut]).length
  return difference.subarray(headLength, difference.length - emptyDeleteSet.length)
}

const replacementCharacter = Uint8Array.of(0xef, 0xbf, 0xbd)

/**
 * The first `length` clocks of an encoded struct of more than that. `contentStart` is where its content begins, `ref` of which kind it is.
 * Like Yjs, it replaces a surrogate pair that is cut in two by U+FFFD on both sides.
 */
export function structUntil(struct: Uint8Array, contentStart: number, ref: number, length: number): Uint8Array {
  const head = struct.subarray(0, contentStart)
  const reader = new ByteReader(struct, 'malformed-update')
  reader.offset = contentStart
  const claimed = reader.readVarUint()
  const start = reader.offset
  switch (ref) {
    case 0: // GC
    case 1: // deleted
      return concatenate([head, encodeVarUints([length])])
    case 2: // JSON
      for (let index = 0; index < length; index++) reader.skipString()
      return concatenate([head, encodeVarUints([length]), struct.subarray(start, reader.offset)])
    case 4: {
      let end = start
      let units = 0
      for (let next = start; units < length; ) {
        end = next
        next += utf8Size(struct[next] as number)
        units += next - end > 3 ? 2 : 1
        if (units <= length) end = next
      }
      const tail = units > length ? replacementCharacter : new Uint8Array(0)
      return concatenate([head, encodeVarUints([end - start + tail.length]), struct.subarray(start, end), tail])
    }
    case 8: // any
      for (let index = 0; index < length; index++) skipAny(reader, Number.POSITIVE_INFINITY)
      return concatenate([head, encodeVarUints([length]), struct.subarray(start, reader.offset)])
    default:
      throw new Error(`Invariant broken: a struct of kind ${ref} and ${claimed} clocks is cut at ${length}`)
  }
}

const utf8Size = (lead: number): number => (lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4)

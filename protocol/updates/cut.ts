// Cuts clock ranges out of a client's structs in an inspected update, copying whole structs as bytes.
import { ByteReader } from './byte-reader.js'
import { type BlockPieces, encodeVarUints, structFrom } from './encoding.js'
import { CHECKPOINT_FIELDS, type ClientBlock, type InspectedUpdate } from './inspect.js'
import { REF_SKIP, StructReader } from './struct-reader.js'

/**
 * The structs of block `blockIndex` that hold a clock of `ranges` (sorted, not empty, all in the block), with Skips in between.
 * A struct is cut at the front only: clocks behind a range that share its last struct come along.
 */
export function cutBlock(update: InspectedUpdate, blockIndex: number, ranges: readonly number[]): BlockPieces {
  const block = update.blocks[blockIndex] as ClientBlock
  const { client } = block
  const reader = new ByteReader(update.bytes, 'malformed-update')
  const structs = new StructReader(reader, Number.POSITIVE_INFINITY)
  let clock = seek(reader, update, blockIndex, ranges[0] as number)
  const pieces: Uint8Array[] = []
  let structCount = 0
  let firstClock = -1
  // End of what was taken so far, and where the run of whole structs that is not yet in `pieces` begins.
  let takenEnd = -1
  let runStart = -1
  let range = 0
  while (reader.offset < block.end) {
    while (range < ranges.length && (ranges[range + 1] as number) <= Math.max(clock, takenEnd)) range += 2
    if (range >= ranges.length) break
    structs.read(client, clock)
    const end = clock + structs.length
    const from = Math.max(clock, ranges[range] as number)
    const taken = from < end && structs.ref !== REF_SKIP
    if (runStart >= 0 && (!taken || from > clock)) {
      pieces.push(update.bytes.subarray(runStart, structs.start))
      runStart = -1
    }
    if (taken) {
      if (firstClock < 0) firstClock = from
      else if (from > takenEnd) {
        pieces.push(encodeVarUints([REF_SKIP, from - takenEnd]))
        structCount++
      }
      if (from > clock) pieces.push(structFrom(update.bytes.subarray(structs.start, reader.offset), client, clock, from))
      else if (runStart < 0) runStart = structs.start
      structCount++
      takenEnd = end
    }
    clock = end
  }
  if (runStart >= 0) pieces.push(update.bytes.subarray(runStart, reader.offset))
  return { client, firstClock, structCount, pieces }
}

/** Puts the reader on the last checkpoint of a block that is not behind `clock`; returns the clock there. */
function seek(reader: ByteReader, update: InspectedUpdate, blockIndex: number, clock: number): number {
  const { checkpoints } = update
  const block = update.blocks[blockIndex] as ClientBlock
  let low = 0
  let high = checkpoints.length / CHECKPOINT_FIELDS
  while (low < high) {
    const middle = (low + high) >>> 1
    const at = middle * CHECKPOINT_FIELDS
    const index = checkpoints[at] as number
    if (index < blockIndex || (index === blockIndex && (checkpoints[at + 1] as number) <= clock)) low = middle + 1
    else high = middle
  }
  const at = (low - 1) * CHECKPOINT_FIELDS
  if (low > 0 && checkpoints[at] === blockIndex) {
    reader.offset = checkpoints[at + 2] as number
    return checkpoints[at + 1] as number
  }
  reader.offset = block.offset
  return block.firstClock
}

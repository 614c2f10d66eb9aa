// Cuts clock ranges out of a client's structs in an inspected update, copying whole structs as bytes. One pass: its cost grows with the
// block and the ranges.
import type { Sliced } from '../../core/slices.js'
import { ByteReader } from './byte-reader.js'
import type { ByteWriter } from './byte-writer.js'
import { CHECKPOINT_FIELDS, type ClientBlock, type InspectedUpdate } from './inspect.js'
import { StructCutter } from './struct-cutter.js'
import { REF_SKIP, StructReader } from './struct-reader.js'

/** What is read and written between two stops. */
const STEP_PARTS = 4096
const STEP_BYTES = 128 * 1024

/**
 * Writes the clocks `ranges` (sorted, not empty, none of them a Skip) of block `blockIndex` as structs, with Skips in between; returns how
 * many. Exact at both ends: a log in which no clock stands twice never makes Yjs integrate a struct in part, which can throw on a forged
 * history.
 */
export function* cuttingBlock(update: InspectedUpdate, blockIndex: number, ranges: readonly number[], writer: ByteWriter): Sliced<number> {
  const block = update.blocks[blockIndex] as ClientBlock
  const { client } = block
  const reader = new ByteReader(update.bytes, 'malformed-update')
  const structs = new StructReader(reader, Number.POSITIVE_INFINITY)
  const cutter = new StructCutter(update.bytes)
  let clock = seek(reader, update, blockIndex, ranges[0] as number)
  let structCount = 0
  // End of what was taken so far, and where the run of whole structs that is not yet written begins.
  let takenEnd = ranges[0] as number
  let runStart = -1
  const endRun = (offset: number): void => {
    if (runStart >= 0) writer.write(update.bytes, runStart, offset)
    runStart = -1
  }
  let range = 0
  let parts = 0
  let stopAt = reader.offset + STEP_BYTES
  while (range < ranges.length && reader.offset < block.end) {
    if (reader.offset >= stopAt || ++parts >= STEP_PARTS) {
      stopAt = reader.offset + STEP_BYTES
      parts = 0
      yield
    }
    structs.read(client, clock)
    const end = clock + structs.length
    const { start } = structs
    if ((ranges[range] as number) >= end) endRun(start)
    let begun = false
    while (range < ranges.length && (ranges[range] as number) < end) {
      const from = Math.max(clock, ranges[range] as number)
      const to = Math.min(end, ranges[range + 1] as number)
      if (from > takenEnd) {
        endRun(start)
        writer.writeByte(REF_SKIP)
        writer.writeVarUint(from - takenEnd)
        structCount++
      }
      if (from > clock || to < end) {
        endRun(start)
        if (!begun) cutter.begin(client, structs)
        begun = true
        cutter.write(writer, from, to)
      } else if (runStart < 0) runStart = start
      structCount++
      takenEnd = to
      if ((ranges[range + 1] as number) > end) break
      range += 2
    }
    clock = end
  }
  endRun(reader.offset)
  return structCount
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

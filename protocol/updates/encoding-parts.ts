// Parts of an update, as an update: what of it somebody lacks.
import type { Sliced } from '../../core/slices.js'
import { ByteWriter } from './byte-writer.js'
import { cuttingBlock } from './cut.js'
import type { ClientDeletes } from './delete-set-reader.js'
import { writeDeletes } from './encoding.js'
import type { InspectedUpdate } from './inspect.js'

/** Blocks between two stops. */
const STEP_PARTS = 4096
/** What the writer of a part begins with, at most. */
const PART_BYTES = 4096

/** `newRanges` (sorted, possibly empty) of each block of `update`, and `deletes`, as an update. */
export function* encodingParts(
  update: InspectedUpdate,
  newRanges: readonly (readonly number[])[],
  deletes: readonly ClientDeletes[],
): Sliced<Uint8Array> {
  const writer = new ByteWriter(Math.min(update.bytes.length, PART_BYTES))
  const structs = new ByteWriter()
  let blockCount = 0
  for (const ranges of newRanges) if (ranges.length > 0) blockCount++
  writer.writeVarUint(blockCount)
  for (const [index, ranges] of newRanges.entries()) {
    if (ranges.length === 0) continue
    structs.clear()
    writer.writeVarUint(yield* cuttingBlock(update, index, ranges, structs))
    writer.writeVarUint(update.blocks[index]?.client ?? 0)
    writer.writeVarUint(ranges[0] ?? 0)
    writer.write(structs.written)
    if (index % STEP_PARTS === STEP_PARTS - 1) yield
  }
  writeDeletes(writer, deletes)
  return writer.toBytes()
}

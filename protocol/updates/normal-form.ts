// The form in which an update is logged: what Yjs would have written, with the same ids, clocks and deletes.
//
// Neighbouring GCs, and neighbouring Skips, are merged into one each: a GC takes two bytes, and in a Y.Doc a hundred times that. Delete
// ranges are put in order: of ranges out of order that have to wait for their structs Yjs makes others.
import { runAtOnce, type Sliced } from '../../core/slices.js'
import { ByteReader } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'
import { writeDeletes } from './encoding.js'
import type { ClientBlock, InspectedUpdate } from './inspect.js'
import { REF_GC, REF_SKIP, StructReader } from './struct-reader.js'

/** Between two stops. */
const STEP_STRUCTS = 4096

export function isNormal(update: InspectedUpdate): boolean {
  return update.mergeableCount === 0 && update.deletesInOrder
}

export function normalForm(update: InspectedUpdate): Uint8Array {
  return runAtOnce(normalizing(update))
}

/** The same in slices. */
export function* normalizing(update: InspectedUpdate): Sliced<Uint8Array> {
  const writer = new ByteWriter(update.bytes.length - update.mergeableCount * 2)
  const structs = new ByteWriter()
  writer.writeVarUint(update.blocks.length)
  for (const [index, block] of update.blocks.entries()) {
    if (index % STEP_STRUCTS === STEP_STRUCTS - 1) yield
    structs.clear()
    writer.writeVarUint(yield* writingMerged(update.bytes, block, structs))
    writer.writeVarUint(block.client)
    writer.writeVarUint(block.firstClock)
    writer.write(structs.written)
  }
  writeDeletes(writer, update.deletes)
  return writer.toBytes()
}

/** Returns how many structs it wrote. */
function* writingMerged(bytes: Uint8Array, block: ClientBlock, writer: ByteWriter): Sliced<number> {
  const reader = new ByteReader(bytes, 'malformed-update')
  const structs = new StructReader(reader, Number.POSITIVE_INFINITY)
  reader.offset = block.offset
  let clock = block.firstClock
  let count = 0
  // The run of GCs or Skips that is not written yet, and where the stretch of other structs begins that is not.
  let runRef = -1
  let runLength = 0
  let stretchStart = -1
  const endRun = (): void => {
    if (runLength === 0) return
    writer.writeByte(runRef)
    writer.writeVarUint(runLength)
    count++
    runLength = 0
  }
  for (let ordinal = 0; ordinal < block.structCount; ordinal++) {
    if (ordinal % STEP_STRUCTS === STEP_STRUCTS - 1) yield
    structs.read(block.client, clock)
    clock += structs.length
    const { ref, start, length } = structs
    if (ref === REF_GC || ref === REF_SKIP) {
      if (stretchStart >= 0) writer.write(bytes, stretchStart, start)
      stretchStart = -1
      if (ref !== runRef) endRun()
      runRef = ref
      runLength += length
    } else {
      endRun()
      if (stretchStart < 0) stretchStart = start
      count++
    }
  }
  if (stretchStart >= 0) writer.write(bytes, stretchStart, block.end)
  endRun()
  return count
}

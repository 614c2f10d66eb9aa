// Divides an update by the client ids that made its structs, on its bytes.
import { ByteWriter } from './byte-writer.js'
import { type BlockPieces, encodeUpdate, writeDeletes } from './encoding.js'
import { inspectUpdate, storedBounds } from './inspect.js'

const noDeletes = Uint8Array.of(0)

export interface DividedUpdate<Group> {
  /** The structs of each group, as one v1 update. They may build on each other: applying all of them, in any order, is applying the whole. */
  readonly structs: ReadonlyMap<Group, Uint8Array>
  /** What the update deletes, as a v1 update; null: nothing. Nothing in an update says which client deleted what. */
  readonly deletes: Uint8Array | null
}

/** `update`: v1, one that was stored before or will be inspected again. Throws `malformed-update`. */
export function divideByClient<Group>(update: Uint8Array, groupOf: (clientId: number) => Group): DividedUpdate<Group> {
  const { blocks, deletes } = inspectUpdate(update, storedBounds)
  const groups = new Map<Group, BlockPieces[]>()
  for (const { client, firstClock, structCount, offset, end } of blocks) {
    const group = groupOf(client)
    const found = groups.get(group) ?? []
    groups.set(group, found)
    found.push({ client, firstClock, structCount, pieces: [update.subarray(offset, end)] })
  }
  const structs = new Map([...groups].map(([group, pieces]) => [group, encodeUpdate(pieces, noDeletes)]))
  if (deletes.length === 0) return { structs, deletes: null }
  const writer = new ByteWriter()
  writer.writeVarUint(0)
  writeDeletes(writer, deletes)
  return { structs, deletes: writer.toBytes() }
}

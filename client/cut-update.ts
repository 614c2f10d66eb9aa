// Cuts an update that is larger than one message into parts that together mean the same.
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'

type Struct = Y.Item | Y.GC | Y.Skip

/** Struct counts, client ids and clocks around a part's content, generously. */
const partOverheadBytes = 64

/**
 * Parts of a v1 update, each at most `bytesMax` bytes, to be applied in order (in any order they converge). An update that fits is returned as it is.
 * A struct that is too large is split like Yjs splits it when somebody types into its middle. Throws a RangeError when a single character, value or
 * embedded object is larger than `bytesMax`.
 */
export function cutUpdate(update: Uint8Array, bytesMax: number): Uint8Array[] {
  if (update.length <= bytesMax) return [update]
  const { structs, ds } = Y.decodeUpdate(update)
  return [...cutStructs(structs, bytesMax), ...cutDeletes(ds.clients, bytesMax)]
}

function cutStructs(structs: readonly Struct[], bytesMax: number): Uint8Array[] {
  const parts: Uint8Array[] = []
  let run: Struct[] = []
  let runBytes = partOverheadBytes
  const flush = (): void => {
    const first = run[0]
    if (first !== undefined) parts.push(encodeRun(first.id, run))
    run = []
    runBytes = partOverheadBytes
  }
  for (const struct of structs.flatMap((whole) => splitToFit(whole, bytesMax - partOverheadBytes))) {
    // A part holds one client's structs without gaps.
    if (struct instanceof Y.Skip) {
      flush()
      continue
    }
    const bytes = structBytes(struct)
    const previous = run.at(-1)
    const follows =
      previous !== undefined && previous.id.client === struct.id.client && previous.id.clock + previous.length === struct.id.clock
    if (!follows || runBytes + bytes > bytesMax) flush()
    run.push(struct)
    runBytes += bytes
  }
  flush()
  return parts
}

/** The struct, or consecutive ones in its place, each at most `bytesMax` bytes. */
function splitToFit(struct: Struct, bytesMax: number): Struct[] {
  const bytes = structBytes(struct)
  if (bytes <= bytesMax) return [struct]
  const halves = struct instanceof Y.Item ? splitInHalf(struct) : null
  if (halves === null)
    throw new RangeError(`One single change of ${bytes} bytes is larger than the server takes in one message (${bytesMax} bytes).`)
  return halves.flatMap((half) => splitToFit(half, bytesMax))
}

/** The two halves of an item that holds several characters or values; null if it holds one thing. */
function splitInHalf(item: Y.Item): [Y.Item, Y.Item] | null {
  const { content, id } = item
  if (!(content instanceof Y.ContentString || content instanceof Y.ContentAny || content instanceof Y.ContentJSON)) return null
  let at = Math.floor(content.getLength() / 2)
  // Both halves of a surrogate pair stay on one side.
  if (content instanceof Y.ContentString && /[\ud800-\udbff]/.test(content.str.charAt(at - 1))) at -= 1
  if (at === 0) return null
  const head = content.copy()
  const tail = head.splice(at)
  const { origin, rightOrigin, parent, parentSub } = item
  return [
    new Y.Item(id, null, origin, null, rightOrigin, parent, parentSub, head),
    new Y.Item(
      Y.createID(id.client, id.clock + at),
      null,
      Y.createID(id.client, id.clock + at - 1),
      null,
      rightOrigin,
      parent,
      parentSub,
      tail,
    ),
  ]
}

function structBytes(struct: Struct): number {
  const encoder = new Y.UpdateEncoderV1()
  struct.write(encoder, 0)
  return encoding.length(encoder.restEncoder)
}

/** An update of one client's consecutive structs and no deletes. */
function encodeRun(first: Y.ID, run: readonly Struct[]): Uint8Array {
  const encoder = new Y.UpdateEncoderV1()
  encoding.writeVarUint(encoder.restEncoder, 1)
  encoding.writeVarUint(encoder.restEncoder, run.length)
  encoding.writeVarUint(encoder.restEncoder, first.client)
  encoding.writeVarUint(encoder.restEncoder, first.clock)
  for (const struct of run) struct.write(encoder, 0)
  encoding.writeVarUint(encoder.restEncoder, 0)
  return encoder.toUint8Array()
}

interface DeletedRange {
  readonly clock: number
  readonly len: number
}

/** Updates without structs that hold the deleted ranges. */
function cutDeletes(clients: ReadonlyMap<number, readonly DeletedRange[]>, bytesMax: number): Uint8Array[] {
  // Two numbers of at most 8 bytes a range.
  const rangesMax = Math.max(1, Math.floor((bytesMax - partOverheadBytes) / 16))
  const parts: Uint8Array[] = []
  for (const [client, ranges] of clients) {
    for (let start = 0; start < ranges.length; start += rangesMax) parts.push(encodeDeletes(client, ranges.slice(start, start + rangesMax)))
  }
  return parts
}

function encodeDeletes(client: number, ranges: readonly DeletedRange[]): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, 0)
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, ranges.length)
    for (const { clock, len } of ranges) {
      encoding.writeVarUint(encoder, clock)
      encoding.writeVarUint(encoder, len)
    }
  })
}

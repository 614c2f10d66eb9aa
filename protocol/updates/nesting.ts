// How deeply the shared types inside one update are nested. Yjs deletes and serialises nested types recursively, so depth is stack.
import { ByteReader } from './byte-reader.js'
import type { InspectedUpdate } from './inspect.js'
import { REF_TYPE, StructReader } from './struct-reader.js'

const UNKNOWN = -1
const IN_PROGRESS = -2

/** Throws WeftError 'malformed-update' if a type lies more than `depthMax` types deep, counting only types that the update itself creates. */
export function checkTypeNesting(inspected: InspectedUpdate, depthMax: number): void {
  const { blocks, structCount } = inspected
  const reader = new ByteReader(inspected.bytes, 'malformed-update')
  const structs = new StructReader(reader, Number.POSITIVE_INFINITY)
  const clocks = new Uint32Array(structCount)
  // What a struct's parent is found through: 0 nothing, 1 the item it names, 2 its neighbour; plus 4 for a type.
  const kinds = new Uint8Array(structCount)
  const linkClients = new Float64Array(structCount)
  const linkClocks = new Uint32Array(structCount)
  const blockStarts = new Map<number, { first: number; end: number; endClock: number }>()
  let next = 0
  for (const block of blocks) {
    blockStarts.set(block.client, { first: next, end: next + block.structCount, endClock: block.endClock })
    reader.offset = block.offset
    let clock = block.firstClock
    for (let ordinal = 0; ordinal < block.structCount; ordinal++, next++) {
      structs.read(block.client, clock)
      clocks[next] = clock
      kinds[next] = (structs.parentLink === 'none' ? 0 : structs.parentLink === 'item' ? 1 : 2) + (structs.ref === REF_TYPE ? 4 : 0)
      linkClients[next] = structs.linkClient
      linkClocks[next] = structs.linkClock
      clock += structs.length
    }
  }

  /** The struct of this update that holds (client, clock), or -1. */
  const find = (client: number, clock: number): number => {
    const block = blockStarts.get(client)
    if (block === undefined || clock >= block.endClock || clock < (clocks[block.first] as number)) return -1
    let low = block.first
    let high = block.end
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if ((clocks[middle] as number) <= clock) low = middle
      else high = middle
    }
    return low
  }

  // How many types of this update lie around a struct.
  const depths = new Int32Array(structCount).fill(UNKNOWN)
  const path: number[] = []
  for (let index = 0; index < structCount; index++) {
    if (((kinds[index] as number) & 4) === 0) continue
    let at = index
    let depth = 0
    for (;;) {
      if (depths[at] === IN_PROGRESS) reader.fail('Shared types contain each other')
      if (depths[at] !== UNKNOWN) {
        depth = depths[at] as number
        break
      }
      const target = ((kinds[at] as number) & 3) === 0 ? -1 : find(linkClients[at] as number, linkClocks[at] as number)
      if (target < 0) {
        depths[at] = 0
        break
      }
      depths[at] = IN_PROGRESS
      path.push(at)
      at = target
    }
    while (path.length > 0) {
      const from = path.pop() as number
      // A parent that is no type makes Yjs collect the struct as garbage: counting it is harmless.
      if (((kinds[from] as number) & 3) === 1) depth++
      if (depth >= depthMax) reader.fail(`Shared types are nested more than ${depthMax} deep`)
      depths[from] = depth
    }
  }
}

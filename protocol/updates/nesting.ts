// How deeply shared types are nested in one document, over all of its updates. Yjs deletes and serialises nested types recursively, so
// depth is stack.
import type { Sliced } from '../../core/slices.js'
import { ByteReader } from './byte-reader.js'
import { DepthMap } from './depth-map.js'
import type { InspectedUpdate } from './inspect.js'
import { type Orphan, Orphans } from './orphans.js'
import { REF_SKIP, REF_TYPE, StructReader } from './struct-reader.js'

/** Whether a struct is there. */
export type HasStruct = (client: number, clock: number) => boolean

/** What taking an update in would change. */
export interface NestingPlan {
  /** Flat client, start, end, depth. */
  readonly depths: readonly number[]
  readonly orphans: readonly Orphan[]
  readonly found: readonly Orphan[]
}

export type NestingVerdict =
  | { readonly kind: 'fits'; readonly plan: NestingPlan }
  /** Some type lies too deep. */
  | { readonly kind: 'too-deep' }
  /** More structs than may be would wait for what they hang on. */
  | { readonly kind: 'too-many-waiting' }

export interface NestingBounds {
  readonly nestingDepthMax: number
  readonly orphansMax: number
}

export const noNestingBounds: NestingBounds = { nestingDepthMax: Number.POSITIVE_INFINITY, orphansMax: Number.POSITIVE_INFINITY }

const STEP_STRUCTS = 4096
// What a struct's depth is found through.
const AT_TOP = 0
const IN_ITEM = 1
const BESIDE = 2
// Depths that are none.
const UNKNOWN = -1
const IN_PROGRESS = -2
const ORPHANED = -3

export class DocumentNesting {
  readonly #depths = new DepthMap()
  readonly #orphans = new Orphans()

  get byteLength(): number {
    return this.#depths.byteLength + this.#orphans.count * 160
  }

  /** `has` tells of what was taken in before. Changes nothing: see `take`. */
  *judging(update: InspectedUpdate, has: HasStruct, bounds: NestingBounds): Sliced<NestingVerdict> {
    const table = yield* readingTable(update)
    const depths = new Int32Array(table.count).fill(UNKNOWN)
    const plan = { depths: [] as number[], orphans: [] as Orphan[], found: [] as Orphan[] }
    const path: number[] = []
    for (let index = 0; index < table.count; index++) {
      if (index % STEP_STRUCTS === STEP_STRUCTS - 1) yield
      let at = index
      let depth: number
      for (;;) {
        depth = depths[at] as number
        // Types that contain each other wait for each other for ever.
        if (depth === IN_PROGRESS) depth = ORPHANED
        if (depth !== UNKNOWN) break
        if (table.links[at] === AT_TOP) {
          depth = 0
          depths[at] = 0
          break
        }
        const [client, clock] = [table.linkClients[at] as number, table.linkClocks[at] as number]
        depths[at] = IN_PROGRESS
        path.push(at)
        const target = table.find(client, clock)
        if (target < 0) {
          depth = has(client, clock) && !this.#orphans.has(client, clock) ? this.#depths.depthOf(client, clock) : ORPHANED
          break
        }
        at = target
      }
      for (let from = path.pop(); from !== undefined; from = path.pop()) {
        // A parent that is no type makes Yjs collect the struct as garbage: counting it is harmless.
        if (depth >= 0 && table.links[from] === IN_ITEM) depth++
        if (depth >= bounds.nestingDepthMax && table.types[from] === 1) return { kind: 'too-deep' }
        depths[from] = depth
      }
    }
    this.#plan(table, depths, plan)
    if (this.#orphans.count + plan.orphans.length > bounds.orphansMax && plan.orphans.length > 0) return { kind: 'too-many-waiting' }
    if (this.#orphans.count === 0) return { kind: 'fits', plan }
    // What is new may hang on what waited as well, so all of them are looked through.
    const added = new Orphans()
    for (const orphan of plan.orphans) added.insert(orphan)
    const fits = this.#find(update, added, table, depths, plan, bounds.nestingDepthMax)
    return fits ? { kind: 'fits', plan } : { kind: 'too-deep' }
  }

  /** Takes in the update that was judged last. */
  take({ depths, orphans, found }: NestingPlan): void {
    for (let index = 0; index < depths.length; index += 4)
      this.#depths.set(depths[index] as number, depths[index + 1] as number, depths[index + 2] as number, depths[index + 3] as number)
    for (const orphan of orphans) this.#orphans.insert(orphan)
    for (const orphan of found) this.#orphans.remove(orphan)
  }

  /** Runs of structs of the same depth, and of such as have none yet. */
  #plan(table: Table, depths: Int32Array, plan: { readonly depths: number[]; readonly orphans: Orphan[] }): void {
    for (let index = 0; index < table.count; index++) {
      const client = table.clientOf(index)
      const [start, end] = [table.clocks[index] as number, table.endOf(index)]
      if (table.skips[index] === 1) continue
      const depth = depths[index] as number
      const last = plan.depths.length - 4
      if (depth >= 0) {
        if (last >= 0 && plan.depths[last] === client && plan.depths[last + 2] === start && plan.depths[last + 3] === depth)
          plan.depths[last + 2] = end
        else plan.depths.push(client, start, end, depth)
        continue
      }
      const [linkClient, linkClock] = [table.linkClients[index] as number, table.linkClocks[index] as number]
      const isType = table.types[index] === 1
      const before = plan.orphans.at(-1)
      // Text goes on beside itself.
      if (
        before !== undefined &&
        table.links[index] === BESIDE &&
        before.client === client &&
        before.end === start &&
        linkClient === client &&
        linkClock >= before.start &&
        before.isType === isType
      )
        plan.orphans[plan.orphans.length - 1] = { ...before, end }
      else plan.orphans.push({ client, start, end, linkClient, linkClock, deeper: table.links[index] === IN_ITEM ? 1 : 0, isType })
    }
  }

  /** Adds to the plan the orphans that hang on what has come. False if one of them lies too deep then. */
  #find(
    update: InspectedUpdate,
    added: Orphans,
    table: Table,
    depths: Int32Array,
    plan: { readonly depths: number[]; readonly found: Orphan[] },
    depthMax: number,
  ): boolean {
    const found = new Map<Orphan, number>()
    const queue: Orphan[] = []
    const visit = (client: number, start: number, end: number, depthAt: (clock: number) => number): boolean => {
      for (const orphans of [this.#orphans, added])
        for (const orphan of orphans.awaiting(client, start, end)) {
          const base = depthAt(orphan.linkClock)
          if (base < 0 || found.has(orphan)) continue
          const depth = base + orphan.deeper
          if (orphan.isType && depth >= depthMax) return false
          found.set(orphan, depth)
          queue.push(orphan)
        }
      return true
    }
    for (const { client, ranges } of update.blocks)
      for (let index = 0; index < ranges.length; index += 2) {
        const depthAt = (clock: number): number => depths[table.find(client, clock)] ?? UNKNOWN
        if (!visit(client, ranges[index] as number, ranges[index + 1] as number, depthAt)) return false
      }
    for (let orphan = queue.pop(); orphan !== undefined; orphan = queue.pop()) {
      const depth = found.get(orphan) as number
      plan.found.push(orphan)
      plan.depths.push(orphan.client, orphan.start, orphan.end, depth)
      if (!visit(orphan.client, orphan.start, orphan.end, () => depth)) return false
    }
    return true
  }
}

/** The structs of one update, as columns. */
interface Table {
  readonly count: number
  readonly clocks: Uint32Array
  readonly links: Uint8Array
  readonly types: Uint8Array
  readonly skips: Uint8Array
  readonly linkClients: Float64Array
  readonly linkClocks: Uint32Array
  clientOf(index: number): number
  endOf(index: number): number
  /** The struct that holds (client, clock), or -1. Of a Skip, which holds nothing, too. */
  find(client: number, clock: number): number
}

interface TableBlock {
  readonly client: number
  readonly first: number
  readonly end: number
  readonly endClock: number
}

function* readingTable({ bytes, blocks, structCount }: InspectedUpdate): Sliced<Table> {
  const reader = new ByteReader(bytes, 'malformed-update')
  const structs = new StructReader(reader, Number.POSITIVE_INFINITY)
  const clocks = new Uint32Array(structCount)
  const links = new Uint8Array(structCount)
  const types = new Uint8Array(structCount)
  const skips = new Uint8Array(structCount)
  const linkClients = new Float64Array(structCount)
  const linkClocks = new Uint32Array(structCount)
  const byClient = new Map<number, TableBlock>()
  const inOrder: TableBlock[] = []
  let next = 0
  for (const block of blocks) {
    const entry = { client: block.client, first: next, end: next + block.structCount, endClock: block.endClock }
    byClient.set(block.client, entry)
    inOrder.push(entry)
    reader.offset = block.offset
    let clock = block.firstClock
    for (; next < entry.end; next++) {
      if (next % STEP_STRUCTS === STEP_STRUCTS - 1) yield
      structs.read(block.client, clock)
      clocks[next] = clock
      links[next] = structs.parentLink === 'none' ? AT_TOP : structs.parentLink === 'item' ? IN_ITEM : BESIDE
      types[next] = structs.ref === REF_TYPE ? 1 : 0
      skips[next] = structs.ref === REF_SKIP ? 1 : 0
      linkClients[next] = structs.linkClient
      linkClocks[next] = structs.linkClock
      clock += structs.length
    }
  }
  // Asked for in ascending order.
  let current = 0
  const blockOf = (index: number): TableBlock => {
    if (index < (inOrder[current]?.first ?? 0)) current = 0
    while (index >= (inOrder[current] as TableBlock).end) current++
    return inOrder[current] as TableBlock
  }
  return {
    count: structCount,
    clocks,
    links,
    types,
    skips,
    linkClients,
    linkClocks,
    clientOf: (index) => blockOf(index).client,
    endOf(index) {
      const block = blockOf(index)
      return index + 1 < block.end ? (clocks[index + 1] as number) : block.endClock
    },
    find(client, clock) {
      const block = byClient.get(client)
      if (block === undefined || clock >= block.endClock || clock < (clocks[block.first] as number)) return -1
      let low = block.first
      let high = block.end
      while (high - low > 1) {
        const middle = (low + high) >>> 1
        if ((clocks[middle] as number) <= clock) low = middle
        else high = middle
      }
      return skips[low] === 1 ? -1 : low
    },
  }
}

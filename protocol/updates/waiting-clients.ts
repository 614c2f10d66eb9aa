// The clients of a document whose structs wait: behind a gap, or for structs of other clients, directly or over any number of others. It is what Yjs keeps
// as pending, and goes through again and again, at a cost that is the square of the clients (G7).
import type { Sliced } from '../../core/slices.js'
import { ByteReader } from './byte-reader.js'
import type { ClientBlock, InspectedUpdate } from './inspect.js'
import type { KnownState } from './known-state.js'
import { NeedList } from './needs.js'
import { StructReader } from './struct-reader.js'
import { NeedCursor, type WaitingNeeds } from './waiting-needs.js'

interface Waiting {
  /** The first clock that Yjs could not take in. */
  readonly end: number
  /** What the structs from there on need of other clients. */
  readonly needs: WaitingNeeds
}

/** What taking an update in would change. */
export interface WaitingPlan {
  /** All clients that wait then. */
  readonly waiting: ReadonlyMap<number, Pick<Track, 'end' | 'needs'>>
  readonly needCount: number
}

/** One client on its way. */
interface Track {
  readonly client: number
  end: number
  /** Where its first gap begins, and where its last struct ends. */
  readonly reach: number
  readonly last: number
  /** On the first that is not known to be met. */
  readonly needs: NeedCursor
}

const none: readonly number[] = []
const STEP_STRUCTS = 4096

export class WaitingClients {
  #waiting: ReadonlyMap<number, Waiting> = new Map()
  #needCount = 0

  get count(): number {
    return this.#waiting.size
  }

  /** In ascending order. */
  get clients(): number[] {
    return [...this.#waiting.keys()].sort((a, b) => a - b)
  }

  /** What they are remembered by. */
  get needCount(): number {
    return this.#needCount
  }

  get byteLength(): number {
    return this.#waiting.size * 128 + this.#needCount * 24
  }

  /** Whether nothing waits and nothing of `update` will, told from what is at hand. `known` without the update, or with it where it was stored so. */
  leavesNothing(update: InspectedUpdate, known: KnownState): boolean {
    if (this.#waiting.size > 0) return false
    for (const { client, ranges } of update.blocks)
      if (ranges.length > 2 || (ranges.length > 0 && (ranges[0] as number) > known.contiguousEnd(client))) return false
    const { needs } = update
    for (let index = 0; index < needs.length; index += 2)
      if ((needs[index + 1] as number) >= known.contiguousEnd(needs[index] as number)) return false
    return true
  }

  /** Which clients wait once `update` is taken in. Changes nothing: see `take`. */
  *judging(update: InspectedUpdate, known: KnownState): Sliced<WaitingPlan> {
    const tracks = yield* this.#tracks(update, known)
    const blocked = new Map<number, BlockedHeap>()
    const queue = [...tracks.values()]
    let steps = 0
    for (let track = queue.pop(); track !== undefined; track = queue.pop()) {
      if (++steps % STEP_STRUCTS === 0) yield
      const before = track.end
      const blocker = advance(track, (client) => tracks.get(client)?.end ?? known.contiguousEnd(client))
      if (blocker !== null) {
        let heap = blocked.get(blocker.client)
        if (heap === undefined) {
          heap = new BlockedHeap()
          blocked.set(blocker.client, heap)
        }
        heap.push(blocker.clock, track)
      }
      if (track.end > before) blocked.get(track.client)?.popBelow(track.end, queue)
    }
    const waiting = new Map<number, Track>()
    let needCount = 0
    for (const track of tracks.values()) {
      if (track.end >= track.last) continue
      needCount += track.needs.remaining
      waiting.set(track.client, track)
    }
    return { waiting, needCount }
  }

  /** The plan that was made last. */
  take({ waiting, needCount }: WaitingPlan): void {
    const settled = new Map<number, Waiting>()
    for (const [client, { end, needs }] of waiting) settled.set(client, { end, needs: needs.settle() })
    this.#waiting = settled
    this.#needCount = needCount
  }

  /** Who waits already, and who is in the update. */
  *#tracks(update: InspectedUpdate, known: KnownState): Sliced<Map<number, Track>> {
    const tracks = new Map<number, Track>()
    for (const [client, { end, needs }] of this.#waiting)
      tracks.set(client, {
        client,
        end,
        reach: known.contiguousEnd(client),
        last: known.lastEnd(client),
        needs: new NeedCursor(needs, none),
      })
    let parts = 0
    const reader = new ByteReader(update.bytes, 'malformed-update')
    for (const block of update.blocks) {
      const { client, ranges } = block
      if (ranges.length === 0) continue
      const sink = new NeedList()
      const structs = new StructReader(reader, Number.POSITIVE_INFINITY, sink)
      reader.offset = block.offset
      let clock = block.firstClock
      for (let ordinal = 0; ordinal < block.structCount; ordinal++) {
        if (++parts % STEP_STRUCTS === 0) yield
        structs.read(client, clock)
        clock += structs.length
      }
      tracks.set(client, trackOf(block, sink.list, this.#waiting.get(client), known))
    }
    return tracks
  }
}

function trackOf({ client, ranges }: ClientBlock, needs: readonly number[], waiting: Waiting | undefined, known: KnownState): Track {
  const reach = known.contiguousEndWith(client, ranges)
  const last = Math.max(known.lastEnd(client), ranges.at(-1) ?? 0)
  if (waiting === undefined) {
    // All before it is taken in, up to a gap.
    const end = Math.min(ranges[0] ?? 0, known.contiguousEnd(client))
    return { client, end, reach, last, needs: new NeedCursor(null, needs) }
  }
  return { client, end: waiting.end, reach, last, needs: new NeedCursor(waiting.needs, needs) }
}

/** Takes in what can be; returns what it waits for, or null if that is a gap or nothing. */
function advance(track: Track, endOf: (client: number) => number): { readonly client: number; readonly clock: number } | null {
  const { needs } = track
  for (; needs.at < track.reach; needs.advance()) {
    const { at, client, clock } = needs
    if (clock < endOf(client)) continue
    track.end = Math.max(track.end, at)
    return { client, clock }
  }
  track.end = Math.max(track.end, track.reach)
  return null
}

/** Clients that wait for clocks of one client, the lowest first. */
class BlockedHeap {
  readonly #clocks: number[] = []
  readonly #tracks: Track[] = []

  push(clock: number, track: Track): void {
    let at = this.#clocks.length
    this.#clocks.push(clock)
    this.#tracks.push(track)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((this.#clocks[parent] as number) <= clock) break
      this.#move(parent, at)
      at = parent
    }
    this.#clocks[at] = clock
    this.#tracks[at] = track
  }

  /** Moves those that wait for a clock below `end` to `queue`. */
  popBelow(end: number, queue: Track[]): void {
    while (this.#clocks.length > 0 && (this.#clocks[0] as number) < end) {
      queue.push(this.#tracks[0] as Track)
      const [clock, track] = [this.#clocks.pop() as number, this.#tracks.pop() as Track]
      if (this.#clocks.length > 0) this.#sink(clock, track)
    }
  }

  /** Puts one in at the top. */
  #sink(clock: number, track: Track): void {
    const size = this.#clocks.length
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= size) break
      if (child + 1 < size && (this.#clocks[child + 1] as number) < (this.#clocks[child] as number)) child++
      if ((this.#clocks[child] as number) >= clock) break
      this.#move(child, at)
      at = child
    }
    this.#clocks[at] = clock
    this.#tracks[at] = track
  }

  #move(from: number, to: number): void {
    this.#clocks[to] = this.#clocks[from] as number
    this.#tracks[to] = this.#tracks[from] as Track
  }
}

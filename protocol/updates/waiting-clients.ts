// The clients of a document whose structs wait: behind a gap, or for structs of other clients, directly or over any number of others. It is what Yjs keeps
// as pending, and goes through again and again, at a cost that is the square of the clients (G7). Here an update costs what it brings and whom it wakes, however
// many others wait.
import { LazyMap } from '../../core/lazy-collections.js'
import type { Sliced } from '../../core/slices.js'
import { BlockedCursor, BlockedHeap } from './blocked-heap.js'
import { ByteReader } from './byte-reader.js'
import type { ClientBlock, InspectedUpdate } from './inspect.js'
import type { KnownState } from './known-state.js'
import { NeedList } from './needs.js'
import { StructReader } from './struct-reader.js'
import { NeedCursor, type WaitingNeeds } from './waiting-needs.js'

/** The struct of another client that is waited for. */
interface Blocker {
  readonly client: number
  readonly clock: number
}

interface Waiting {
  /** The first clock that Yjs could not take in. */
  readonly end: number
  /** What the structs from there on need of other clients. */
  readonly needs: WaitingNeeds
  /** Null: the client's own gap. */
  readonly blocker: Blocker | null
}

/** What taking an update in would change. */
export interface WaitingPlan {
  /** How many clients wait then, and what they are remembered by. */
  readonly count: number
  readonly needCount: number
  /** Those that the update has something of, and those that it wakes. */
  readonly tracks: ReadonlyMap<number, Track>
}

/** One client on its way. */
interface Track {
  readonly client: number
  /** All before it is taken in. */
  end: number
  /** Where its first gap begins, and where its last struct ends. */
  readonly reach: number
  readonly last: number
  /** On the first that is not known to be met. */
  readonly needs: NeedCursor
  blocker: Blocker | null
  /** Over who waited for it already; made when it gets further. */
  waiters: BlockedCursor<number> | null
}

const none: readonly number[] = []
const STEP_STRUCTS = 4096
/** What a client costs with its place in the heap of another one, and that heap. */
const CLIENT_BYTES = 512
const NEED_BYTES = 24

export class WaitingClients {
  readonly #waiting = new LazyMap<number, Waiting>()
  #needCount = 0
  /**
   * Who waits for which client. A client may be in it more than once: the entry that counts is where its blocker is. It is made anew when half of its entries
   * count no more.
   */
  readonly #blocked = new LazyMap<number, BlockedHeap<number>>()
  #blockedCount = 0

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
    return this.#waiting.size * CLIENT_BYTES + this.#needCount * NEED_BYTES
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
    const tracks = yield* this.#tracksOf(update, known)
    const endOf = (client: number): number => tracks.get(client)?.end ?? this.#waiting.get(client)?.end ?? known.contiguousEnd(client)
    /** Who waits for whom of those that have a track. */
    const blocked = new Map<number, BlockedHeap<Track>>()
    const queue = [...tracks.values()]
    let steps = 0
    for (let track = queue.pop(); track !== undefined; track = queue.pop()) {
      if (++steps % STEP_STRUCTS === 0) yield
      const before = track.end
      track.blocker = advance(track, endOf)
      if (track.blocker !== null) heapOf(blocked, track.blocker.client).push(track.blocker.clock, track)
      if (track.end === before) continue
      const waiters = blocked.get(track.client)
      for (let woken = waiters?.popBelow(track.end); woken !== undefined; woken = waiters?.popBelow(track.end)) queue.push(woken)
      this.#wake(track, tracks, queue, known)
    }
    let { count, needCount } = this
    for (const track of tracks.values()) {
      const before = this.#waiting.get(track.client)
      if (before !== undefined) {
        count -= 1
        needCount -= before.needs.count
      }
      if (track.end >= track.last) continue
      count += 1
      needCount += track.needs.remaining
    }
    return { count, needCount, tracks }
  }

  /** The plan that was made last. */
  take({ tracks, needCount }: WaitingPlan): void {
    this.#needCount = needCount
    for (const track of tracks.values()) if (track.waiters !== null) this.#dropWaiters(track)
    for (const { client, end, last, needs, blocker } of tracks.values()) {
      const before = this.#waiting.get(client)?.blocker ?? null
      if (end >= last) {
        this.#waiting.delete(client)
        continue
      }
      this.#waiting.set(client, { end, needs: needs.settle(), blocker })
      // Where it stays as it was, so does its entry.
      if (blocker === null || (before?.client === blocker.client && before.clock === blocker.clock)) continue
      heapOf(this.#blocked, blocker.client).push(blocker.clock, client)
      this.#blockedCount += 1
    }
    if (this.#blockedCount > this.#waiting.size * 2) this.#makeBlockedAnew()
  }

  /** Clients that waited for what `track` now has, and have no track yet, get one. */
  #wake(track: Track, tracks: Map<number, Track>, queue: Track[], known: KnownState): void {
    if (track.waiters === null) {
      const heap = this.#blocked.get(track.client)
      if (heap === undefined) return
      track.waiters = new BlockedCursor(heap)
    }
    for (let client = track.waiters.nextBelow(track.end); client !== undefined; client = track.waiters.nextBelow(track.end)) {
      const waiting = this.#waiting.get(client)
      if (waiting?.blocker?.client !== track.client || tracks.has(client)) continue
      const woken = {
        client,
        end: waiting.end,
        reach: known.contiguousEnd(client),
        last: known.lastEnd(client),
        needs: new NeedCursor(waiting.needs, none),
        blocker: null,
        waiters: null,
      }
      tracks.set(client, woken)
      queue.push(woken)
    }
  }

  /** Forgets the entries of who waited for what the client now has. */
  #dropWaiters({ client, end }: Track): void {
    const heap = this.#blocked.get(client)
    if (heap === undefined) return
    while (heap.popBelow(end) !== undefined) this.#blockedCount -= 1
    if (heap.size === 0) this.#blocked.delete(client)
  }

  #makeBlockedAnew(): void {
    this.#blocked.clear()
    this.#blockedCount = 0
    for (const [client, { blocker }] of this.#waiting) {
      if (blocker === null) continue
      heapOf(this.#blocked, blocker.client).push(blocker.clock, client)
      this.#blockedCount += 1
    }
  }

  /** The clients of the update. */
  *#tracksOf(update: InspectedUpdate, known: KnownState): Sliced<Map<number, Track>> {
    const tracks = new Map<number, Track>()
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
  // All before it is taken in, up to a gap.
  const end = waiting?.end ?? Math.min(ranges[0] ?? 0, known.contiguousEnd(client))
  return {
    client,
    end,
    reach: known.contiguousEndWith(client, ranges),
    last: Math.max(known.lastEnd(client), ranges.at(-1) ?? 0),
    needs: new NeedCursor(waiting?.needs ?? null, needs),
    blocker: null,
    waiters: null,
  }
}

/** Takes in what can be; returns what it waits for, or null if that is a gap or nothing. */
function advance(track: Track, endOf: (client: number) => number): Blocker | null {
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

function heapOf<Item>(heaps: LazyMap<number, BlockedHeap<Item>> | Map<number, BlockedHeap<Item>>, client: number): BlockedHeap<Item> {
  let heap = heaps.get(client)
  if (heap === undefined) {
    heap = new BlockedHeap()
    heaps.set(client, heap)
  }
  return heap
}

// Structs whose depth cannot be told yet, since what they hang on has not come. Thousands may hang on one struct and come and go with it,
// so to put one in or take one out costs the same wherever it lies.

/** Consecutive structs of the same depth. */
export interface Orphan {
  readonly client: number
  readonly start: number
  readonly end: number
  readonly linkClient: number
  readonly linkClock: number
  /** How much deeper they lie than what they hang on. */
  readonly deeper: 0 | 1
  readonly isType: boolean
}

/** Negative if `a` comes first. Of no two orphans in one list 0. */
type Order = (a: Orphan, b: Orphan) => number

const byStart: Order = (a, b) => a.start - b.start
const byLink: Order = (a, b) => a.linkClock - b.linkClock || a.client - b.client || a.start - b.start

/** A chunk with more than this is split into halves. */
const CHUNK_MAX = 256

class SortedOrphans {
  readonly #order: Order
  /** In order, none of them empty. */
  readonly #chunks: Orphan[][] = []

  constructor(order: Order) {
    this.#order = order
  }

  get empty(): boolean {
    return this.#chunks.length === 0
  }

  insert(orphan: Orphan): void {
    const isBefore = (other: Orphan): boolean => this.#order(other, orphan) < 0
    const index = this.#chunkOf(isBefore)
    const chunk = this.#chunks[index]
    if (chunk === undefined) {
      this.#chunks.push([orphan])
      return
    }
    chunk.splice(firstNot(chunk, isBefore), 0, orphan)
    if (chunk.length > CHUNK_MAX) this.#chunks.splice(index + 1, 0, chunk.splice(CHUNK_MAX / 2))
  }

  remove(orphan: Orphan): void {
    const isBefore = (other: Orphan): boolean => this.#order(other, orphan) <= 0
    const index = this.#chunkOf(isBefore)
    const chunk = this.#chunks[index] ?? []
    const at = firstNot(chunk, isBefore) - 1
    if (chunk[at] === orphan) chunk.splice(at, 1)
    if (chunk.length === 0) this.#chunks.splice(index, 1)
  }

  /** The last one for which `isBefore` holds; it holds for all of a beginning. */
  last(isBefore: (orphan: Orphan) => boolean): Orphan | null {
    const chunk = this.#chunks[this.#chunkOf(isBefore)] ?? []
    return chunk[firstNot(chunk, isBefore) - 1] ?? null
  }

  /** All after those for which `isBefore` holds. */
  *after(isBefore: (orphan: Orphan) => boolean): Generator<Orphan> {
    let index = this.#chunkOf(isBefore)
    let at = firstNot(this.#chunks[index] ?? [], isBefore)
    for (let chunk = this.#chunks[index]; chunk !== undefined; chunk = this.#chunks[++index]) {
      for (; at < chunk.length; at++) yield chunk[at] as Orphan
      at = 0
    }
  }

  /** Index of the last chunk for whose first one `isBefore` holds, or 0. */
  #chunkOf(isBefore: (orphan: Orphan) => boolean): number {
    let low = 0
    let high = this.#chunks.length
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (isBefore(this.#chunks[middle]?.[0] as Orphan)) low = middle
      else high = middle
    }
    return low
  }
}

/** Index of the first one for which `isBefore` does not hold. */
function firstNot(list: readonly Orphan[], isBefore: (orphan: Orphan) => boolean): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(list[middle] as Orphan)) low = middle + 1
    else high = middle
  }
  return low
}

export class Orphans {
  readonly #byClient = new Map<number, SortedOrphans>()
  /** By the client that they hang on. */
  readonly #awaiting = new Map<number, SortedOrphans>()
  #count = 0

  get count(): number {
    return this.#count
  }

  insert(orphan: Orphan): void {
    listOf(this.#byClient, orphan.client, byStart).insert(orphan)
    listOf(this.#awaiting, orphan.linkClient, byLink).insert(orphan)
    this.#count++
  }

  remove(orphan: Orphan): void {
    removeFrom(this.#byClient, orphan.client, orphan)
    removeFrom(this.#awaiting, orphan.linkClient, orphan)
    this.#count--
  }

  /** Whether the struct that holds this clock is one of them. */
  has(client: number, clock: number): boolean {
    const orphan = this.#byClient.get(client)?.last(({ start }) => start <= clock)
    return orphan !== undefined && orphan !== null && clock < orphan.end
  }

  /** Those that hang on the clocks [start, end) of a client, in the order of these. */
  *awaiting(client: number, start: number, end: number): Generator<Orphan> {
    const list = this.#awaiting.get(client)
    if (list === undefined) return
    for (const orphan of list.after(({ linkClock }) => linkClock < start)) {
      if (orphan.linkClock >= end) return
      yield orphan
    }
  }
}

function listOf(lists: Map<number, SortedOrphans>, client: number, order: Order): SortedOrphans {
  let list = lists.get(client)
  if (list === undefined) {
    list = new SortedOrphans(order)
    lists.set(client, list)
  }
  return list
}

function removeFrom(lists: Map<number, SortedOrphans>, client: number, orphan: Orphan): void {
  const list = lists.get(client)
  list?.remove(orphan)
  if (list?.empty === true) lists.delete(client)
}

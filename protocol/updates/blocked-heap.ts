// Who waits for clocks of one client, the lowest clock first; and a look at the lowest of them that changes nothing.

/** A binary heap: the entry at `index` lies below no larger one, and its children are at `index * 2 + 1` and `index * 2 + 2`. */
export class BlockedHeap<Item> {
  readonly #clocks: number[] = []
  readonly #items: Item[] = []

  get size(): number {
    return this.#clocks.length
  }

  clockAt(index: number): number {
    return this.#clocks[index] as number
  }

  itemAt(index: number): Item {
    return this.#items[index] as Item
  }

  push(clock: number, item: Item): void {
    let at = this.#clocks.length
    this.#clocks.push(clock)
    this.#items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((this.#clocks[parent] as number) <= clock) break
      this.#move(parent, at)
      at = parent
    }
    this.#clocks[at] = clock
    this.#items[at] = item
  }

  /** Takes out the lowest one if it waits for a clock below `end`. */
  popBelow(end: number): Item | undefined {
    if (this.#clocks.length === 0 || (this.#clocks[0] as number) >= end) return undefined
    const lowest = this.#items[0] as Item
    const [clock, item] = [this.#clocks.pop() as number, this.#items.pop() as Item]
    if (this.#clocks.length > 0) this.#sink(clock, item)
    return lowest
  }

  /** Puts one in at the top. */
  #sink(clock: number, item: Item): void {
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
    this.#items[at] = item
  }

  #move(from: number, to: number): void {
    this.#clocks[to] = this.#clocks[from] as number
    this.#items[to] = this.#items[from] as Item
  }
}

/** Goes over a heap that does not change, in order; costs what it has passed. */
export class BlockedCursor<Item> {
  readonly #heap: BlockedHeap<Item>
  /** Indexes of those that come next: each has been passed above. */
  readonly #frontier = new BlockedHeap<number>()

  constructor(heap: BlockedHeap<Item>) {
    this.#heap = heap
    this.#add(0)
  }

  /** The next one, if it waits for a clock below `end`. */
  nextBelow(end: number): Item | undefined {
    const index = this.#frontier.popBelow(end)
    if (index === undefined) return undefined
    this.#add(index * 2 + 1)
    this.#add(index * 2 + 2)
    return this.#heap.itemAt(index)
  }

  #add(index: number): void {
    if (index < this.#heap.size) this.#frontier.push(this.#heap.clockAt(index), index)
  }
}

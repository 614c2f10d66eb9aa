// What waits for a place: small ones first, and whatever waits becomes smaller with time, so that nothing waits for ever behind a stream of
// small ones.

/** A mebibyte gets in front of what comes anew and is small after one second. */
const BYTES_FORGIVEN_PER_MS = 1024

interface Waiting<Item> {
  readonly item: Item
  readonly bytes: number
  readonly since: number
}

export class FairQueue<Item> {
  readonly #waiting: Waiting<Item>[] = []

  get size(): number {
    return this.#waiting.length
  }

  /** `now`: the monotonic clock, milliseconds. */
  add(item: Item, bytes: number, now: number): void {
    this.#waiting.push({ item, bytes, since: now })
  }

  /** The next one, or null if nothing waits. */
  take(): Item | null {
    let best = -1
    let bestRank = Number.POSITIVE_INFINITY
    for (const [index, { bytes, since }] of this.#waiting.entries()) {
      // As time is forgiven to all alike, the order does not depend on when one looks.
      const rank = bytes + since * BYTES_FORGIVEN_PER_MS
      if (rank >= bestRank) continue
      best = index
      bestRank = rank
    }
    if (best < 0) return null
    const [taken] = this.#waiting.splice(best, 1)
    return taken?.item ?? null
  }

  /** Everything that waits, in order of arrival; nothing does afterwards. */
  takeAll(): readonly Item[] {
    return this.#waiting.splice(0).map(({ item }) => item)
  }
}

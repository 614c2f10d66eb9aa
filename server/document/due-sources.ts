// Which documents want a commit and when, and what of it the next commit takes: small entries together, and large ones by themselves.
import type { WeftError } from '../../core/errors.js'
import type { AppendEntry } from '../../persistence/store.js'

/** A document with something to commit. None of these may throw. */
export interface LogSource {
  /** The bytes that the next entry comes from, as they were received; 0 if nothing is pending. */
  readonly nextBytes: number
  /** Moves what is pending into one log entry; null if nothing is. The entry stays the same until one of the others is called. */
  take(): AppendEntry | null
  /** The entry is durable. */
  committed(): void
  /** The entry's fence was stale: it is not written and never will be. */
  fenced(): void
  /** The entry cannot be written. */
  failed(error: WeftError): void
}

/** What one commit is for; sources that are gone are taken out of it. */
export type Batch = Map<LogSource, AppendEntry>

const BATCH_BYTES_MAX = 16 * 1024 * 1024
/**
 * What is larger is not committed together with what people type: that would wait for as long as the disk takes for a paste of somebody
 * else's.
 */
const SMALL_BYTES_MAX = 256 * 1024
/** Of large entries one commit takes no more than this, unless one alone is larger. */
const LARGE_BATCH_BYTES_MAX = 2 * 1024 * 1024

export class DueSources {
  /** When each source wants its commit, by the monotonic clock. */
  readonly #due = new Map<LogSource, number>()
  #earliest = Number.POSITIVE_INFINITY
  /** Large entries were due and had to let small ones go first: the next commit is theirs. */
  #largeWaited = false

  get isEmpty(): boolean {
    return this.#due.size === 0
  }

  /** When the first one wants its commit. */
  get earliest(): number {
    return this.#earliest
  }

  /** The earlier of two requests counts. False: there was one already. */
  add(source: LogSource, dueAt: number): boolean {
    const already = this.#due.get(source)
    if (already !== undefined && already <= dueAt) return false
    this.#due.set(source, dueAt)
    this.#earliest = Math.min(this.#earliest, dueAt)
    return true
  }

  delete(source: LogSource): void {
    this.#due.delete(source)
  }

  clear(): void {
    this.#due.clear()
  }

  /** What one commit takes of those that are due by now. */
  take(now: number): Batch {
    const due = [...this.#due].flatMap(([source, dueAt]) => (dueAt > now ? [] : [source]))
    const large = due.filter((source) => source.nextBytes > SMALL_BYTES_MAX)
    const small = large.length === 0 ? due : due.filter((source) => source.nextBytes <= SMALL_BYTES_MAX)
    const isTurnOfLarge = large.length > 0 && (small.length === 0 || this.#largeWaited)
    this.#largeWaited = large.length > 0 && !isTurnOfLarge
    const batch = isTurnOfLarge ? this.#takeOf(large, LARGE_BATCH_BYTES_MAX) : this.#takeOf(small, BATCH_BYTES_MAX)
    this.#earliest = Number.POSITIVE_INFINITY
    for (const dueAt of this.#due.values()) this.#earliest = Math.min(this.#earliest, dueAt)
    return batch
  }

  /** The entries of these sources, in their order, up to `bytesMax` and at least one. */
  #takeOf(sources: readonly LogSource[], bytesMax: number): Batch {
    const batch: Batch = new Map()
    let bytes = 0
    for (const source of sources) {
      if (bytes >= bytesMax || (batch.size > 0 && bytes + source.nextBytes > bytesMax)) break
      this.#due.delete(source)
      const entry = source.take()
      if (entry === null) continue
      batch.set(source, entry)
      bytes += entry.update.length
    }
    return batch
  }
}

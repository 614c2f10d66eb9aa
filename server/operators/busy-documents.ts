// Which documents have the most edits now. Counted per commit in windows of some seconds; a window is looked through once, at its end, and nobody who asks
// walks through documents.
import type { Clock, Timer } from '../../core/clock.js'

const WINDOW_MS = 5_000
/** Documents that are counted in a window. What is busy has an edit among the first of it, so that what is left out is not. */
const COUNTED_MAX = 4_096
const SHOWN = 20

export interface BusyDocument {
  readonly documentId: string
  readonly commitsPerSecond: number
  readonly bytesPerSecond: number
}

interface Count {
  commits: number
  bytes: number
}

export class BusyDocuments {
  readonly #clock: Clock
  #counts = new Map<string, Count>()
  #begunAt: number
  #timer: Timer | null = null
  #top: readonly BusyDocument[] = []

  constructor(clock: Clock) {
    this.#clock = clock
    this.#begunAt = clock.monotonic()
  }

  start(): void {
    this.#begunAt = this.#clock.monotonic()
    this.#timer = this.#clock.after(
      WINDOW_MS,
      () => {
        this.#look()
        this.start()
      },
      { unref: true },
    )
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  /** One row of the log. */
  committed(documentId: string, bytes: number): void {
    const count = this.#counts.get(documentId)
    if (count !== undefined) {
      count.commits += 1
      count.bytes += bytes
    } else if (this.#counts.size < COUNTED_MAX) this.#counts.set(documentId, { commits: 1, bytes })
  }

  /** Of the last whole window, the busiest first. */
  top(): readonly BusyDocument[] {
    return this.#top
  }

  #look(): void {
    const seconds = Math.max(0.001, (this.#clock.monotonic() - this.#begunAt) / 1000)
    const busiest: [string, Count][] = []
    for (const entry of this.#counts) {
      const least = busiest.at(-1)
      if (busiest.length === SHOWN && least !== undefined && least[1].commits >= entry[1].commits) continue
      const at = busiest.findIndex(([, { commits }]) => commits < entry[1].commits)
      busiest.splice(at < 0 ? busiest.length : at, 0, entry)
      if (busiest.length > SHOWN) busiest.pop()
    }
    this.#top = busiest.map(([documentId, { commits, bytes }]) => ({
      documentId,
      commitsPerSecond: commits / seconds,
      bytesPerSecond: bytes / seconds,
    }))
    this.#counts = new Map()
  }
}

// How much room the disk has for more.
import { statfsSync } from 'node:fs'
import type { Clock } from '../../core/clock.js'

/** For so long a figure holds, less what was written since. */
const FIGURE_MS_MAX = 250

export class DiskRoom {
  readonly #folder: string
  readonly #reserveBytes: number
  readonly #clock: Clock
  #availableBytes = 0
  /** By monotonic time. */
  #figureEndsAt = Number.NEGATIVE_INFINITY

  /** `reserveBytes`: left alone by what grows, so that deleting and pruning, which also need pages, still can. */
  constructor(folder: string, reserveBytes: number, clock: Clock) {
    this.#folder = folder
    this.#reserveBytes = reserveBytes
    this.#clock = clock
  }

  /** Whether so many bytes are free beside the reserve, by a figure of a moment ago: it is asked for each small write, which counts as made then. */
  takes(bytes: number): boolean {
    const now = this.#clock.monotonic()
    if (now >= this.#figureEndsAt || this.#availableBytes - bytes < this.#reserveBytes) this.#look(now)
    if (this.#availableBytes - bytes < this.#reserveBytes) return false
    this.#availableBytes -= bytes
    return true
  }

  /** As `takes`, by asking the system now. */
  hasNow(bytes: number): boolean {
    this.#look(this.#clock.monotonic())
    return this.#availableBytes >= this.#reserveBytes + bytes
  }

  /** Whether so many bytes are free, the reserve among them. */
  isLeft(bytes: number): boolean {
    this.#look(this.#clock.monotonic())
    return this.#availableBytes >= bytes
  }

  #look(now: number): void {
    this.#availableBytes = this.#ask()
    this.#figureEndsAt = now + FIGURE_MS_MAX
  }

  /** Where the system does not say, as when the folder was removed, the write itself has to find out. */
  #ask(): number {
    try {
      const { bavail, bsize } = statfsSync(this.#folder)
      return bavail * bsize
    } catch {
      return Number.POSITIVE_INFINITY
    }
  }
}

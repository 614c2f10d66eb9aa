// Gives memory back to the system after a burst. V8 collects when it allocates; a server that has lost most of what it held, and is quiet
// then, would keep the memory of its worst moment for hours.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Clock, Timer } from '../../core/clock.js'
import type { MemoryBudget } from '../../core/memory-budget.js'

const LOOK_MS = 2_000
/** Less is not worth a collection. */
const LOST_BYTES_MIN = 64 * 1024 * 1024

/** Collects garbage, with a pause that grows with what is left, not with what is collected. */
type Collect = () => void

/** Null where the engine has no such thing. */
export function garbageCollector(): Collect | null {
  const collect = engineCollect()
  return collect === null ? null : () => collect({ type: 'major', execution: 'async' })
}

/**
 * Gives back at once what loading the program took: some 30 MB of young generation and compiled code on Node 22, a pause of 0.1 s. A server that is busy from
 * its first second would keep them, and would let garbage grow in proportion to them. For a program that has just begun, and serves nobody yet.
 */
export function returnLoadingMemory(): void {
  const collect = engineCollect()
  // Node 20 takes an object for the wish for a short collection, and knows of no last resort.
  collect?.()
  collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}

function engineCollect(): ((options?: Readonly<Record<string, string>>) => void) | null {
  try {
    setFlagsFromString('--expose-gc')
    const gc: unknown = runInNewContext('typeof gc === "function" ? gc : null')
    if (typeof gc !== 'function') return null
    return (options) => void (options === undefined ? gc() : gc(options))
  } catch {
    return null
  }
}

export class MemoryReturn {
  readonly #clock: Clock
  readonly #budget: MemoryBudget
  readonly #collect: Collect
  #highest = 0
  #timer: Timer

  /** Looks on until it is stopped. */
  constructor(clock: Clock, budget: MemoryBudget, collect: Collect) {
    this.#clock = clock
    this.#budget = budget
    this.#collect = collect
    this.#timer = this.#later()
  }

  stop(): void {
    this.#timer.cancel()
  }

  #later(): Timer {
    return this.#clock.after(LOOK_MS, () => this.#look(), { unref: true })
  }

  #look(): void {
    this.#timer = this.#later()
    const { bytes } = this.#budget
    if (bytes < this.#highest / 2 && this.#highest - bytes >= LOST_BYTES_MIN) {
      this.#highest = bytes
      this.#collect()
    } else this.#highest = Math.max(this.#highest, bytes)
  }
}

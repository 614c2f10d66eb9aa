// Gives memory back to the system after a burst. V8 collects when it allocates; a server that has lost most of what it held, and is quiet
// then, would keep the memory of its worst moment for hours.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Clock, Timer } from '../../core/clock.js'
import type { MemoryBudget } from '../../core/memory-budget.js'

const LOOK_MS = 2_000
/** Less is not worth a collection. */
const LOST_BYTES_MIN = 64 * 1024 * 1024
/** With more in use than this the longer collection takes too long: 0.2 s for so many bytes on Node 22, and up to 0.8 on Node 24. */
const LIVE_BYTES_MAX = 128 * 1024 * 1024
/** So many looks after a collection the engine has given back what it does not keep. */
const LOOKS_TO_RETURN = 8

/** What this process can do about its memory. */
export interface ProcessMemory {
  /** Bytes that the system counts for it. */
  resident(): number
  /** Bytes that objects take. */
  live(): number
  /** Collects garbage, with a pause that grows with what is left, not with what is collected. */
  collect(): void
  /** Collects once more, and has the engine give up the pages that it keeps for later: a pause at least twice as long. */
  collectAll(): void
}

/** Null where the engine has no such thing. */
export function processMemory(): ProcessMemory | null {
  const collect = engineCollect()
  if (collect === null) return null
  return {
    resident: () => process.memoryUsage.rss(),
    live: () => process.memoryUsage().heapUsed,
    collect: () => collect({ type: 'major', execution: 'async' }),
    // Node 20 knows of no last resort, and keeps nothing.
    collectAll: () => collect({ type: 'major', execution: 'async', flavor: 'last-resort' }),
  }
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

type MemoryReturnState = { readonly kind: 'watching' } | Collected

/** Garbage was collected when the budget had lost `lostBytes` and still held `heldBytes`, and the system counted `residentBytes`: after so many looks it should count less. */
interface Collected {
  readonly kind: 'collected'
  readonly looksLeft: number
  readonly lostBytes: number
  readonly heldBytes: number
  readonly residentBytes: number
}

export class MemoryReturn {
  readonly #clock: Clock
  readonly #budget: MemoryBudget
  readonly #memory: ProcessMemory
  #highest = 0
  #state: MemoryReturnState = { kind: 'watching' }
  #timer: Timer

  /** Looks on until it is stopped. */
  constructor(clock: Clock, budget: MemoryBudget, memory: ProcessMemory) {
    this.#clock = clock
    this.#budget = budget
    this.#memory = memory
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
    const lostBytes = this.#highest - bytes
    if (bytes < this.#highest / 2 && lostBytes >= LOST_BYTES_MIN) {
      this.#highest = bytes
      this.#state = { kind: 'collected', looksLeft: LOOKS_TO_RETURN, lostBytes, heldBytes: bytes, residentBytes: this.#memory.resident() }
      this.#memory.collect()
      return
    }
    this.#highest = Math.max(this.#highest, bytes)
    if (this.#state.kind === 'collected') this.#checkReturn(this.#state)
  }

  /** Node 22 keeps the pages that a collection empties for as long as it likes: a server that held 1.2 GB and needs 0.1 kept all of it. */
  #checkReturn(state: Collected): void {
    if (state.looksLeft > 1) {
      this.#state = { ...state, looksLeft: state.looksLeft - 1 }
      return
    }
    this.#state = { kind: 'watching' }
    // What came since needs the pages.
    if (this.#highest - state.heldBytes > state.lostBytes / 2) return
    const isKept = this.#memory.resident() > state.residentBytes - state.lostBytes / 2
    if (isKept && this.#memory.live() <= LIVE_BYTES_MAX) this.#memory.collectAll()
  }
}

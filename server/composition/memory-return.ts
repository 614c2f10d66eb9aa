// Gives memory back to the system. V8 collects when it allocates: a server that has lost most of what it held, or that was busy and is quiet
// now, would keep the memory of its worst moment for hours.
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
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
/** Busy for less than this share of its time, at so many looks in a row, a process is quiet: few notice a pause. */
const QUIET_SHARE = 0.15
const QUIET_LOOKS = 3
/** What a quiet process has grown by, since it last gave memory back, for it to do so again. */
const GROWN_SHARE = 0.1
const GROWN_BYTES_MIN = 8 * 1024 * 1024
/** After growth by less than this share the next time is ten minutes away at the soonest: a process that people use a little grows a little. */
const BURST_SHARE = 0.25
const LOOKS_BETWEEN = 300

/** What this process can do about its memory. */
export interface ProcessMemory {
  /** Bytes that the system counts for it, without those of mapped files where the system tells them apart. */
  resident(): number
  /** Bytes that objects take. */
  live(): number
  /** The share of the time since it was last asked in which the event loop had something to do. */
  busyShare(): number
  /** Collects garbage, with a pause that grows with what is left, not with what is collected. */
  collect(): void
  /** Collects once more, and has the engine give up the pages that it keeps for later: a pause at least twice as long. */
  collectAll(): void
}

/** Null where the engine has no such thing. */
export function processMemory(): ProcessMemory | null {
  const collect = engineCollect()
  if (collect === null) return null
  let looked = performance.eventLoopUtilization()
  return {
    resident: anonymousBytes,
    live: () => process.memoryUsage().heapUsed,
    busyShare: () => {
      const now = performance.eventLoopUtilization()
      const { utilization } = performance.eventLoopUtilization(now, looked)
      looked = now
      return utilization
    },
    collect: () => collect.most(),
    collectAll: () => collect.all('async'),
  }
}

/** Pages of a store's mapped file come and go as the system likes. Only Linux tells how many they are. */
function anonymousBytes(): number {
  try {
    const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    if (kilobytes !== undefined) return Number(kilobytes) * 1024
  } catch {
    // Another system, or a container that hides it.
  }
  return process.memoryUsage.rss()
}

/**
 * Gives back at once what loading the program took: some 30 MB of young generation and compiled code on Node 22, a pause of 0.1 s. A server that is busy from
 * its first second would keep them, and would let garbage grow in proportion to them. For a program that has just begun, and serves nobody yet.
 */
export function returnLoadingMemory(): void {
  engineCollect()?.all('sync')
}

/** The engine's own collections. */
interface EngineCollect {
  most(): void
  all(execution: 'sync' | 'async'): void
}

/** Null where the engine does not offer them. */
function engineCollect(): EngineCollect | null {
  try {
    setFlagsFromString('--expose-gc')
    const gc: unknown = runInNewContext('typeof gc === "function" ? gc : null')
    if (typeof gc !== 'function') return null
    // Node 20 takes an object, whatever is in it, for the wish to collect the young generation alone.
    if (Number.parseInt(process.versions.node, 10) < 22) {
      const all = (): void => {
        gc()
        gc({ type: 'minor' })
      }
      return { most: () => void gc(), all }
    }
    return {
      most: () => void gc({ type: 'major', execution: 'async' }),
      all: (execution) => void gc({ type: 'major', execution, flavor: 'last-resort' }),
    }
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
  /** The least that the system counted since memory was last given back. */
  #settledBytes = Number.POSITIVE_INFINITY
  #quietLooks = 0
  #looksToWait = 0
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
    this.#quietLooks = this.#memory.busyShare() < QUIET_SHARE ? this.#quietLooks + 1 : 0
    const residentBytes = this.#memory.resident()
    this.#settledBytes = Math.min(this.#settledBytes, residentBytes)
    if (bytes < this.#highest / 2 && lostBytes >= LOST_BYTES_MIN) {
      this.#highest = bytes
      this.#state = { kind: 'collected', looksLeft: LOOKS_TO_RETURN, lostBytes, heldBytes: bytes, residentBytes }
      this.#memory.collect()
      return
    }
    this.#highest = Math.max(this.#highest, bytes)
    if (this.#state.kind === 'collected') this.#checkReturn(this.#state)
    else this.#returnIfQuiet(residentBytes)
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
    if (isKept && this.#memory.live() <= LIVE_BYTES_MAX) this.#returnAll()
  }

  /** What a burst has left behind counts in no budget: the garbage of 5,000 connections that came and stay was as much as they hold. */
  #returnIfQuiet(residentBytes: number): void {
    this.#looksToWait = Math.max(0, this.#looksToWait - 1)
    if (this.#quietLooks < QUIET_LOOKS) return
    const grownBytes = residentBytes - this.#settledBytes
    if (grownBytes < Math.max(GROWN_BYTES_MIN, this.#settledBytes * GROWN_SHARE)) return
    const isBurst = grownBytes >= this.#settledBytes * BURST_SHARE
    if ((this.#looksToWait > 0 && !isBurst) || this.#memory.live() > LIVE_BYTES_MAX) return
    if (!isBurst) this.#looksToWait = LOOKS_BETWEEN
    this.#returnAll()
  }

  #returnAll(): void {
    this.#memory.collectAll()
    // The next look finds what is really needed, and begins from there.
    this.#settledBytes = Number.POSITIVE_INFINITY
    this.#quietLooks = 0
  }
}

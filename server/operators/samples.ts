// What a node did in the last quarter of an hour, a row every two seconds, for whoever looks at graphs of it. A row costs some microseconds, whatever
// the node holds.
import type { Clock, Timer } from '../../core/clock.js'
import { type CounterName, type Counters, type Distribution, emptyDistribution, type HistogramName } from '../../core/counters.js'
import type { EventLoopWatch } from './event-loop.js'

export const SAMPLE_PERIOD_MS = 2_000
const SAMPLES_KEPT = 450

/** What is read of the node for each row, beside its counters. */
export interface Levels {
  readonly connections: number
  readonly sessions: number
  /** Counted against the memory budget. */
  readonly countedBytes: number
}

/** Null where nothing happened that could be measured. */
export interface Sample extends Levels {
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly loopDelayP99Ms: number
  readonly loopDelayMaxMs: number
  /** Of the time since the row before, between 0 and 1. */
  readonly loopBusyShare: number
  readonly residentBytes: number
  readonly heapBytes: number
  readonly editsPerSecond: number
  readonly commitsPerSecond: number
  readonly bytesInPerSecond: number
  readonly bytesOutPerSecond: number
  readonly acknowledgementP99Ms: number | null
  readonly deliveryP99Ms: number | null
}

export interface SamplesOptions {
  readonly clock: Clock
  readonly counters: Counters
  readonly loop: Pick<EventLoopWatch, 'start' | 'stop' | 'read'>
  readonly levels: () => Levels
}

const rates = ['updates_received', 'commits', 'bytes_received', 'bytes_sent'] as const satisfies readonly CounterName[]

export class Samples {
  readonly #options: SamplesOptions
  readonly #counted = new Map<CounterName, number>()
  readonly #distributed = new Map<HistogramName, readonly number[]>()
  readonly #rows: Sample[] = []
  /** How many rows there have been, those included that are gone. */
  #count = 0
  #lastAt: number
  #timer: Timer | null = null

  constructor(options: SamplesOptions) {
    this.#options = options
    this.#lastAt = options.clock.monotonic()
  }

  start(): void {
    this.#options.loop.start()
    this.#lastAt = this.#options.clock.monotonic()
    for (const name of rates) this.#since(name)
    this.#later()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#options.loop.stop()
  }

  /** The number of the last row; rows are numbered from 1. */
  get through(): number {
    return this.#count
  }

  /** Rows after the one of that number, oldest first: at most all that are kept. */
  after(number: number): readonly Sample[] {
    const missing = this.#count - number
    // A number of another start of the process says nothing here.
    return missing < 0 ? this.#rows.slice() : this.#rows.slice(Math.max(0, this.#rows.length - missing))
  }

  #later(): void {
    this.#timer = this.#options.clock.after(
      SAMPLE_PERIOD_MS,
      () => {
        this.#take()
        this.#later()
      },
      { unref: true },
    )
  }

  #take(): void {
    const { clock, loop, levels } = this.#options
    const now = clock.monotonic()
    const seconds = Math.max(0.001, (now - this.#lastAt) / 1000)
    this.#lastAt = now
    const { p99Ms, maxMs, busyShare } = loop.read()
    const [edits, commits, bytesIn, bytesOut] = rates.map((name) => this.#since(name) / seconds) as [number, number, number, number]
    const { rss, heapUsed } = process.memoryUsage()
    const { connections, sessions, countedBytes } = levels()
    this.#rows.push({
      at: clock.now(),
      connections,
      sessions,
      countedBytes,
      loopDelayP99Ms: p99Ms,
      loopDelayMaxMs: maxMs,
      loopBusyShare: busyShare,
      residentBytes: rss,
      heapBytes: heapUsed,
      editsPerSecond: edits,
      commitsPerSecond: commits,
      bytesInPerSecond: bytesIn,
      bytesOutPerSecond: bytesOut,
      acknowledgementP99Ms: this.#p99('acknowledgement_seconds'),
      deliveryP99Ms: this.#p99('delivery_seconds'),
    })
    if (this.#rows.length > SAMPLES_KEPT) this.#rows.shift()
    this.#count += 1
  }

  #since(name: CounterName): number {
    const now = this.#options.counters.get(name)
    const before = this.#counted.get(name) ?? 0
    this.#counted.set(name, now)
    return now - before
  }

  #p99(name: HistogramName): number | null {
    const distribution = this.#options.counters.distribution(name)
    const before = this.#distributed.get(name) ?? emptyDistribution(name).counts
    this.#distributed.set(name, [...distribution.counts])
    const seconds = percentileOf({ ...distribution, counts: distribution.counts.map((count, index) => count - (before[index] ?? 0)) }, 0.99)
    return seconds === null ? null : seconds * 1000
  }
}

/** As Prometheus estimates it: evenly spread within a bucket, and at most the last bound. Null for nothing. */
export function percentileOf({ buckets, counts }: Pick<Distribution, 'buckets' | 'counts'>, share: number): number | null {
  const all = counts.reduce((sum, count) => sum + count, 0)
  if (all === 0) return null
  const rank = share * all
  let below = 0
  for (const [index, count] of counts.entries()) {
    const bound = buckets[index]
    const last = buckets.at(-1) ?? 0
    if (below + count >= rank) {
      if (bound === undefined) return last
      const lower = index === 0 ? 0 : (buckets[index - 1] ?? 0)
      return lower + ((bound - lower) * (rank - below)) / count
    }
    below += count
  }
  return buckets.at(-1) ?? 0
}

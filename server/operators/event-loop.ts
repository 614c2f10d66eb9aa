// How late the event loop of this process is, and how busy, between one look and the next.
import { type EventLoopUtilization, type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks'

/** How often the platform looks. Its figures hold this time, too. */
const RESOLUTION_MS = 20

export interface EventLoopReading {
  readonly p99Ms: number
  readonly maxMs: number
  /** Between 0 and 1. */
  readonly busyShare: number
}

export class EventLoopWatch {
  #histogram: IntervalHistogram | null = null
  #utilization: EventLoopUtilization = performance.eventLoopUtilization()

  start(): void {
    this.#histogram ??= monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    this.#histogram.enable()
  }

  stop(): void {
    this.#histogram?.disable()
    this.#histogram = null
  }

  /** Since the last time that this was asked. */
  read(): EventLoopReading {
    const now = performance.eventLoopUtilization()
    const busyShare = performance.eventLoopUtilization(now, this.#utilization).utilization
    this.#utilization = now
    const histogram = this.#histogram
    if (histogram === null || histogram.count === 0) return { p99Ms: 0, maxMs: 0, busyShare }
    const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
    const reading = { p99Ms: late(histogram.percentile(99)), maxMs: late(histogram.max), busyShare }
    histogram.reset()
    return reading
  }
}

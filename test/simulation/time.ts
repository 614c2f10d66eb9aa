// The time of a simulation: one queue of events for everybody, and a clock for each process, which dies with it.
import type { Clock, Timer } from '../../core/clock.js'

interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
}

const EPOCH_MS = Date.UTC(2026, 0, 1)
/** Fractions of a millisecond that the queue tells apart: a delay must not vanish in the rounding of large numbers. */
const TICKS_PER_MS = 1024
const EVENTS_MAX = 2_000_000

export class SimulatedTime {
  #nowMs = 0
  #order = 0
  #eventCount = 0
  /** A binary heap: earliest first, in the order of scheduling among equals. */
  readonly #events: Event[] = []
  #soon: (() => void)[] = []
  #failure: { readonly error: unknown } | null = null

  /** Milliseconds since the simulation began. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Events that have happened. */
  get eventCount(): number {
    return this.#eventCount
  }

  /** The simulation is over: whoever advances time gets the error. For checks inside callbacks, whose callers would swallow what they throw. */
  fail(error: unknown): void {
    this.#failure ??= { error }
  }

  after(delayMs: number, run: () => void): Timer {
    if (!(delayMs >= 0)) throw new Error(`A timer needs a delay of at least 0 ms, not ${delayMs}`)
    this.#order += 1
    const at = this.#nowMs + Math.ceil(delayMs * TICKS_PER_MS) / TICKS_PER_MS
    const event: Event = { at, order: this.#order, run, cancelled: false }
    this.#push(event)
    return {
      cancel: () => {
        event.cancelled = true
      },
    }
  }

  soon(run: () => void): void {
    this.#soon.push(run)
  }

  /** Runs everything that falls due within `ms`, each event followed by the promises that it settled. Throws what `fail` was told. */
  async advance(ms: number): Promise<void> {
    const end = this.#nowMs + ms
    await this.settle()
    for (;;) {
      const next = this.#events[0]
      if (next === undefined || next.at > end) break
      this.#pop()
      if (next.cancelled) continue
      this.#nowMs = next.at
      this.#eventCount += 1
      if (this.#eventCount > EVENTS_MAX) throw new Error('The simulation never ends.')
      next.run()
      await this.settle()
    }
    this.#nowMs = end
  }

  /** Lets promises settle, and runs what was asked for soon, without moving time. */
  async settle(): Promise<void> {
    for (let rounds = 0; ; rounds++) {
      if (rounds > 10_000) throw new Error('The simulation does not get on: something asks to run soon for ever.')
      const queued = this.#soon
      this.#soon = []
      for (const run of queued) run()
      // Everything that is already resolved runs before an immediate.
      await new Promise<void>((resolve) => void setImmediate(resolve))
      if (this.#failure !== null) throw this.#failure.error
      if (this.#soon.length === 0) return
    }
  }

  #push(event: Event): void {
    const heap = this.#events
    let index = heap.length
    heap.push(event)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!earlier(event, heap[parent] as Event)) break
      heap[index] = heap[parent] as Event
      index = parent
    }
    heap[index] = event
  }

  #pop(): void {
    const heap = this.#events
    const last = heap.pop() as Event
    if (heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && earlier(heap[child + 1] as Event, heap[child] as Event)) child += 1
      if (!earlier(heap[child] as Event, last)) break
      heap[index] = heap[child] as Event
      index = child
    }
    heap[index] = last
  }
}

function earlier(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

export interface Skew {
  /** Added to both clocks. */
  readonly offsetMs: number
  /** How fast this clock runs; 1 is right. */
  readonly rate: number
}

/** The clock of one process. Once the process is dead, nothing that it asked for happens; while it is stopped, what falls due waits. */
export class HostClock implements Clock {
  readonly name: string
  readonly #time: SimulatedTime
  readonly #skew: Skew
  #alive = true
  /** What fell due while the process was stopped; null while it runs. */
  #held: (() => void)[] | null = null
  #wallShiftMs = 0
  #timerCount = 0

  constructor(time: SimulatedTime, name: string, skew: Skew = { offsetMs: 0, rate: 1 }) {
    this.#time = time
    this.name = name
    this.#skew = skew
  }

  get alive(): boolean {
    return this.#alive
  }

  get stopped(): boolean {
    return this.#held !== null
  }

  /** Timers that have neither fired nor been cancelled. */
  get timerCount(): number {
    return this.#timerCount
  }

  now(): number {
    return EPOCH_MS + Math.floor(this.monotonic() + this.#wallShiftMs)
  }

  monotonic(): number {
    return this.#time.nowMs * this.#skew.rate + this.#skew.offsetMs
  }

  after(delayMs: number, run: () => void): Timer {
    let pending = true
    this.#timerCount += 1
    const done = (): boolean => {
      if (!pending) return false
      pending = false
      this.#timerCount -= 1
      return this.#alive
    }
    const timer = this.#time.after(delayMs / this.#skew.rate, () =>
      this.run(() => {
        if (done()) run()
      }),
    )
    return {
      cancel: () => {
        done()
        timer.cancel()
      },
    }
  }

  soon(run: () => void): void {
    this.#time.soon(() => this.run(run))
  }

  /** Something happens to the process: now, or when it goes on; never once it is dead. */
  run(happening: () => void): void {
    if (!this.#alive) return
    if (this.#held === null) happening()
    else this.#held.push(happening)
  }

  /** As SIGSTOP does it: everything waits, and time goes on. */
  stop(): void {
    if (this.#alive) this.#held ??= []
  }

  /** As SIGCONT does it: what waited happens, one after another, at a time that has moved. */
  goOn(): void {
    const held = this.#held ?? []
    this.#held = null
    for (const happening of held) this.#time.after(0, () => this.run(happening))
  }

  /** Somebody sets the wall clock. Durations are not affected. */
  setWallClock(shiftMs: number): void {
    this.#wallShiftMs = shiftMs
  }

  /** The process is gone. */
  kill(): void {
    this.#alive = false
    this.#held = null
  }
}

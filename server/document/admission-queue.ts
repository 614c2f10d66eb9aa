// Submissions to one document that take longer than a turn of the event loop should, and all that came behind them: one after the other, in
// slices (G7).
import type { Clock } from '../../core/clock.js'
import { runAtOnce, runInSlices, type Sliced } from '../../core/slices.js'

/** Up to this size a submission is taken in at once: a few milliseconds, whatever is in it. */
const AT_ONCE_BYTES_MAX = 64 * 1024

interface Waiting {
  readonly bytes: number
  /** A promise never rejects. */
  readonly admission: Sliced<void> | Promise<Sliced<void>>
}

export class AdmissionQueue {
  readonly #clock: Clock
  readonly #onEmpty: () => void
  #waiting: Waiting[] = []
  #bytes = 0
  #waiters: (() => void)[] = []
  /** A queue that was cleared goes on with nothing that it had. */
  #life = {}
  #running = false

  /** `onEmpty` runs when the last one that waited is done. */
  constructor(clock: Clock, onEmpty: () => void) {
    this.#clock = clock
    this.#onEmpty = onEmpty
  }

  get empty(): boolean {
    return this.#waiting.length === 0
  }

  /** Of what waits. */
  get bytes(): number {
    return this.#bytes
  }

  /** Does the admission of `bytes` at once if it is short and nothing waits; else in its turn. It must not throw. */
  push(bytes: number, admission: Sliced<void>): void {
    if (bytes <= AT_ONCE_BYTES_MAX && this.empty) {
      runAtOnce(admission)
      return
    }
    this.#waiting.push({ bytes, admission })
    this.#bytes += bytes
    if (!this.#running) void this.#run(this.#life)
  }

  /** From within an admission that ends without having done anything: `again` comes in its place, in front of all that came behind it. It never rejects. */
  postpone(bytes: number, again: Promise<Sliced<void>>): void {
    this.#waiting.splice(this.#running ? 1 : 0, 0, { bytes, admission: again })
    this.#bytes += bytes
    if (!this.#running) void this.#run(this.#life)
  }

  /** Resolves when nothing waits any more. */
  settled(): Promise<void> {
    if (this.empty) return Promise.resolve()
    return new Promise((resolve) => void this.#waiters.push(resolve))
  }

  /** Drops what waits. */
  clear(): void {
    this.#life = {}
    this.#running = false
    this.#waiting = []
    this.#bytes = 0
    this.#settle()
  }

  /** Never rejects. */
  async #run(life: object): Promise<void> {
    this.#running = true
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const admission = first.admission instanceof Promise ? await first.admission : first.admission
      await runInSlices(admission, this.#clock, () => this.#life !== life)
      if (this.#life !== life) return
      this.#waiting.shift()
      this.#bytes -= first.bytes
    }
    this.#running = false
    this.#settle()
    this.#onEmpty()
  }

  #settle(): void {
    for (const resolve of this.#waiters.splice(0)) resolve()
  }
}

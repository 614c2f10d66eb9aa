// The audit trail: a file of JSON lines that says who did what. It is opened for each line, so that it may be moved away at any time.
import { appendFile } from 'node:fs/promises'
import type { Clock } from '../../core/clock.js'
import type { Logger } from '../../core/log.js'

/** Lines that wait for a disk. Past it they are lost, and counted in the log. */
const WAITING_MAX = 10_000
/** Whoever is refused decides how often: they must not fill the disk (G1). */
const REFUSALS_PER_SECOND_MAX = 20

export class AuditLog {
  readonly #file: string
  readonly #logger: Logger
  readonly #clock: Clock
  /** Of the current second of the monotonic clock; `leftOut` until a line has said so. */
  readonly #refusals = { second: 0, noted: 0, leftOut: 0 }
  #waiting: string[] = []
  #lost = 0
  #writing: Promise<void> | null = null

  constructor(file: string, logger: Logger, clock: Clock) {
    this.#file = file
    this.#logger = logger
    this.#clock = clock
  }

  /** Written in this order, soon. */
  record(entry: object): void {
    if (this.#waiting.length >= WAITING_MAX) this.#lost += 1
    else this.#waiting.push(`${JSON.stringify(entry)}\n`)
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null
    })
  }

  /** As `record`, unless there are too many of them: the next one that is kept says how many were `leftOut`. */
  recordRefusal(entry: object): void {
    const refusals = this.#refusals
    const second = Math.floor(this.#clock.monotonic() / 1000)
    if (second !== refusals.second) Object.assign(refusals, { second, noted: 0 })
    refusals.noted += 1
    if (refusals.noted > REFUSALS_PER_SECOND_MAX) {
      refusals.leftOut += 1
      return
    }
    const { leftOut } = refusals
    refusals.leftOut = 0
    this.record(leftOut === 0 ? entry : { ...entry, leftOut })
  }

  /** Resolves when all that was recorded is written, or could not be. */
  async close(): Promise<void> {
    await this.#writing
  }

  async #writeAll(): Promise<void> {
    // What comes in this turn of the event loop is one write.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const lines = this.#waiting
      this.#waiting = []
      try {
        await appendFile(this.#file, lines.join(''), { flush: true })
      } catch (thrown) {
        this.#lost += lines.length
        this.#logger.error({ err: thrown, file: this.#file, lost: this.#lost }, 'the audit log cannot be written')
      }
    }
  }
}

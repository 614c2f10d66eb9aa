// The audit trail: a file of JSON lines that says who did what over the API. It is opened for each line, so that it may be moved away at any time.
import { appendFile } from 'node:fs/promises'
import type { Logger } from '../../core/log.js'

/** Lines that wait for a disk. Past it they are lost, and counted in the log. */
const WAITING_MAX = 10_000

export class AuditLog {
  readonly #file: string
  readonly #logger: Logger
  #waiting: string[] = []
  #lost = 0
  #writing: Promise<void> | null = null

  constructor(file: string, logger: Logger) {
    this.#file = file
    this.#logger = logger
  }

  /** Written in this order, soon. */
  record(entry: Readonly<Record<string, unknown>>): void {
    if (this.#waiting.length >= WAITING_MAX) this.#lost += 1
    else this.#waiting.push(`${JSON.stringify(entry)}\n`)
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null
    })
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

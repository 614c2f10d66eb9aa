// Edits of one document that wait for, or are in, a commit, and who is to be told of it.
import type { Clock } from '../../core/clock.js'
import type { AppendEntry } from '../../persistence/store.js'
import type { Session } from './sessions.js'

export class Pending {
  readonly updates: Uint8Array[] = []
  /** The highest submission of each session that this commit makes durable. */
  readonly submitters = new Map<Session, number>()
  readonly #waiters: (() => void)[] = []
  #bytes = 0

  /** Bytes as received, before merging. */
  get bytes(): number {
    return this.#bytes
  }

  get empty(): boolean {
    return this.updates.length === 0
  }

  add(update: Uint8Array): void {
    this.updates.push(update)
    this.#bytes += update.length
  }

  /** Resolves when this commit is over, whatever came of it. */
  settled(): Promise<void> {
    return new Promise((resolve) => void this.#waiters.push(resolve))
  }

  settle(): void {
    for (const resolve of this.#waiters.splice(0)) resolve()
  }
}

export interface InFlight {
  readonly pending: Pending
  readonly entry: AppendEntry
}

/** Submissions that repeat what is durable already (S3). They are acknowledged in the next turn, so that `submit` never answers before it returns. */
export class Repeats {
  readonly #clock: Clock
  readonly #acknowledge: (session: Session, through: number) => void
  #waiting: Map<Session, number> | null = null

  constructor(clock: Clock, acknowledge: (session: Session, through: number) => void) {
    this.#clock = clock
    this.#acknowledge = acknowledge
  }

  add(session: Session, submission: number): void {
    if (this.#waiting === null) {
      const waiting = new Map<Session, number>()
      this.#waiting = waiting
      this.#clock.soon(() => {
        this.#waiting = null
        for (const [repeater, through] of waiting) this.#acknowledge(repeater, through)
      })
    }
    this.#waiting.set(session, submission)
  }
}

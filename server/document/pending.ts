// Edits of one document that wait for, or are in, a commit, and who is to be told of it.
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

// The addresses of a connection that were refused: what their providers still send is no further attempt, and one that shows a better token gets what it asked for meanwhile.
import type { HocuspocusClientMessage } from '../../../protocol/dialects/hocuspocus.js'

/** So many are remembered. */
const REFUSED_MAX = 1_000
/** A provider that counts more than so many changes as not synced is not told of each, but begins anew. */
export const OWED_MAX = 1_000

/** What a provider is owed that was refused. It does not ask again when it shows another token. */
export interface Owed {
  /** Whether it sent step 1. */
  readonly asked: boolean
  /** How many changes it counts as not synced. */
  readonly counted: number
}

const nothing: Owed = { asked: false, counted: 0 }

export class HocuspocusRefusals {
  /** Oldest first. */
  readonly #owed = new Map<string, Owed>()

  has(address: string): boolean {
    return this.#owed.has(address)
  }

  add(address: string, owed: Owed = nothing): void {
    const [oldest] = this.#owed.keys()
    if (this.#owed.size >= REFUSED_MAX && oldest !== undefined) this.#owed.delete(oldest)
    this.#owed.set(address, owed)
  }

  /** Something came to a refused address; others are not remembered. */
  came(address: string, type: HocuspocusClientMessage['type']): void {
    const owed = this.#owed.get(address)
    if (owed === undefined) return
    // Step 1 begins the count anew, for the step 2 that is to follow.
    if (type === 'sync-step-1') this.#owed.set(address, { asked: true, counted: 1 })
    else if (type === 'update') this.#owed.set(address, { ...owed, counted: owed.counted + 1 })
    else if (type === 'close') this.#owed.set(address, nothing)
  }

  /** It is refused no longer. */
  take(address: string): Owed {
    const owed = this.#owed.get(address) ?? nothing
    this.#owed.delete(address)
    return owed
  }
}

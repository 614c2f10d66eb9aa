// What a client asks before its session is attached to the document: it waits, in order and in bounded memory.
import type { MemoryBudget } from '../../core/memory-budget.js'

export interface HeldRequestsOptions {
  readonly budget: MemoryBudget
  /** Bytes past which the client is not read. */
  readonly bytesMax: number
  /** The client is to be read, or not, for the time being. */
  readonly hold: (held: boolean) => void
}

/** What a request costs beside its bytes, so that a flood of empty ones is bounded too. */
const REQUEST_BYTES = 256

export class HeldRequests {
  readonly #options: HeldRequestsOptions
  #requests: { readonly bytes: number; readonly run: () => void }[] = []
  #bytes = 0
  #holds = false

  constructor(options: HeldRequestsOptions) {
    this.#options = options
  }

  add(bytes: number, run: () => void): void {
    this.#requests.push({ bytes: bytes + REQUEST_BYTES, run })
    this.#count(bytes + REQUEST_BYTES)
    if (this.#holds || this.#bytes <= this.#options.bytesMax) return
    this.#holds = true
    this.#options.hold(true)
  }

  /** Once, when the session is attached. Throws what a request throws; those behind it are dropped. */
  run(): void {
    try {
      for (let next = this.#requests.shift(); next !== undefined; next = this.#requests.shift()) {
        // Edits that the document cannot take yet are counted where they wait.
        this.#count(-next.bytes)
        next.run()
      }
    } finally {
      // Also when something of it was malformed and ends the session: the connection may have others.
      this.drop()
    }
  }

  /** Nothing of it is carried out any more. Idempotent. */
  drop(): void {
    this.#requests = []
    this.#count(-this.#bytes)
    if (!this.#holds) return
    this.#holds = false
    this.#options.hold(false)
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#options.budget.account('received').add(bytes)
  }
}

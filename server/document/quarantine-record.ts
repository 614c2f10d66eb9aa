// Makes the store remember that a document was found to be unusable from a seq on (D8), however often it takes: the next owner must not
// take the document for a sound one.
import type { Clock, Timer } from '../../core/clock.js'
import type { Logger } from '../../core/log.js'
import type { DocumentStore, QuarantineWrite } from '../../persistence/store.js'

export interface QuarantineRecordOptions {
  readonly store: Pick<DocumentStore, 'saveQuarantine'>
  readonly clock: Clock
  readonly logger: Logger
  readonly write: QuarantineWrite
  readonly saved: () => void
  readonly fenced: () => void
}

type RecordState = { readonly kind: 'saving' } | { readonly kind: 'retrying'; readonly timer: Timer } | { readonly kind: 'over' }

const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 30_000

export class QuarantineRecord {
  readonly #options: QuarantineRecordOptions
  #state: RecordState = { kind: 'saving' }

  /** Begins at once. */
  constructor(options: QuarantineRecordOptions) {
    this.#options = options
    void this.#save(0)
  }

  /** Nobody needs it any more. Idempotent. */
  cancel(): void {
    if (this.#state.kind === 'retrying') this.#state.timer.cancel()
    this.#state = { kind: 'over' }
  }

  /** Never rejects. */
  async #save(failures: number): Promise<void> {
    const { store, clock, logger, write, saved, fenced } = this.#options
    this.#state = { kind: 'saving' }
    try {
      const outcome = await store.saveQuarantine(write)
      if (this.#isOver()) return
      this.#state = { kind: 'over' }
      if (outcome === 'written') saved()
      else fenced()
    } catch (thrown) {
      if (this.#isOver()) return
      logger.warn({ documentId: write.documentId, err: thrown }, 'a quarantine could not be stored; trying again')
      const delayMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(failures, 10))
      this.#state = { kind: 'retrying', timer: clock.after(delayMs, () => void this.#save(failures + 1), { unref: true }) }
    }
  }

  // As a method, since the state changes while something is awaited.
  #isOver(): boolean {
    return this.#state.kind === 'over'
  }
}

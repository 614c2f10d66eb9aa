// When one document is compacted, and how its new base comes into use: compact, save the snapshot (fenced), swap, prune. Edits go on
// meanwhile, and a crash between any two steps loses nothing (D6): until the snapshot is saved the log has everything, and afterwards still
// has.
import type { Clock } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { DocumentStore, Fence } from '../../persistence/store.js'
import type { StructCounts } from '../../protocol/updates/decoding-cost.js'
import type { Compactor } from './compaction.js'
import type { DocumentTuning } from './tuning.js'
import type { Image } from './view/image.js'
import { inOwnBuffer } from './view/own-buffer.js'

export interface CompactionEnvironment {
  readonly store: DocumentStore
  readonly compactor: Compactor
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: Counters
  readonly tuning: DocumentTuning
  /** Whether deleted content of this document is kept. */
  readonly keepDeleted: (documentId: string) => boolean
}

export interface CompactionSubject {
  readonly documentId: string
  readonly fence: Fence
  readonly incarnation: string
  readonly image: Image
}

/** What the owner is told; none may throw. */
export interface CompactionEvents {
  /** True once the owner has stopped or the image must not change any more. */
  abandoned(): boolean
  /** What the image holds now. */
  durableCounts(): StructCounts
  /**
   * The base was replaced: what held `before` holds `after` now. `gained` are deletes that it has beyond what the document was known to
   * have.
   */
  compacted(gained: Uint8Array | null, before: StructCounts, after: StructCounts): void
  fenced(): void
  /** `index` of the tail row that cannot be applied, -1 for the base. */
  poisoned(index: number, reason: string): void
  /** Whatever came of it. */
  ended(): void
}

type CycleState =
  | { readonly kind: 'waiting'; readonly notBefore: number; readonly failures: number }
  | { readonly kind: 'running'; readonly failures: number }

const RETRY_MS_MAX = 3_600_000

export class CompactionCycle {
  readonly #environment: CompactionEnvironment
  readonly #subject: CompactionSubject
  readonly #events: CompactionEvents
  #toldOfCost = false
  #state: CycleState = { kind: 'waiting', notBefore: Number.NEGATIVE_INFINITY, failures: 0 }

  constructor(environment: CompactionEnvironment, subject: CompactionSubject, events: CompactionEvents) {
    this.#environment = environment
    this.#subject = subject
    this.#events = events
  }

  get running(): boolean {
    return this.#state.kind === 'running'
  }

  /** Starts a compaction if the tail has grown enough for a document in use. */
  startIfLarge(): void {
    const { image } = this.#subject
    const { tailRowsMax, tailBytesMin, tailToBaseRatio } = this.#environment.tuning
    const large = image.tailBytes >= tailBytesMin && image.tailBytes >= image.baseBytes * tailToBaseRatio
    if (large || image.tailRows >= tailRowsMax) this.start()
  }

  /** Starts a compaction if the tail is worth it for a document that nobody uses. True if one runs now. */
  startIfWorthwhileWhenIdle(): boolean {
    const { image } = this.#subject
    const { idleTailRowsMin, idleTailToBaseRatio } = this.#environment.tuning
    const worthwhile = image.tailRows >= idleTailRowsMin || image.tailBytes > image.baseBytes * idleTailToBaseRatio
    if (worthwhile) this.start()
    return this.running
  }

  /** Starts a compaction unless one runs, there is no tail, or the last one failed a short while ago. */
  start(): void {
    const state = this.#state
    if (state.kind === 'running' || state.notBefore > this.#environment.clock.monotonic()) return
    if (this.#subject.image.tailRows === 0 || this.#events.abandoned()) return
    this.#state = { kind: 'running', failures: state.failures }
    void this.#run(state.failures)
  }

  /** Never rejects. */
  async #run(failures: number): Promise<void> {
    const { clock, logger, counters, tuning } = this.#environment
    const { documentId } = this.#subject
    const startedAt = clock.monotonic()
    let waiting: CycleState = { kind: 'waiting', notBefore: Number.NEGATIVE_INFINITY, failures: 0 }
    try {
      const refused = await this.#compact()
      if (refused) waiting = { kind: 'waiting', notBefore: clock.monotonic() + RETRY_MS_MAX, failures: 0 }
    } catch (error) {
      // A compactor that is closed under a stopped document is no failure.
      if (!this.#events.abandoned()) {
        counters.add('compactions_failed')
        logger.warn({ documentId, error }, 'A compaction failed; the document keeps its base and tail')
      }
      const pauseMs = Math.min(RETRY_MS_MAX, tuning.compactionRetryMs * 2 ** Math.min(failures, 20))
      waiting = { kind: 'waiting', notBefore: clock.monotonic() + pauseMs, failures: failures + 1 }
    }
    counters.observe('compaction_seconds', (clock.monotonic() - startedAt) / 1000)
    this.#state = waiting
    this.#events.ended()
  }

  /** True if it costs too much, now and after any retry with more of the same. */
  async #compact(): Promise<boolean> {
    const { store, compactor, counters, keepDeleted } = this.#environment
    const { documentId, fence, incarnation, image } = this.#subject
    // The image holds only what is durable, so the snapshot is never ahead of the log.
    const seq = image.head
    const counts = this.#events.durableCounts()
    const result = await compactor.compact({ ...image.snapshotInput(), keepDeleted: keepDeleted(documentId) })
    if (this.#events.abandoned()) return false
    if (result.outcome === 'too-costly') {
      this.#refused(result)
      return true
    }
    if (result.outcome === 'poisoned') {
      this.#events.poisoned(result.index, result.reason)
      return false
    }
    if (result.state.length < 2) throw new WeftError('internal', 'The compactor answered with something that is not an update.')
    const state = inOwnBuffer(result.state)
    const written = await store.saveSnapshot({ documentId, fence, incarnation, seq, state })
    if (this.#events.abandoned()) return false
    if (written === 'fenced') {
      this.#events.fenced()
      return false
    }
    image.replaceBase(seq, state, result.index)
    counters.add('compactions')
    this.#events.compacted(result.gained, counts, result.counts)
    this.#prune()
    return false
  }

  #refused({ memoryBytes, ms }: { readonly memoryBytes: number; readonly ms: number }): void {
    const { logger, counters } = this.#environment
    counters.add('compactions_refused')
    if (this.#toldOfCost) return
    this.#toldOfCost = true
    logger.warn(
      { documentId: this.#subject.documentId, memoryBytes, ms },
      'A document is not compacted: it would take more memory or time than a compaction may; it keeps its base and tail',
    )
  }

  #prune(): void {
    const { store, clock, logger, tuning } = this.#environment
    const { documentId } = this.#subject
    clock.soon(() => {
      if (this.#events.abandoned()) return
      store.prune(documentId, tuning.retention).catch((error: unknown) => {
        logger.warn({ documentId, error }, 'Pruning failed; it is tried again after the next compaction')
      })
    })
  }
}

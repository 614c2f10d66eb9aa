// When one document is compacted, and how its new base comes into use: compact, save the snapshot (fenced), swap, prune. Edits go on
// meanwhile, and a crash between any two steps loses nothing (D6): until the snapshot is saved the log has everything, and afterwards still
// has.
import { WeftError } from '../../core/errors.js'
import type { OwnerHost } from './owner-host.js'
import { inOwnBuffer } from './view/own-buffer.js'

/** What it needs of the owner. */
type CompactionHost = Pick<
  OwnerHost,
  | 'documentId'
  | 'fence'
  | 'storedIncarnation'
  | 'environment'
  | 'image'
  | 'life'
  | 'uncommitted'
  | 'compacted'
  | 'shardFenced'
  | 'poisoned'
  | 'compactionEnded'
>

type CycleState =
  | { readonly kind: 'waiting'; readonly notBefore: number; readonly failures: number }
  | { readonly kind: 'running'; readonly failures: number }

const RETRY_MS_MAX = 3_600_000

export class CompactionCycle {
  readonly #host: CompactionHost
  #toldOfCost = false
  #state: CycleState = { kind: 'waiting', notBefore: Number.NEGATIVE_INFINITY, failures: 0 }

  constructor(host: CompactionHost) {
    this.#host = host
  }

  get running(): boolean {
    return this.#state.kind === 'running'
  }

  /** Starts a compaction if the tail has grown enough for a document in use. */
  startIfLarge(): void {
    const { image } = this.#host
    const { tailRowsMax, tailBytesMin, tailToBaseRatio } = this.#host.environment.tuning
    const large = image.tailBytes >= tailBytesMin && image.tailBytes >= image.baseBytes * tailToBaseRatio
    if (large || image.tailRows >= tailRowsMax) this.start()
  }

  /** Starts a compaction if the tail is worth it for a document that nobody uses. True if one runs now. */
  startIfWorthwhileWhenIdle(): boolean {
    const { image } = this.#host
    const { idleTailRowsMin, idleTailToBaseRatio } = this.#host.environment.tuning
    const worthwhile = image.tailRows >= idleTailRowsMin || image.tailBytes > image.baseBytes * idleTailToBaseRatio
    if (worthwhile) this.start()
    return this.running
  }

  /** Starts a compaction unless one runs, there is no tail, or the last one failed a short while ago. */
  start(): void {
    const state = this.#state
    if (state.kind === 'running' || state.notBefore > this.#host.environment.clock.monotonic()) return
    if (this.#host.image.tailRows === 0 || this.#isAbandoned) return
    this.#state = { kind: 'running', failures: state.failures }
    void this.#run(state.failures)
  }

  /** Never rejects. */
  async #run(failures: number): Promise<void> {
    const { clock, logger, counters, tuning } = this.#host.environment
    const { documentId } = this.#host
    const startedAt = clock.monotonic()
    let waiting: CycleState = { kind: 'waiting', notBefore: Number.NEGATIVE_INFINITY, failures: 0 }
    try {
      const refused = await this.#compact()
      if (refused) waiting = { kind: 'waiting', notBefore: clock.monotonic() + RETRY_MS_MAX, failures: 0 }
    } catch (error) {
      // A compactor that is closed under a stopped document is no failure.
      if (!this.#isAbandoned) {
        counters.add('compactions_failed')
        logger.warn({ documentId, error }, 'A compaction failed; the document keeps its base and tail')
      }
      const pauseMs = Math.min(RETRY_MS_MAX, tuning.compactionRetryMs * 2 ** Math.min(failures, 20))
      waiting = { kind: 'waiting', notBefore: clock.monotonic() + pauseMs, failures: failures + 1 }
    }
    counters.observe('compaction_seconds', (clock.monotonic() - startedAt) / 1000)
    this.#state = waiting
    this.#host.compactionEnded()
  }

  /** True if it costs too much, now and after any retry with more of the same. */
  async #compact(): Promise<boolean> {
    const { store, compactor, counters, keepDeleted } = this.#host.environment
    const { documentId, fence, storedIncarnation: incarnation, image } = this.#host
    // The image holds only what is durable, so the snapshot is never ahead of the log.
    const seq = image.head
    const counts = this.#host.uncommitted.durableCounts
    const result = await compactor.compact({ ...image.snapshotInput(), keepDeleted: keepDeleted(documentId) })
    if (this.#isAbandoned) return false
    if (result.outcome === 'too-costly') {
      this.#refused(result)
      return true
    }
    if (result.outcome === 'poisoned') {
      this.#host.poisoned(result.index, result.reason)
      return false
    }
    if (result.state.length < 2) throw new WeftError('internal', 'The compactor answered with something that is not an update.')
    const state = inOwnBuffer(result.state)
    const written = await store.saveSnapshot({ documentId, fence, incarnation, seq, state })
    if (this.#isAbandoned) return false
    if (written === 'fenced') {
      this.#host.shardFenced()
      return false
    }
    image.replaceBase(seq, state, result.index)
    counters.add('compactions')
    this.#host.compacted(result.gained, counts, result.counts)
    this.#prune()
    return false
  }

  /** The owner has stopped, or the image must not change any more. */
  get #isAbandoned(): boolean {
    return this.#host.life.refusal !== null
  }

  #refused({ memoryBytes, ms }: { readonly memoryBytes: number; readonly ms: number }): void {
    const { logger, counters } = this.#host.environment
    counters.add('compactions_refused')
    if (this.#toldOfCost) return
    this.#toldOfCost = true
    logger.warn(
      { documentId: this.#host.documentId, memoryBytes, ms },
      'A document is not compacted: it would take more memory or time than a compaction may; it keeps its base and tail',
    )
  }

  #prune(): void {
    const { store, clock, logger, tuning } = this.#host.environment
    const { documentId } = this.#host
    clock.soon(() => {
      if (this.#isAbandoned) return
      store.prune(documentId, tuning.retention).catch((error: unknown) => {
        logger.warn({ documentId, error }, 'Pruning failed; it is tried again after the next compaction')
      })
    })
  }
}

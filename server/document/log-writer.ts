// The log writer: one per process, one commit at a time. Takes what every due document has pending and appends it in one durable commit.
//
// While a commit runs, the next batch collects, so batches grow with load by themselves. A batch whose outcome is unknown is repeated with
// the same seqs and the same bytes, which the store recognises (D7). A commit is no longer waited for once all its sources are gone: a
// store that does not answer must not keep this process from what it was given since, under new epochs (O2).
import type { Clock, Timer } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { asWeftError, type WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import type { AppendEntry, AppendResult } from '../../persistence/store.js'
import { type Batch, DueSources, type LogSource } from './due-sources.js'
import { isRefusal, refusesEverything, StoreTrouble } from './store-trouble.js'
import { type Busyness, commitPeriodMs, RowRate } from './view/pace.js'

export interface LogWriterOptions {
  readonly append: (entries: readonly AppendEntry[]) => Promise<AppendResult>
  /** Whether the store takes writes at all: as `DocumentStore.probe`. */
  readonly probe: () => Promise<void>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly counters: Counters
  readonly busyness: Busyness
  /** Other processes work with the same store: it gets rest in proportion to what commits take. */
  readonly storeIsShared: boolean
  /** Shards that the store refused, after their sources were told. */
  readonly onFenced: (shards: ReadonlySet<number>) => void
  /** The store can never commit again. Nothing of the batch was, or will be, acknowledged. */
  readonly onFatal: (error: WeftError) => void
}

type WriterState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'waiting'; readonly wakeAt: number; readonly timer: Timer }
  | { readonly kind: 'committing'; readonly batch: Batch }
  | { readonly kind: 'retrying'; readonly batch: Batch; readonly timer: Timer }
  | { readonly kind: 'closed' }

/** Of the average of what commits take, the share of the last one. */
const COMMIT_WEIGHT = 0.1
const RETRY_MIN_MS = 50
const RETRY_MAX_MS = 5_000

export class LogWriter {
  readonly #options: LogWriterOptions
  readonly #clock: Clock
  readonly #rate = new RowRate()
  readonly #due = new DueSources()
  #lastStart = Number.NEGATIVE_INFINITY
  /** What commits take, as an average of the last ones. */
  #commitMs = 0
  #failures = 0
  readonly #trouble: StoreTrouble
  #state: WriterState = { kind: 'idle' }
  /** Commits that have not settled: the one that runs, and those that nobody waits for any more. */
  readonly #unsettled = new Set<Promise<void>>()

  constructor(options: LogWriterOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#trouble = new StoreTrouble(options.clock, options.probe)
  }

  /** Asks for a commit of `source` at `dueAt` (monotonic milliseconds) or soon after; the earlier of two requests counts. */
  request(source: LogSource, dueAt: number): void {
    if (this.#due.add(source, dueAt)) this.#schedule()
  }

  /** The source is over: it is not told of what becomes of its entry. */
  forget(source: LogSource): void {
    this.#due.delete(source)
    const state = this.#state
    if (state.kind !== 'committing' && state.kind !== 'retrying') return
    state.batch.delete(source)
    if (state.batch.size > 0) return
    if (state.kind === 'retrying') state.timer.cancel()
    this.#idle()
  }

  /** Starts nothing any more. Resolves once all commits have settled. Idempotent. */
  async close(): Promise<void> {
    const state = this.#state
    this.#state = { kind: 'closed' }
    this.#due.clear()
    if (state.kind === 'waiting' || state.kind === 'retrying') state.timer.cancel()
    await Promise.all(this.#unsettled)
  }

  #schedule(): void {
    const state = this.#state
    if (state.kind !== 'idle' && state.kind !== 'waiting') return
    if (this.#due.isEmpty) return
    const now = this.#clock.monotonic()
    const { busyness, storeIsShared } = this.#options
    const periodMs = commitPeriodMs(this.#rate.perSecond(now), busyness(), storeIsShared ? this.#commitMs : 0)
    const wakeAt = Math.max(this.#due.earliest, this.#lastStart + periodMs, now)
    if (state.kind === 'waiting') {
      if (state.wakeAt <= wakeAt) return
      state.timer.cancel()
    }
    this.#state = { kind: 'waiting', wakeAt, timer: this.#wake(wakeAt - now) }
  }

  #wake(delayMs: number): Timer {
    if (delayMs > 0) return this.#clock.after(delayMs, () => this.#start())
    // Not at once: edits that arrived in the same turn of the event loop share the commit.
    let cancelled = false
    this.#clock.soon(() => {
      if (!cancelled) this.#start()
    })
    return {
      cancel: () => {
        cancelled = true
      },
    }
  }

  #start(): void {
    if (this.#state.kind !== 'waiting') return
    this.#state = { kind: 'idle' }
    const now = this.#clock.monotonic()
    const batch = this.#due.take(now)
    if (batch.size === 0) {
      this.#schedule()
      return
    }
    this.#lastStart = now
    this.#rate.record(batch.size, now)
    this.#commit(batch)
  }

  #commit(batch: Batch): void {
    this.#state = { kind: 'committing', batch }
    const settled = this.#attempt(batch).finally(() => this.#unsettled.delete(settled))
    this.#unsettled.add(settled)
  }

  /** Never rejects. */
  async #attempt(batch: Batch): Promise<void> {
    let result: AppendResult
    const documents = batch.size
    let bytes = 0
    for (const { update } of batch.values()) bytes += update.length
    const startedAt = this.#clock.monotonic()
    try {
      result = await this.#options.append([...batch.values()])
    } catch (thrown) {
      return this.#attemptFailed(batch, asWeftError(thrown))
    }
    this.#failures = 0
    this.#trouble.over()
    const { counters } = this.#options
    const tookMs = this.#clock.monotonic() - startedAt
    this.#commitMs += (tookMs - this.#commitMs) * COMMIT_WEIGHT
    counters.add('commits')
    counters.observe('commit_seconds', tookMs / 1000)
    counters.observe('commit_documents', documents)
    counters.observe('commit_bytes', bytes)
    this.#settle(batch, result)
    this.#finish(batch)
  }

  /** Tells the sources that are left. */
  #settle(batch: Batch, { fencedShards }: AppendResult): void {
    const refused = new Set<number>()
    for (const [source, entry] of batch) {
      if (fencedShards.has(entry.fence.shard)) {
        refused.add(entry.fence.shard)
        source.fenced()
      } else {
        this.#options.counters.add('log_rows_committed')
        this.#options.counters.add('log_bytes_committed', entry.update.length)
        source.committed()
      }
    }
    // Shards of sources that are gone may be ours again by now, under other epochs.
    if (refused.size > 0) this.#options.onFenced(refused)
  }

  async #attemptFailed(batch: Batch, error: WeftError): Promise<void> {
    this.#options.counters.add('commit_failures')
    this.#options.logger.error({ error, documents: batch.size, failures: this.#failures + 1 }, 'A commit failed')
    if (this.#state.kind === 'closed') return
    if (error.code === 'store-failed') return this.#fail(error)
    // Of one that nobody waits for, nothing follows.
    if (!this.#runs(batch)) return
    this.#failures += 1
    if (isRefusal(error)) return this.#isolate(batch, error)
    this.#retry(batch)
  }

  #fail(error: WeftError): void {
    this.#state = { kind: 'closed' }
    this.#due.clear()
    this.#options.onFatal(error)
  }

  /** The store does not take something in the batch: the others must not suffer for it, so each entry is committed alone. */
  async #isolate(batch: Batch, error: WeftError): Promise<void> {
    const refused = new Map<LogSource, WeftError>()
    const [only] = batch.keys()
    let committed = 0
    if (batch.size === 1 && only !== undefined) refused.set(only, error)
    else
      for (const [source, entry] of batch) {
        try {
          const result = await this.#options.append([entry])
          committed += 1
          if (batch.delete(source)) this.#settle(new Map([[source, entry]]), result)
        } catch (thrown) {
          const cause = asWeftError(thrown)
          if (isRefusal(cause)) refused.set(source, cause)
        }
      }
    if (committed === 0 && refused.size > 0) {
      const trouble = await this.#trouble.judge(error)
      if (this.#state.kind === 'closed') return
      if (trouble === 'fatal') return this.#fail(refusesEverything(error))
      // Nothing says that it is the documents.
      if (trouble === 'passing') refused.clear()
    }
    if (committed > 0) this.#trouble.over()
    for (const [source, cause] of refused) if (batch.delete(source)) source.failed(cause)
    if (!this.#runs(batch)) return
    if (batch.size > 0) this.#retry(batch)
    else this.#finish(batch)
  }

  /** Whether this is the commit that runs now. */
  #runs(batch: Batch): boolean {
    return this.#state.kind === 'committing' && this.#state.batch === batch
  }

  #retry(batch: Batch): void {
    const ceiling = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(this.#failures - 1, 10))
    const delayMs = ceiling / 2 + (this.#options.random.fraction() * ceiling) / 2
    this.#state = { kind: 'retrying', batch, timer: this.#clock.after(delayMs, () => this.#commit(batch)) }
  }

  #finish(batch: Batch): void {
    if (this.#runs(batch)) this.#idle()
  }

  #idle(): void {
    this.#state = { kind: 'idle' }
    this.#schedule()
  }
}

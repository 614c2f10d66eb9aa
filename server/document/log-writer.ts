// The log writer: one per process, one commit at a time. Takes what every due document has pending and appends it in one durable commit.
//
// While a commit runs, the next batch collects, so batches grow with load by themselves. A batch whose outcome is unknown is repeated with the
// same seqs and the same bytes, which the store recognises (D7).
import { unreachable } from '../../core/assert.js'
import type { Clock, Timer } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import type { AppendEntry, AppendResult } from '../../persistence/store.js'
import { commitPeriodMs, RowRate } from './pace.js'

/** A document with something to commit. None of these may throw. */
export interface LogSource {
  /** Moves what is pending into one log entry; null if nothing is. The entry stays the same until one of the others is called. */
  take(): AppendEntry | null
  /** The entry is durable. */
  committed(): void
  /** The entry's fence was stale: it is not written and never will be. */
  fenced(): void
  /** The entry cannot be written. */
  failed(error: WeftError): void
}

export interface LogWriterOptions {
  readonly append: (entries: readonly AppendEntry[]) => Promise<AppendResult>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly counters: Counters
  /** Shards that the store refused, after their sources were told. */
  readonly onFenced: (shards: ReadonlySet<number>) => void
  /** The store can never commit again. Nothing of the batch was, or will be, acknowledged. */
  readonly onFatal: (error: WeftError) => void
}

interface BatchItem {
  readonly source: LogSource
  readonly entry: AppendEntry
}

type Batch = readonly BatchItem[]

type WriterState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'waiting'; readonly wakeAt: number; readonly timer: Timer }
  | { readonly kind: 'committing'; readonly settled: Promise<void> }
  | { readonly kind: 'retrying'; readonly batch: Batch; readonly timer: Timer }
  | { readonly kind: 'closed' }

const BATCH_BYTES_MAX = 16 * 1024 * 1024
const RETRY_MIN_MS = 50
const RETRY_MAX_MS = 5_000

export class LogWriter {
  readonly #options: LogWriterOptions
  readonly #clock: Clock
  readonly #rate = new RowRate()
  /** When each source wants its commit, by the monotonic clock. */
  readonly #due = new Map<LogSource, number>()
  #earliest = Number.POSITIVE_INFINITY
  #lastStart = Number.NEGATIVE_INFINITY
  #failures = 0
  #state: WriterState = { kind: 'idle' }

  constructor(options: LogWriterOptions) {
    this.#options = options
    this.#clock = options.clock
  }

  /** Asks for a commit of `source` at `dueAt` (monotonic milliseconds) or soon after; the earlier of two requests counts. */
  request(source: LogSource, dueAt: number): void {
    const already = this.#due.get(source)
    if (already !== undefined && already <= dueAt) return
    this.#due.set(source, dueAt)
    this.#earliest = Math.min(this.#earliest, dueAt)
    this.#schedule()
  }

  /** The source has nothing to commit any more. */
  forget(source: LogSource): void {
    this.#due.delete(source)
  }

  /** Starts nothing any more. Resolves once the commit that runs has settled. Idempotent. */
  async close(): Promise<void> {
    const state = this.#state
    this.#state = { kind: 'closed' }
    this.#due.clear()
    if (state.kind === 'waiting' || state.kind === 'retrying') state.timer.cancel()
    if (state.kind === 'committing') await state.settled
  }

  #schedule(): void {
    const state = this.#state
    if (state.kind !== 'idle' && state.kind !== 'waiting') return
    if (this.#due.size === 0) return
    const now = this.#clock.monotonic()
    const wakeAt = Math.max(this.#earliest, this.#lastStart + commitPeriodMs(this.#rate.perSecond(now)), now)
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
    const batch = this.#takeDue(now)
    if (batch.length === 0) {
      this.#schedule()
      return
    }
    this.#lastStart = now
    this.#rate.record(batch.length, now)
    this.#commit(batch)
  }

  #takeDue(now: number): Batch {
    const batch: BatchItem[] = []
    let bytes = 0
    this.#earliest = Number.POSITIVE_INFINITY
    for (const [source, dueAt] of this.#due) {
      if (dueAt > now || bytes >= BATCH_BYTES_MAX) {
        this.#earliest = Math.min(this.#earliest, dueAt)
        continue
      }
      this.#due.delete(source)
      const entry = source.take()
      if (entry === null) continue
      batch.push({ source, entry })
      bytes += entry.update.length
    }
    return batch
  }

  #commit(batch: Batch): void {
    this.#state = { kind: 'committing', settled: this.#attempt(batch) }
  }

  /** Never rejects. */
  async #attempt(batch: Batch): Promise<void> {
    let result: AppendResult
    try {
      result = await this.#options.append(batch.map(({ entry }) => entry))
    } catch (thrown) {
      return this.#attemptFailed(batch, asWeftError(thrown))
    }
    this.#failures = 0
    this.#options.counters.add('commits')
    for (const { source, entry } of batch) {
      if (result.fencedShards.has(entry.fence.shard)) source.fenced()
      else {
        this.#options.counters.add('log_rows_committed')
        this.#options.counters.add('log_bytes_committed', entry.update.length)
        source.committed()
      }
    }
    if (result.fencedShards.size > 0) this.#options.onFenced(result.fencedShards)
    this.#next()
  }

  async #attemptFailed(batch: Batch, error: WeftError): Promise<void> {
    this.#failures += 1
    this.#options.counters.add('commit_failures')
    this.#options.logger.error({ error, documents: batch.length, failures: this.#failures }, 'A commit failed')
    if (this.#state.kind === 'closed') return
    if (error.code === 'store-failed') {
      this.#state = { kind: 'closed' }
      this.#due.clear()
      this.#options.onFatal(error)
      return
    }
    if (error.code === 'document-corrupt') return this.#isolate(batch, error)
    this.#retry(batch)
  }

  /** One document's log does not take its entry: the others must not suffer for it, so each is committed alone. */
  async #isolate(batch: Batch, error: WeftError): Promise<void> {
    const [only] = batch
    if (batch.length === 1 && only !== undefined) {
      only.source.failed(error)
      return this.#next()
    }
    const again: BatchItem[] = []
    for (const item of batch) {
      try {
        const result = await this.#options.append([item.entry])
        if (result.fencedShards.size > 0) {
          item.source.fenced()
          this.#options.onFenced(result.fencedShards)
        } else item.source.committed()
      } catch (thrown) {
        const cause = asWeftError(thrown)
        if (cause.code === 'document-corrupt') item.source.failed(cause)
        else again.push(item)
      }
    }
    if (this.#state.kind === 'closed') return
    if (again.length > 0) this.#retry(again)
    else this.#next()
  }

  #retry(batch: Batch): void {
    const ceiling = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(this.#failures - 1, 10))
    const delayMs = ceiling / 2 + (this.#options.random.fraction() * ceiling) / 2
    this.#state = { kind: 'retrying', batch, timer: this.#clock.after(delayMs, () => this.#commit(batch)) }
  }

  #next(): void {
    const state = this.#state
    switch (state.kind) {
      case 'committing':
        this.#state = { kind: 'idle' }
        this.#schedule()
        return
      case 'closed':
        return
      case 'idle':
      case 'waiting':
      case 'retrying':
        throw new WeftError('internal', `The log writer finished a commit while ${state.kind}.`)
      default:
        unreachable(state)
    }
  }
}

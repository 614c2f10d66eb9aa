// The log writer: one per process, one commit at a time. Takes what every due document has pending and appends it in one durable commit.
//
// While a commit runs, the next batch collects, so batches grow with load by themselves. A batch whose outcome is unknown is repeated with
// the same seqs and the same bytes, which the store recognises (D7). A commit is no longer waited for once all its sources are gone: a
// store that does not answer must not keep this process from what it was given since, under new epochs (O2).
import type { Clock, Timer } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { asWeftError, WeftError, type WeftErrorCode } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import type { AppendEntry, AppendResult } from '../../persistence/store.js'
import { type Busyness, commitPeriodMs, RowRate } from './view/pace.js'

/** A document with something to commit. None of these may throw. */
export interface LogSource {
  /** The bytes that the next entry comes from, as they were received; 0 if nothing is pending. */
  readonly nextBytes: number
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
  /** Whether the store takes writes at all: as `DocumentStore.probe`. */
  readonly probe: () => Promise<void>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly counters: Counters
  readonly busyness: Busyness
  /** Shards that the store refused, after their sources were told. */
  readonly onFenced: (shards: ReadonlySet<number>) => void
  /** The store can never commit again. Nothing of the batch was, or will be, acknowledged. */
  readonly onFatal: (error: WeftError) => void
}

/**
 * Failures that are about what was asked rather than about a store that is away: repeating the batch as it is would fail in the same way.
 */
const refusals: ReadonlySet<WeftErrorCode> = new Set(['document-corrupt', 'store-refused', 'invalid-configuration', 'internal'])

/** What one commit is for; sources that are gone are taken out of it. */
type Batch = Map<LogSource, AppendEntry>

type WriterState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'waiting'; readonly wakeAt: number; readonly timer: Timer }
  | { readonly kind: 'committing'; readonly batch: Batch }
  | { readonly kind: 'retrying'; readonly batch: Batch; readonly timer: Timer }
  | { readonly kind: 'closed' }

const BATCH_BYTES_MAX = 16 * 1024 * 1024
/**
 * What is larger is not committed together with what people type: that would wait for as long as the disk takes for a paste of somebody
 * else's.
 */
const SMALL_BYTES_MAX = 256 * 1024
/** Of large entries one commit takes no more than this, unless one alone is larger. */
const LARGE_BATCH_BYTES_MAX = 2 * 1024 * 1024
/** Of the average of what commits take, the share of the last one. */
const COMMIT_WEIGHT = 0.1
const RETRY_MIN_MS = 50
const RETRY_MAX_MS = 5_000
/**
 * For how long a store may refuse every write before it is taken to have failed for good: an operator's step, or a server's passing
 * trouble, takes less.
 */
const REFUSED_MS_MAX = 30_000

export class LogWriter {
  readonly #options: LogWriterOptions
  readonly #clock: Clock
  readonly #rate = new RowRate()
  /** Large entries were due and had to let small ones go first: the next commit is theirs. */
  #largeWaited = false
  /** When each source wants its commit, by the monotonic clock. */
  readonly #due = new Map<LogSource, number>()
  #earliest = Number.POSITIVE_INFINITY
  #lastStart = Number.NEGATIVE_INFINITY
  /** What commits take, as an average of the last ones. */
  #commitMs = 0
  #failures = 0
  /** Since when the store refuses everything that is asked of it, by the monotonic clock; null while it does not. */
  #refusedSince: number | null = null
  #state: WriterState = { kind: 'idle' }
  /** Commits that have not settled: the one that runs, and those that nobody waits for any more. */
  readonly #unsettled = new Set<Promise<void>>()

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
    if (this.#due.size === 0) return
    const now = this.#clock.monotonic()
    const periodMs = commitPeriodMs(this.#rate.perSecond(now), this.#options.busyness(), this.#commitMs)
    const wakeAt = Math.max(this.#earliest, this.#lastStart + periodMs, now)
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
    if (batch.size === 0) {
      this.#schedule()
      return
    }
    this.#lastStart = now
    this.#rate.record(batch.size, now)
    this.#commit(batch)
  }

  #takeDue(now: number): Batch {
    const due = [...this.#due].flatMap(([source, dueAt]) => (dueAt > now ? [] : [source]))
    const large = due.filter((source) => source.nextBytes > SMALL_BYTES_MAX)
    const small = large.length === 0 ? due : due.filter((source) => source.nextBytes <= SMALL_BYTES_MAX)
    const isTurnOfLarge = large.length > 0 && (small.length === 0 || this.#largeWaited)
    this.#largeWaited = large.length > 0 && !isTurnOfLarge
    const batch = isTurnOfLarge ? this.#take(large, LARGE_BATCH_BYTES_MAX) : this.#take(small, BATCH_BYTES_MAX)
    this.#earliest = Number.POSITIVE_INFINITY
    for (const dueAt of this.#due.values()) this.#earliest = Math.min(this.#earliest, dueAt)
    return batch
  }

  /** The entries of these sources, in their order, up to `bytesMax` and at least one. */
  #take(sources: readonly LogSource[], bytesMax: number): Batch {
    const batch: Batch = new Map()
    let bytes = 0
    for (const source of sources) {
      if (bytes >= bytesMax || (batch.size > 0 && bytes + source.nextBytes > bytesMax)) break
      this.#due.delete(source)
      const entry = source.take()
      if (entry === null) continue
      batch.set(source, entry)
      bytes += entry.update.length
    }
    return batch
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
    this.#refusedSince = null
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
    if (refusals.has(error.code)) return this.#isolate(batch, error)
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
          if (refusals.has(cause.code)) refused.set(source, cause)
        }
      }
    if (committed === 0 && refused.size > 0) {
      const trouble = await this.#troubleOfStore(error)
      if (this.#state.kind === 'closed') return
      if (trouble === 'fatal') return this.#fail(refusesEverything(error))
      // Nothing says that it is the documents.
      if (trouble === 'passing') refused.clear()
    }
    if (committed > 0) this.#refusedSince = null
    for (const [source, cause] of refused) if (batch.delete(source)) source.failed(cause)
    if (!this.#runs(batch)) return
    if (batch.size > 0) this.#retry(batch)
    else this.#finish(batch)
  }

  /** Whether a store that took nothing of a batch takes anything at all. A document that is known to be corrupt needs no asking. */
  async #troubleOfStore(error: WeftError): Promise<'none' | 'passing' | 'fatal'> {
    if (error.code === 'document-corrupt') return 'none'
    const now = this.#clock.monotonic()
    try {
      await this.#options.probe()
      this.#refusedSince = null
      return 'none'
    } catch (thrown) {
      const { code } = asWeftError(thrown)
      if (code === 'store-failed') return 'fatal'
      // One that is away or full says nothing about later.
      if (!refusals.has(code)) return 'passing'
      this.#refusedSince ??= now
      return now - this.#refusedSince >= REFUSED_MS_MAX ? 'fatal' : 'passing'
    }
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

function refusesEverything(cause: WeftError): WeftError {
  return new WeftError('store-failed', `The store has refused every write for ${REFUSED_MS_MAX / 1_000} s: ${cause.message}`, { cause })
}

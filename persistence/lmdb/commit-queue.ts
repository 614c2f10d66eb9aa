// The order of all writes of the store, one at a time. Small appends become durable in the journal, many in one record. Everything else is a transaction of the LMDB
// file, many in one; a write that is about a document brings the rows of that document along. The rows of others follow when there are many, or when nothing else is to
// be done, in slices, with appends between them.
import type { Clock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { storeClosed } from '../failures.js'
import type { AppendEntry, AppendResult } from '../store.js'
import { diskFull, errorMessage } from '../system-errors.js'
import { DiskRoom } from './disk-room.js'
import type { Environment } from './environment.js'
import type { Journal } from './journal.js'
import { JournaledRows } from './journaled-rows.js'
import type { KeptStoreTime } from './kept-time.js'
import { Rounds } from './rounds.js'
import { type Decide, Transactions, type Write } from './transactions.js'
import { planAppend, putRows } from './writing.js'

/** One transaction takes no more than this, unless a single write is larger. LMDB holds a transaction's pages in memory. */
const COMMIT_BYTES_MAX = 64 * 1024 * 1024
/** Larger appends go to the LMDB file at once, instead of being written twice. */
const JOURNALED_BYTES_MAX = 512 * 1024
/** One record of the journal takes no more than this beside one append. */
const RECORD_BYTES_MAX = 1024 * 1024
interface Append {
  readonly entries: readonly AppendEntry[]
  readonly bytes: number
  readonly documentIds: readonly string[]
  resolve(result: AppendResult): void
  reject(error: unknown): void
}

interface FileWrite extends Write {
  readonly documentIds: readonly string[]
}

type QueueState =
  | { readonly kind: 'open' }
  | { readonly kind: 'closed' }
  /** A write failed in a way that leaves the disk's state unknown: nothing is acknowledged from here on. */
  | { readonly kind: 'failed'; readonly error: WeftError }

export interface CommitQueueOptions {
  readonly environment: Environment
  readonly journal: Journal
  readonly folder: string
  /** Growing writes are refused when the file system has less than this left, so that deleting and pruning, which also need pages, still can. */
  readonly reserveBytes: number
  readonly clock: Clock
  readonly time: KeptStoreTime
  onFatal(error: WeftError): void
}

export class CommitQueue {
  readonly #options: CommitQueueOptions
  readonly #transactions: Transactions
  readonly #rows: JournaledRows
  readonly #rounds: Rounds
  #state: QueueState = { kind: 'open' }
  #appends: Append[] = []
  #writes: FileWrite[] = []
  #running: Promise<void> | null = null

  constructor(options: CommitQueueOptions) {
    const { environment, journal, folder, reserveBytes, clock, time } = options
    const failed = (error: WeftError): void => this.#fail(error)
    this.#options = options
    const room = new DiskRoom(folder, reserveBytes, clock)
    this.#transactions = new Transactions({ environment, folder, room, clock, failed })
    this.#rows = new JournaledRows({ environment, journal, folder, room, time, failed, transactions: this.#transactions })
    this.#rounds = new Rounds({ rows: this.#rows, transactions: this.#transactions, clock, whyNot: () => this.#whyNot() })
    this.#sleep()
  }

  /** Throws unless reads and writes are still welcome. */
  check(): void {
    if (this.#state.kind === 'failed') throw this.#state.error
    if (this.#state.kind === 'closed') throw storeClosed()
  }

  /** See `DocumentStore.append`. `bytes` says how much it adds. */
  async append(entries: readonly AppendEntry[], bytes: number): Promise<AppendResult> {
    this.check()
    return new Promise((resolve, reject) => {
      const documentIds = entries.map(({ documentId }) => documentId)
      this.#appends.push({ entries, bytes, documentIds, resolve, reject })
      this.#start()
    })
  }

  /**
   * Runs a write of the LMDB file in the next transaction, and resolves with its result once that is durable. `bytes` says how much it adds; 0 if it frees space. Of
   * the documents that it is about it finds all rows there that were appended before.
   */
  async run<Result>(bytes: number, decide: Decide<Result>, documentIds: readonly string[] = []): Promise<Result> {
    this.check()
    return new Promise<Result>((resolve, reject) => {
      this.#writes.push(this.#fileWrite(bytes, documentIds, decide, resolve, reject))
      this.#start()
    })
  }

  /** Within a write that removes a document: the journal, read again, does not bring it back. */
  bury(documentId: string): void {
    this.#rows.bury(documentId)
  }

  /** Resolves when the rows of this document that were appended before are in the LMDB file. */
  async apply(documentId: string): Promise<void> {
    this.check()
    if (this.#rows.arePending([documentId])) await this.run(0, () => () => {}, [documentId])
  }

  /** Resolves when all rows that were appended before are in the LMDB file. */
  async applyAll(): Promise<void> {
    this.check()
    await this.#applied()
  }

  /** Refuses new writes, and resolves when those that were accepted are settled and, unless there is no room, the journal is no longer needed. */
  async close(): Promise<void> {
    if (this.#state.kind === 'open') this.#state = { kind: 'closed' }
    this.#rounds.stop()
    // Of a store that failed, and of one without room, the next start reads the journal again.
    if (this.#state.kind !== 'failed') await this.#applied().catch(() => {})
    await this.#running
    const farewell = this.#rows.farewell()
    if (farewell !== null && this.#state.kind !== 'failed') await this.#transactions.commit([farewell.write])
  }

  #fileWrite<Result>(
    bytes: number,
    documentIds: readonly string[],
    decide: Decide<Result>,
    resolve: (result: Result) => void,
    reject: (error: unknown) => void,
  ): FileWrite {
    let settle = (): void => {}
    return {
      bytes,
      documentIds,
      decide: () => {
        // A slice that was in the same transaction, and had to go alone, found no room.
        if (this.#rows.arePending(documentIds)) throw diskFull(this.#options.folder)
        const write = decide()
        return () => {
          const result = write()
          settle = () => resolve(result)
        }
      },
      resolve: () => settle(),
      reject,
    }
  }

  #applied(): Promise<void> {
    const reached = this.#rounds.reached()
    this.#start()
    return reached
  }

  #start(): void {
    this.#running ??= this.#work()
  }

  /** Never rejects: a queue that stopped without a word would leave those who wait for ever. */
  async #work(): Promise<void> {
    this.#rounds.awake()
    // The callers of this turn of the event loop share the first commit.
    await Promise.resolve()
    while (this.#state.kind !== 'failed') {
      try {
        if (this.#appends.length > 0) await this.#appendSome()
        if (this.#writes.length > 0 || this.#rounds.isStepDue) await this.#writeSome()
        else if (this.#appends.length === 0) break
      } catch (cause) {
        this.#fail(new WeftError('store-failed', `Writing to ${this.#options.folder} failed: ${errorMessage(cause)}`, { cause }))
      }
    }
    // In the same step in which nothing was found to do: what comes later starts anew.
    this.#running = null
    this.#sleep()
  }

  #sleep(): void {
    if (this.#state.kind === 'open') this.#rounds.sleep(() => this.#start())
  }

  /** The next appends: small ones in one record of the journal, a large one in a transaction. */
  async #appendSome(): Promise<void> {
    const [first] = this.#appends
    if (first !== undefined && first.bytes > JOURNALED_BYTES_MAX) {
      this.#appends.shift()
      await this.#appendLarge(first)
      return
    }
    const planned = this.#takeSmall().flatMap((append) => {
      try {
        return [{ append, plan: this.#plan(append) }]
      } catch (thrown) {
        append.reject(thrown)
        return []
      }
    })
    const error = await this.#rows.append(planned.flatMap(({ plan }) => plan.rows))
    for (const { append, plan } of planned) {
      if (error === null) append.resolve(plan.result)
      else append.reject(error)
    }
  }

  #plan({ entries }: Append) {
    return planAppend(this.#options.environment, entries, this.#options.clock.now())
  }

  async #appendLarge(append: Append): Promise<void> {
    const decide = () => {
      const { result, rows } = this.#plan(append)
      return () => {
        putRows(this.#options.environment, rows)
        return result
      }
    }
    const write = this.#fileWrite(append.bytes, append.documentIds, decide, append.resolve, append.reject)
    while ((await this.#commit([write])) === 'rows first');
  }

  /** Appends from the front of the queue, of different documents, so that what one decides does not depend on another. */
  #takeSmall(): Append[] {
    const seen = new Set<string>()
    let bytes = 0
    let end = 0
    for (const append of this.#appends) {
      if (append.bytes > JOURNALED_BYTES_MAX || (end > 0 && bytes + append.bytes > RECORD_BYTES_MAX)) break
      if (append.documentIds.some((documentId) => seen.has(documentId))) break
      for (const documentId of append.documentIds) seen.add(documentId)
      bytes += append.bytes
      end += 1
    }
    return this.#appends.splice(0, end)
  }

  /** One transaction: a step of a round that is due, or writes that wait and the rows of their documents. */
  async #writeSome(): Promise<void> {
    const writes = this.#takeWrites()
    if (writes.length > 0 && (await this.#commit(writes)) === 'rows first') this.#writes = [...writes, ...this.#writes]
    if (this.#rounds.isStepDue) await this.#rounds.step()
  }

  #takeWrites(): FileWrite[] {
    let bytes = 0
    const end = this.#writes.findIndex((write) => {
      bytes += write.bytes
      return bytes > COMMIT_BYTES_MAX
    })
    return this.#writes.splice(0, end === -1 ? this.#writes.length : Math.max(1, end))
  }

  /** Writes, after the rows of their documents. `rows first`: these were too many for one transaction, and the writes are to come again. */
  async #commit(writes: readonly FileWrite[]): Promise<'done' | 'rows first'> {
    const slice = this.#rows.sliceOf(writes.flatMap(({ documentIds }) => documentIds))
    if (slice === null) {
      await this.#transactions.commit(writes)
      return 'done'
    }
    await this.#transactions.commit(slice.isLast ? [slice.write, ...writes] : [slice.write])
    if (slice.isLast) return 'done'
    if (slice.isDone()) return 'rows first'
    for (const write of writes) write.reject(this.#whyNot())
    return 'done'
  }

  #whyNot(): WeftError {
    return this.#state.kind === 'failed' ? this.#state.error : diskFull(this.#options.folder)
  }

  #fail(error: WeftError): void {
    if (this.#state.kind === 'failed') return
    this.#state = { kind: 'failed', error }
    // First, so that a process that exits here has told nobody anything.
    this.#options.onFatal(error)
    for (const waiting of [...this.#appends.splice(0), ...this.#writes.splice(0)]) waiting.reject(error)
    this.#rounds.fail(error)
  }
}

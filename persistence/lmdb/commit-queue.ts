// Runs write transactions one after the other, many writes to a commit, and decides what a failed commit means (D7).
import { statfsSync } from 'node:fs'
import { constants } from 'node:os'
import type { Clock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { storeClosed } from '../failures.js'
import type { Environment } from './environment.js'

/** One transaction takes no more than this, unless a single write is larger. LMDB holds a transaction's pages in memory. */
const COMMIT_BYTES_MAX = 64 * 1024 * 1024
const NEARLY_FULL_BYTES = 1024 * 1024
const MDB_MAP_FULL = -30792
const { ENOSPC, EDQUOT, EFBIG, EIO } = constants.errno
const outOfSpace = new Set<unknown>([ENOSPC, EDQUOT, EFBIG, MDB_MAP_FULL])

/**
 * A write: `decide` reads inside the transaction and may throw, which rejects this write alone; what it returns is run at once and makes the changes.
 * A throw out of the second part rolls the commit back; then each write of it is committed alone.
 */
export type Decide<Result> = () => () => Result

/** What a commit was at when it failed: running somebody's change, or anything else. */
type Stage = 'changing' | 'committing'

interface Write {
  readonly bytes: number
  decide(): () => void
  resolve(): void
  reject(error: unknown): void
}

type QueueState =
  | { readonly kind: 'open' }
  | { readonly kind: 'closed' }
  /** A commit failed in a way that leaves the disk's state unknown: nothing is acknowledged from here on. */
  | { readonly kind: 'failed'; readonly error: WeftError }

export interface CommitQueueOptions {
  readonly environment: Environment
  readonly folder: string
  /** Growing writes are refused when the file system has less than this left, so that deleting and pruning, which also need pages, still can. */
  readonly reserveBytes: number
  readonly clock: Clock
  onFatal(error: WeftError): void
}

export class CommitQueue {
  readonly #options: CommitQueueOptions
  #state: QueueState = { kind: 'open' }
  #waiting: Write[] = []
  #running: Promise<void> | null = null

  constructor(options: CommitQueueOptions) {
    this.#options = options
  }

  /** Throws unless reads and writes are still welcome. */
  check(): void {
    if (this.#state.kind === 'failed') throw this.#state.error
    if (this.#state.kind === 'closed') throw storeClosed()
  }

  /** Runs a write in the next commit, and resolves with its result once that is durable. `bytes` says how much it adds; 0 if it frees space. */
  async run<Result>(bytes: number, decide: Decide<Result>): Promise<Result> {
    this.check()
    return new Promise<Result>((resolve, reject) => {
      let settle = (): void => {}
      this.#waiting.push({
        bytes,
        decide() {
          const write = decide()
          return () => {
            const result = write()
            settle = () => resolve(result)
          }
        },
        resolve: () => settle(),
        reject,
      })
      this.#running ??= this.#commitAll()
    })
  }

  /** Refuses new writes and resolves when those that were accepted are settled. */
  async close(): Promise<void> {
    if (this.#state.kind === 'open') this.#state = { kind: 'closed' }
    await this.#running
  }

  async #commitAll(): Promise<void> {
    // The callers of this turn of the event loop share the first commit.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#commit(this.#take())
    this.#running = null
  }

  #take(): Write[] {
    let bytes = 0
    const end = this.#waiting.findIndex((write) => {
      bytes += write.bytes
      return bytes > COMMIT_BYTES_MAX
    })
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(1, end))
  }

  async #commit(batch: readonly Write[]): Promise<void> {
    const fitting = this.#refuseWithoutRoom(batch)
    const written: Write[] = []
    if (fitting.length === 0) return
    let stage: Stage = 'committing'
    try {
      // A child transaction, because only that is rolled back when the callback throws.
      await this.#options.environment.root.childTransaction(() => {
        for (const write of fitting) {
          const change = attempt(write)
          if (change === null) continue
          stage = 'changing'
          change()
          stage = 'committing'
          written.push(write)
        }
      })
    } catch (thrown) {
      await this.#failed(fitting, thrown, stage)
      return
    }
    for (const write of written) write.resolve()
  }

  #refuseWithoutRoom(batch: readonly Write[]): readonly Write[] {
    const bytes = bytesOf(batch)
    if (bytes === 0) return batch
    // Twice: beside the values themselves a commit rewrites the pages on the way to them.
    if (this.#availableBytes() >= this.#options.reserveBytes + 2 * bytes) return batch
    for (const write of batch) if (write.bytes > 0) write.reject(this.#full())
    return batch.filter((write) => write.bytes === 0)
  }

  async #failed(batch: readonly Write[], thrown: unknown, stage: Stage): Promise<void> {
    const cause = await causeOf(thrown)
    if (this.#isOutOfSpace(batch, cause) && (await this.#isUsable())) {
      for (const write of batch) write.reject(this.#full(cause))
      return
    }
    if (stage === 'changing') {
      // Rolled back before anything went to the disk.
      await this.#isolate(batch, cause)
      return
    }
    const error = new WeftError(
      'store-failed',
      `A commit to ${this.#options.folder} failed: ${messageOf(cause)}. The store takes nothing more.`,
      { cause },
    )
    this.#state = { kind: 'failed', error }
    // First, so that a process that exits here has told nobody anything.
    this.#options.onFatal(error)
    for (const write of [...batch, ...this.#waiting]) write.reject(error)
    this.#waiting = []
  }

  /** LMDB did not take a change of one of them: the others must not suffer for it. */
  async #isolate(batch: readonly Write[], cause: unknown): Promise<void> {
    if (batch.length > 1) {
      for (const write of batch) await this.#commit([write])
      return
    }
    for (const write of batch)
      write.reject(
        new WeftError('store-refused', `The data file in ${this.#options.folder} did not take a change: ${messageOf(cause)}.`, { cause }),
      )
  }

  /**
   * LMDB reports a write that the kernel cut short as EIO, and that is how a disk fills up as often as not; so an EIO on a disk without room for the batch counts as
   * full too. A repeat is sound even if a sync had failed: nothing refers to the pages of a failed commit, and the repeat writes all of its own anew.
   */
  #isOutOfSpace(batch: readonly Write[], cause: unknown): boolean {
    const code = codeOf(cause)
    return outOfSpace.has(code) || (code === EIO && this.#availableBytes() < NEARLY_FULL_BYTES + 2 * bytesOf(batch))
  }

  #availableBytes(): number {
    const { bavail, bsize } = statfsSync(this.#options.folder)
    return bavail * bsize
  }

  /** LMDB gives up on a file whose meta page it could not write; asking it for another write would then never be answered. */
  async #isUsable(): Promise<boolean> {
    await new Promise<void>((resolve) => this.#options.clock.soon(resolve))
    try {
      this.#options.environment.root.transactionSync(() => {})
      return true
    } catch {
      return false
    }
  }

  #full(cause?: unknown): WeftError {
    return new WeftError('store-full', `The disk that holds ${this.#options.folder} is full; nothing was written.`, { cause })
  }
}

function bytesOf(batch: readonly Write[]): number {
  return batch.reduce((sum, write) => sum + write.bytes, 0)
}

/** The change that a write decided on, or null if it was refused, which it has then been told. */
function attempt(write: Write): (() => void) | null {
  try {
    return write.decide()
  } catch (thrown) {
    write.reject(thrown)
    return null
  }
}

/** lmdb-js rejects a failed commit with a general error, which carries a promise that rejects with the real one. */
async function causeOf(thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof Error) || !('commitError' in thrown)) return thrown
  try {
    await thrown.commitError
    return thrown
  } catch (cause) {
    return cause
  }
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

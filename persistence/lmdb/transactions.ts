// One write transaction of many writes, and what it means when its commit fails (D7).
import { constants } from 'node:os'
import type { Clock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { diskFull, errorCode, errorMessage, isOutOfSpace } from '../system-errors.js'
import type { DiskRoom } from './disk-room.js'
import type { Environment } from './environment.js'

const NEARLY_FULL_BYTES = 1024 * 1024
const EIO = constants.errno.EIO

/**
 * A write: `decide` reads inside the transaction and may throw, which rejects this write alone; what it returns is run at once and makes the changes.
 * A throw out of the second part rolls the commit back; then each write of it is committed alone.
 */
export type Decide<Result> = () => () => Result

/** What a commit was at when it failed: running somebody's change, or anything else. */
type Stage = 'changing' | 'committing'

/** One of the writes of a transaction. */
export interface Write {
  /** How much it adds; 0 if it frees space. */
  readonly bytes: number
  /** It may use what is left alone for freeing space. */
  readonly usesReserve?: boolean
  decide(): () => void
  resolve(): void
  reject(error: unknown): void
}

export interface TransactionsOptions {
  readonly environment: Environment
  readonly folder: string
  readonly room: DiskRoom
  readonly clock: Clock
  /** A commit failed in a way that leaves the disk's state unknown. Called before anybody is told of it. */
  failed(error: WeftError): void
}

export class Transactions {
  readonly #options: TransactionsOptions

  constructor(options: TransactionsOptions) {
    this.#options = options
  }

  /** Commits these writes, in their order, in one transaction where all of them can be. Each is resolved or rejected when this resolves, which never rejects. */
  async commit(batch: readonly Write[]): Promise<void> {
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
        this.#options.environment.pending.showAll()
      })
    } catch (thrown) {
      this.#options.environment.pending.showAll()
      this.#options.environment.knownNumbers.clear()
      this.#options.environment.knownOwners.clear()
      await this.#failed(fitting, thrown, stage)
      return
    }
    // Reads of this turn would go on in a read transaction from before.
    this.#options.environment.root.resetReadTxn()
    for (const write of written) write.resolve()
  }

  /** Commits one change that takes next to no room. Rejects with why it was not. */
  async commitAlone(change: () => void): Promise<void> {
    let failure: unknown = null
    const reject = (error: unknown): void => {
      failure = error
    }
    await this.commit([{ bytes: 0, decide: () => change, resolve: () => {}, reject }])
    if (failure !== null) throw failure
  }

  #refuseWithoutRoom(batch: readonly Write[]): readonly Write[] {
    const bytes = bytesOf(batch)
    if (bytes === 0) return batch
    const { room, folder } = this.#options
    // Twice: beside the values themselves a commit rewrites the pages on the way to them. Where there is no room nothing is tried: what is written of a commit that
    // fails would use up the reserve.
    const isRoom = room.hasNow(2 * bytes)
    const isReserve = isRoom || room.isLeft(2 * bytesOf(batch.filter(({ usesReserve }) => usesReserve)))
    const fits = (write: Write): boolean => write.bytes === 0 || isRoom || (write.usesReserve === true && isReserve)
    for (const write of batch) if (!fits(write)) write.reject(diskFull(folder))
    return batch.filter(fits)
  }

  async #failed(batch: readonly Write[], thrown: unknown, stage: Stage): Promise<void> {
    const cause = await causeOf(thrown)
    if (this.#isOutOfSpace(batch, cause) && (await this.#isUsable())) {
      for (const write of batch) write.reject(diskFull(this.#options.folder, cause))
      return
    }
    if (stage === 'changing') {
      // Rolled back before anything went to the disk.
      await this.#isolate(batch, cause)
      return
    }
    const error = new WeftError(
      'store-failed',
      `A commit to ${this.#options.folder} failed: ${errorMessage(cause)}. The store takes nothing more.`,
      { cause },
    )
    this.#options.failed(error)
    for (const write of batch) write.reject(error)
  }

  /** LMDB did not take a change of one of them: the others must not suffer for it. */
  async #isolate(batch: readonly Write[], cause: unknown): Promise<void> {
    if (batch.length > 1) {
      for (const write of batch) await this.commit([write])
      return
    }
    for (const write of batch)
      write.reject(
        new WeftError('store-refused', `The data file in ${this.#options.folder} did not take a change: ${errorMessage(cause)}.`, {
          cause,
        }),
      )
  }

  /**
   * LMDB reports a write that the kernel cut short as EIO, and that is how a disk fills up as often as not; so an EIO on a disk without room for the batch counts as
   * full too. A repeat is sound even if a sync had failed: nothing refers to the pages of a failed commit, and the repeat writes all of its own anew.
   */
  #isOutOfSpace(batch: readonly Write[], cause: unknown): boolean {
    const code = errorCode(cause)
    return isOutOfSpace(code) || (code === EIO && !this.#options.room.isLeft(NEARLY_FULL_BYTES + 2 * bytesOf(batch)))
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

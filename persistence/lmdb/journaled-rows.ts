// Rows between the journal and the LMDB file: made durable here, read from memory, and put into the file document by document, so that what changed is written there
// once for many rows. A round puts all of them; then the mark says how far the file has come, and segments of the journal go. What a crash cut a round off from is put
// again: rows that are in the file already are passed over.
import { WeftError } from '../../core/errors.js'
import { diskFull, errorCode, errorMessage, isOutOfSpace } from '../system-errors.js'
import { isOfLife } from '../unfinished.js'
import type { DiskRoom } from './disk-room.js'
import type { Environment } from './environment.js'
import type { Journal } from './journal.js'
import { putGrave, putMark, readGraves, removeGrave } from './journal-mark.js'
import type { JournalRow } from './journal-records.js'
import type { KeptStoreTime } from './kept-time.js'
import { readStoredDocument } from './reading.js'
import type { Transactions, Write } from './transactions.js'
import { type DecidedRow, putRows } from './writing.js'

/** Pending rows are put into the file when they are as many, or have as many bytes. */
const PENDING_ROWS_MAX = 4_096
const PENDING_BYTES_MAX = 2 * 1024 * 1024
/** How many times as much is kept in memory while the file takes no rows. */
const STUCK_FACTOR = 8
/** One transaction puts about so many of them, so that an append waits for a few milliseconds at most. */
const SLICE_ROWS_MIN = 64
const SLICE_ROWS_MAX = 512
/** A slice has this share of what is pending: where rows come fast, slices grow until they keep up. */
const SLICE_SHARE = 1 / 64
const SLICE_BYTES_MAX = 256 * 1024
/** What a record of the journal costs beside the updates in it, at least. */
const RECORD_OVERHEAD_BYTES = 4096

/** What a row costs in the file beside its update. */
const PUT_OVERHEAD_BYTES = 512

export interface JournaledRowsOptions {
  readonly environment: Environment
  readonly journal: Journal
  readonly folder: string
  readonly room: DiskRoom
  readonly time: KeptStoreTime
  readonly transactions: Transactions
  /** What is on the disk is unknown. Called before anybody is told of it. */
  failed(error: WeftError): void
}

/** A step of putting rows into the file. */
export interface Slice {
  readonly write: Write
  /** Whether all rows that were asked for are in the file after it. */
  readonly isLast: boolean
  /** Whether it was written, once the transaction is over. */
  isDone(): boolean
}

interface Round {
  readonly throughPosition: number
  /** Those with rows that are left. */
  readonly documentIds: string[]
}

export class JournaledRows {
  readonly #options: JournaledRowsOptions
  /** The last row of each document that the mark does not cover: where the journal is read again, it brings the document back. */
  readonly #unmarked = new Map<string, number>()
  /** Documents that were removed, and the last row of theirs that the mark does not cover. */
  readonly #graves: Map<string, number>
  #round: Round | null = null

  constructor(options: JournaledRowsOptions) {
    const { environment, journal } = options
    this.#options = options
    this.#graves = readGraves(environment)
    this.#add(journal.recovered.filter((row) => !this.#isOver(row) && !isInFile(environment, row)))
    for (const { entry, position } of journal.recovered) this.#unmarked.set(entry.documentId, position)
  }

  get count(): number {
    return this.#options.environment.pending.count
  }

  /** The position of the last row that is durable. */
  get lastPosition(): number {
    return this.#options.journal.lastPosition
  }

  /** The file has all rows through this position, and says so. */
  get marked(): number {
    return this.#options.journal.marked
  }

  /** There are so many, or the journal is so long, that the file is to be brought up to date. */
  get areMany(): boolean {
    const { journal, environment } = this.#options
    const { count, bytes } = environment.pending
    return count >= PENDING_ROWS_MAX || bytes >= PENDING_BYTES_MAX || journal.isLong
  }

  /** The file has all rows, and says so. */
  get areAllMarked(): boolean {
    return this.marked === this.lastPosition
  }

  /** Whether there are rows of these documents that the file lacks. */
  arePending(documentIds: readonly string[]): boolean {
    return documentIds.some((documentId) => this.#options.environment.pending.newest(documentId) !== null)
  }

  /** Within a transaction that removes a document: who reads the journal again passes its rows over. */
  bury(documentId: string): void {
    const last = this.#unmarked.get(documentId)
    if (last === undefined) return
    this.#graves.set(documentId, last)
    putGrave(this.#options.environment, documentId, last)
  }

  /** Makes rows durable. Answers why that was not possible: then none of them is there. */
  async append(rows: readonly DecidedRow[]): Promise<WeftError | null> {
    const { journal, environment, folder, room, transactions } = this.#options
    if (rows.length === 0) return null
    let bytes = 0
    for (const { entry } of rows) bytes += entry.update.length
    // Twice: in the journal, and then in the file.
    if (this.#areTooMany || !room.takes(2 * bytes + RECORD_OVERHEAD_BYTES)) return diskFull(folder)
    try {
      if (journal.needsSegment) await journal.begin((mark) => transactions.commitAlone(() => putMark(environment, mark)))
      this.#add(await journal.append(rows))
      return null
    } catch (thrown) {
      return thrown instanceof WeftError ? thrown : this.#appendFailed(thrown)
    }
  }

  /** The rows of these documents, or the first of them; null when the file has them all. */
  sliceOf(documentIds: readonly string[]): Slice | null {
    const rows: JournalRow[] = []
    let isLast = true
    for (const documentId of new Set(documentIds)) {
      const some = this.#some(documentId, Number.POSITIVE_INFINITY, rows)
      rows.push(...some)
      if (some.at(-1)?.entry.seq !== this.#options.environment.pending.newest(documentId)?.entry.seq) isLast = false
    }
    return rows.length === 0 ? null : this.#slice(rows, isLast, null)
  }

  /** The next step of the round that puts all rows into the file, or of a new one. */
  sliceOfRound(): Slice {
    const { pending } = this.#options.environment
    this.#round ??= { throughPosition: this.lastPosition, documentIds: pending.documentIds() }
    const { throughPosition, documentIds } = this.#round
    const rows: JournalRow[] = []
    while (documentIds.length > 0) {
      const documentId = documentIds.at(-1) ?? ''
      const some = this.#some(documentId, throughPosition, rows)
      rows.push(...some)
      const isMore = pending.oldest(documentId, throughPosition, some.length + 1, Number.POSITIVE_INFINITY).length > some.length
      if (isMore) break
      documentIds.pop()
    }
    const isLast = documentIds.length === 0
    return this.#slice(rows, isLast, isLast ? throughPosition : null)
  }

  /** The next slice begins a new round: this one could not be written. */
  endRound(): void {
    this.#round = null
  }

  /** Closes the journal. What names none of its segments any more; null while there are pending rows, and when none is named. */
  farewell(): Slice | null {
    const { journal } = this.#options
    journal.close()
    return journal.isNamed && this.count === 0 ? this.#slice([], true, journal.lastPosition) : null
  }

  get #areTooMany(): boolean {
    const { count, bytes } = this.#options.environment.pending
    return count >= STUCK_FACTOR * PENDING_ROWS_MAX || bytes >= STUCK_FACTOR * PENDING_BYTES_MAX
  }

  #add(rows: readonly JournalRow[]): void {
    this.#options.environment.pending.add(rows)
    for (const { entry, position } of rows) this.#unmarked.set(entry.documentId, position)
  }

  /** It is of a life of its document that was ended. */
  #isOver({ entry, position }: JournalRow): boolean {
    return position <= (this.#graves.get(entry.documentId) ?? 0)
  }

  /** Rows of a document for a slice that has these rows already. */
  #some(documentId: string, throughPosition: number, rows: readonly JournalRow[]): readonly JournalRow[] {
    const { pending } = this.#options.environment
    const rowsMax = Math.min(SLICE_ROWS_MAX, Math.max(SLICE_ROWS_MIN, Math.ceil(pending.count * SLICE_SHARE)))
    if (rows.length >= rowsMax) return []
    const bytes = rows.reduce((sum, { entry }) => sum + entry.update.length, 0)
    if (bytes >= SLICE_BYTES_MAX) return []
    return pending.oldest(documentId, throughPosition, rowsMax - rows.length, SLICE_BYTES_MAX - bytes)
  }

  /** `marked`: where the file has come with it, or null to leave the mark as it is. */
  #slice(rows: readonly JournalRow[], isLast: boolean, marked: number | null): Slice {
    const { environment, journal, time, folder, failed } = this.#options
    let isDone = false
    const write: Write = {
      bytes: rows.reduce((sum, { entry }) => sum + entry.update.length + PUT_OVERHEAD_BYTES, 0),
      usesReserve: true,
      decide: () => () => {
        putRows(environment, rows)
        time.writeIfDue()
        if (marked !== null) {
          putMark(environment, journal.markAt(marked))
          for (const [documentId, last] of this.#graves) if (last <= marked) removeGrave(environment, documentId)
        }
        // What follows in this transaction reads from the file what was put there.
        if (isLast) for (const { entry } of rows) environment.pending.hide(entry.documentId)
      },
      resolve: () => {
        isDone = true
        environment.pending.drop(rows)
        if (marked !== null) this.#marked(marked)
      },
      reject: (thrown) => {
        // They were acknowledged: a file that takes them at no time is not the one of this journal.
        if (!(thrown instanceof WeftError) || thrown.code !== 'store-full') failed(rowsRefused(folder, thrown))
      },
    }
    return { write, isLast, isDone: () => isDone }
  }

  #marked(position: number): void {
    this.#round = null
    this.#options.journal.applied(position)
    for (const covered of [this.#unmarked, this.#graves])
      for (const [documentId, last] of covered) if (last <= position) covered.delete(documentId)
  }

  #appendFailed(cause: unknown): WeftError {
    const { folder, journal, failed } = this.#options
    if (isOutOfSpace(errorCode(cause)) && clears(journal)) return diskFull(folder, cause)
    const words = `The journal in ${folder} could not be written: ${errorMessage(cause)}. The store takes nothing more.`
    const error = new WeftError('store-failed', words, { cause })
    failed(error)
    return error
  }
}

/** A write brought it along, before the mark came to it. */
function isInFile(environment: Environment, { entry }: JournalRow): boolean {
  const stored = readStoredDocument(environment, entry.documentId)
  return stored !== null && isOfLife(stored, entry.incarnation) && entry.seq <= stored.head
}

/** Whether what a write left that was cut short could be cut off. */
function clears(journal: Journal): boolean {
  try {
    journal.clear()
    return true
  } catch {
    return false
  }
}

function rowsRefused(folder: string, cause: unknown): WeftError {
  const words = `The data file in ${folder} does not take what its journal holds: ${errorMessage(cause)}`
  return new WeftError('store-failed', words, { cause })
}

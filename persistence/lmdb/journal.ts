// The journal: what makes an append durable with one small write. Rows go to the end of a segment; the LMDB file is brought up to date later, in larger steps, and names
// the segments that it still needs (D1, D3). A segment that is not named and holds rows that the file lacks, or one that is named and missing, is damage (D4).
import { assert } from '../../core/assert.js'
import type { WeftError } from '../../core/errors.js'
import type { Random } from '../../core/random.js'
import { journalFile } from '../data-folder.js'
import type { AppendEntry } from '../store.js'
import type { JournalDisk, JournalFile } from './journal-disk.js'
import type { JournalMark } from './journal-mark.js'
import { decodeSegment, encodeHeader, encodeRecord, HEADER_BYTES, type JournalRow, SEGMENT_ID_BYTES } from './journal-records.js'

/** A segment that is larger is followed by a new one. */
const SEGMENT_BYTES_MAX = 4 * 1024 * 1024

/** So many full segments are kept before the file is to be brought up to date. */
const CLOSED_SEGMENTS_MAX = 2

export interface JournalOptions {
  readonly disk: JournalDisk
  readonly random: Random
  readonly mark: JournalMark
  /** The error for a segment that is not what it should be. */
  damaged(name: string, what: string): WeftError
}

interface OpenSegment {
  readonly name: string
  readonly id: Buffer
  readonly file: JournalFile
  /** Where the next record goes. */
  end: number
}

interface ClosedSegment {
  readonly name: string
  readonly lastPosition: number
}

export class Journal {
  readonly #options: JournalOptions
  #open: OpenSegment | null = null
  /** Full, or from before this process; oldest first. */
  #closed: ClosedSegment[] = []
  #nextNumber: number
  #lastPosition: number
  #applied: number
  /** Rows that an earlier process made durable and the file lacks. */
  readonly recovered: readonly JournalRow[]

  /** Reads what is there. Throws the error of `damaged`, and leaves all as it is then. */
  constructor(options: JournalOptions) {
    const { disk, mark, damaged } = options
    this.#options = options
    this.#applied = mark.applied
    const there = disk.names()
    const recovered: JournalRow[] = []
    let before: number | null = null
    for (const name of mark.segments) {
      if (!there.includes(name)) throw damaged(name, 'is missing')
      const segment = decodeSegment(disk.read(name))
      if ('damage' in segment) throw damaged(name, segment.damage)
      const { firstPosition, rows } = segment
      // The one before was whole when this one was begun, but for what a write left that was cut off.
      if (before === null ? firstPosition > mark.applied + 1 : firstPosition !== before + 1)
        throw damaged(name, `begins with row ${firstPosition}, and should with row ${(before ?? mark.applied) + 1}`)
      before = firstPosition - 1 + rows.length
      recovered.push(...rows.filter(({ position }) => position > mark.applied))
      this.#closed.push({ name, lastPosition: before })
    }
    this.#lastPosition = Math.max(before ?? 0, mark.applied)
    for (const name of there.filter((one) => !mark.segments.includes(one))) this.#removeLeftover(name)
    this.recovered = recovered
    this.#nextNumber = 1 + Math.max(0, ...there.map((name) => Number(name.slice(name.lastIndexOf('-') + 1))))
  }

  /** The position of the last row that is durable. */
  get lastPosition(): number {
    return this.#lastPosition
  }

  /** Rows through this position are in the file, and it says so. */
  get marked(): number {
    return this.#applied
  }

  /** It takes much of the disk, and of a start that reads it again. */
  get isLong(): boolean {
    return this.#closed.length >= CLOSED_SEGMENTS_MAX
  }

  /** The file names a segment. */
  get isNamed(): boolean {
    return this.#closed.length > 0 || this.#open !== null
  }

  /** Before the next record there has to be a new segment: see `begin`. */
  get needsSegment(): boolean {
    return this.#open === null || this.#open.end >= SEGMENT_BYTES_MAX
  }

  /** What is to stand in the file once rows through `applied` are in it. */
  markAt(applied: number, begun: string | null = null): JournalMark {
    const segments = this.#closed.filter(({ lastPosition }) => lastPosition > applied).map(({ name }) => name)
    if (this.#open !== null) segments.push(this.#open.name)
    if (begun !== null) segments.push(begun)
    return { applied, segments }
  }

  /**
   * Makes the next segment. `commit` writes the mark with its name to the file, durably; the segment is used when that has resolved. Rejects with what the disk says,
   * or what `commit` rejects with.
   */
  async begin(commit: (mark: JournalMark) => Promise<void>): Promise<void> {
    const { disk, random } = this.#options
    const name = journalFile(this.#nextNumber++)
    const id = Buffer.from(random.bytes(SEGMENT_ID_BYTES))
    const header = encodeHeader(id, this.#lastPosition + 1)
    const file = disk.create(name, header)
    try {
      await commit(this.markAt(this.#applied, name))
    } catch (thrown) {
      file.close()
      disk.remove(name)
      throw thrown
    }
    this.#closeSegment()
    this.#open = { name, id, file, end: header.length }
  }

  /**
   * Appends rows to the segment that is open. When it resolves they are durable, and have these positions. Rejects with what the disk says; `clear` cuts off what was
   * written then, if the journal is to go on.
   */
  async append(rows: readonly { readonly entry: AppendEntry; readonly committedAt: number }[]): Promise<readonly JournalRow[]> {
    const segment = this.#open
    assert(segment !== null, 'a segment was begun')
    const numbered = rows.map(({ entry, committedAt }, index) => ({ entry, committedAt, position: this.#lastPosition + 1 + index }))
    const record = encodeRecord(segment.id, numbered)
    await segment.file.write(record, segment.end)
    segment.end += record.length
    this.#lastPosition += rows.length
    return numbered
  }

  /** Cuts off what a failed append left. Throws what the disk says. */
  clear(): void {
    if (this.#open !== null) this.#open.file.truncate(this.#open.end)
  }

  /** The mark that `markAt` answered is in the file: what only older rows are in goes. */
  applied(applied: number): void {
    this.#applied = applied
    const done = this.#closed.filter(({ lastPosition }) => lastPosition <= applied)
    this.#closed = this.#closed.filter(({ lastPosition }) => lastPosition > applied)
    for (const { name } of done) {
      try {
        this.#options.disk.remove(name)
      } catch {
        // The next start removes it: the file does not name it.
      }
    }
  }

  /** Ends the open segment, so that `markAt` names it no more once its rows are in the file. */
  close(): void {
    this.#closeSegment()
  }

  #closeSegment(): void {
    if (this.#open === null) return
    this.#open.file.close()
    this.#closed.push({ name: this.#open.name, lastPosition: this.#lastPosition })
    this.#open = null
  }

  /** A crash may come after a segment was made and before the file named it, or after the file named it no more. */
  #removeLeftover(name: string): void {
    const { disk, mark, damaged } = this.#options
    const bytes = disk.read(name)
    const segment = decodeSegment(bytes)
    const isNeeded = 'damage' in segment ? bytes.length > HEADER_BYTES : segment.rows.some(({ position }) => position > mark.applied)
    if (isNeeded) throw damaged(name, 'holds rows that the data file does not know of: one of the two was put here from elsewhere')
    disk.remove(name)
  }
}

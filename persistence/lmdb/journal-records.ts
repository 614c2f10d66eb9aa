// What is written to a segment of the journal: rows of the log that are durable there before the LMDB file has them.
//
// segment   header, then records
// header    8 bytes "weftjrnl", u8 format (1), 8 bytes id of the segment (random), u48 position of its first row, u32 CRC-32 of what is before
// record    4 bytes "rows", 8 bytes id of the segment, u48 position of its first row, u32 count of rows, u32 bytes of its body, u32 CRC-32 over what is before and the
//           body, body
// body      row after row: text id of the document, f64 commit time, u48 epoch, u16 shard, text boot, u48 seq, text incarnation, u32 length and bytes of the update, u16
//           count of users and a text for each, u16 count of first uses and for each u8 and u48 of the client id and a text for the user. A text is a u16 length and UTF-8.
// Integers are big-endian. A position counts the rows of all segments that a data folder ever had, from 1.
import { crc32 } from 'node:zlib'
import { assert } from '../../core/assert.js'
import type { AppendEntry } from '../store.js'

export const SEGMENT_ID_BYTES = 8
const FORMAT = 1
const HEADER_MAGIC = Buffer.from('weftjrnl', 'latin1')
/** What a segment has before its first record. */
export const HEADER_BYTES = HEADER_MAGIC.length + 1 + SEGMENT_ID_BYTES + 6 + 4
/** What a row has beside its texts, its update, and what is of each user. */
const ROW_FIXED_BYTES = 2 + 8 + 6 + 2 + 2 + 6 + 2 + 4 + 2 + 2
const U16_MAX = 0xffff
const RECORD_MAGIC = Buffer.from('rows', 'latin1')
const RECORD_HEADER_BYTES = RECORD_MAGIC.length + SEGMENT_ID_BYTES + 6 + 4 + 4 + 4

/** A row of the log that was decided on: its fence was current, and its seq follows the head. */
export interface JournalRow {
  readonly position: number
  readonly entry: AppendEntry
  /** See `LogRow`. */
  readonly committedAt: number
}

export interface Segment {
  /** Of the first row, also where there is none yet. */
  readonly firstPosition: number
  /** Those of whole records. What a write that was cut off left behind them counts for nothing. */
  readonly rows: readonly JournalRow[]
}

export function encodeHeader(id: Buffer, firstPosition: number): Buffer {
  assert(id.length === SEGMENT_ID_BYTES, 'the id of a segment has eight bytes')
  const header = Buffer.alloc(HEADER_BYTES)
  HEADER_MAGIC.copy(header)
  header[HEADER_MAGIC.length] = FORMAT
  id.copy(header, HEADER_MAGIC.length + 1)
  header.writeUIntBE(firstPosition, HEADER_BYTES - 10, 6)
  header.writeUInt32BE(crc32(header.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4)
  return header
}

/** One record; the rows have positions that follow one another. */
export function encodeRecord(id: Buffer, rows: readonly JournalRow[]): Buffer {
  const first = rows[0]?.position ?? 0
  assert(first > 0, 'a record has rows')
  const buffer = Buffer.allocUnsafe(RECORD_HEADER_BYTES + rows.reduce((sum, row) => sum + bytesMaxOf(row), 0))
  let end = RECORD_HEADER_BYTES
  for (const row of rows) end = writeRow(buffer, end, row)
  const record = buffer.subarray(0, end)
  RECORD_MAGIC.copy(record)
  id.copy(record, RECORD_MAGIC.length)
  record.writeUIntBE(first, RECORD_HEADER_BYTES - 18, 6)
  record.writeUInt32BE(rows.length, RECORD_HEADER_BYTES - 12)
  record.writeUInt32BE(end - RECORD_HEADER_BYTES, RECORD_HEADER_BYTES - 8)
  record.writeUInt32BE(checksum(record), RECORD_HEADER_BYTES - 4)
  return record
}

/**
 * Reads a segment. One write is under way at a time, so only the last record may be torn: it was not acknowledged. Answers words for what is wrong where it is anything
 * else: then rows that were acknowledged may be lost.
 */
export function decodeSegment(bytes: Buffer): Segment | { readonly damage: string } {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, HEADER_MAGIC.length).equals(HEADER_MAGIC))
    return { damage: 'has no readable beginning' }
  if (crc32(bytes.subarray(0, HEADER_BYTES - 4)) !== bytes.readUInt32BE(HEADER_BYTES - 4)) return { damage: 'has a damaged beginning' }
  if (bytes[HEADER_MAGIC.length] !== FORMAT) return { damage: `has format ${bytes[HEADER_MAGIC.length]}; this version reads ${FORMAT}` }
  const mark = Buffer.concat([RECORD_MAGIC, bytes.subarray(HEADER_MAGIC.length + 1, HEADER_MAGIC.length + 1 + SEGMENT_ID_BYTES)])
  const rows: JournalRow[] = []
  const firstPosition = bytes.readUIntBE(HEADER_BYTES - 10, 6)
  let position = firstPosition
  let offset = HEADER_BYTES
  while (offset < bytes.length) {
    const record = recordAt(bytes, offset, mark, position)
    if (record === null) {
      if (bytes.indexOf(mark, offset + 1) !== -1) return { damage: `is damaged at byte ${offset}, and there are records behind that` }
      return { firstPosition, rows }
    }
    for (const row of record.rows) rows.push(row)
    position += record.rows.length
    offset = record.end
  }
  return { firstPosition, rows }
}

function recordAt(
  bytes: Buffer,
  offset: number,
  mark: Buffer,
  position: number,
): { readonly rows: readonly JournalRow[]; readonly end: number } | null {
  const bodyOffset = offset + RECORD_HEADER_BYTES
  if (bodyOffset > bytes.length || !bytes.subarray(offset, offset + mark.length).equals(mark)) return null
  const end = bodyOffset + bytes.readUInt32BE(bodyOffset - 8)
  if (end > bytes.length || bytes.readUIntBE(bodyOffset - 18, 6) !== position) return null
  if (checksum(bytes.subarray(offset, end)) !== bytes.readUInt32BE(bodyOffset - 4)) return null
  const count = bytes.readUInt32BE(bodyOffset - 12)
  const reader = new RowReader(bytes, bodyOffset)
  const rows = Array.from({ length: count }, (_, index) => reader.row(position + index))
  assert(reader.offset === end, 'the body of a record ends with its last row')
  return { rows, end }
}

function checksum(record: Buffer): number {
  return crc32(record.subarray(RECORD_HEADER_BYTES), crc32(record.subarray(0, RECORD_HEADER_BYTES - 4)))
}

/** At most three bytes of UTF-8 for a code unit. */
function bytesMaxOf({ entry }: JournalRow): number {
  const { documentId, fence, incarnation, update, users = [], firstUses = [] } = entry
  let units = documentId.length + fence.boot.length + incarnation.length
  for (const user of users) units += user.length
  for (const { user } of firstUses) units += user.length
  return ROW_FIXED_BYTES + 3 * units + update.length + 2 * users.length + 9 * firstUses.length
}

/** Writes a row, and answers where it ends. */
function writeRow(buffer: Buffer, start: number, { entry, committedAt }: JournalRow): number {
  const { documentId, fence, seq, incarnation, update, users = [], firstUses = [] } = entry
  assert(users.length <= U16_MAX && firstUses.length <= U16_MAX, 'a row has at most 65,535 users')
  let offset = writeText(buffer, start, documentId)
  offset = buffer.writeDoubleBE(committedAt, offset)
  offset = buffer.writeUIntBE(fence.epoch, offset, 6)
  offset = buffer.writeUInt16BE(fence.shard, offset)
  offset = writeText(buffer, offset, fence.boot)
  offset = buffer.writeUIntBE(seq, offset, 6)
  offset = writeText(buffer, offset, incarnation)
  offset = buffer.writeUInt32BE(update.length, offset)
  buffer.set(update, offset)
  offset = buffer.writeUInt16BE(users.length, offset + update.length)
  for (const user of users) offset = writeText(buffer, offset, user)
  offset = buffer.writeUInt16BE(firstUses.length, offset)
  for (const { clientId, user } of firstUses) {
    offset = buffer.writeUInt8(Math.floor(clientId / 2 ** 48), offset)
    offset = buffer.writeUIntBE(clientId % 2 ** 48, offset, 6)
    offset = writeText(buffer, offset, user)
  }
  return offset
}

function writeText(buffer: Buffer, offset: number, text: string): number {
  const bytes = buffer.write(text, offset + 2)
  assert(bytes <= U16_MAX, 'a text in a row has at most 65,535 bytes')
  buffer.writeUInt16BE(bytes, offset)
  return offset + 2 + bytes
}

class RowReader {
  readonly #bytes: Buffer
  offset: number

  constructor(bytes: Buffer, offset: number) {
    this.#bytes = bytes
    this.offset = offset
  }

  row(position: number): JournalRow {
    const documentId = this.#text()
    const committedAt = this.#bytes.readDoubleBE(this.#skip(8))
    const epoch = this.#integer(6)
    const shard = this.#integer(2)
    const boot = this.#text()
    const seq = this.#integer(6)
    const incarnation = this.#text()
    const updateBytes = this.#integer(4)
    const updateOffset = this.#skip(updateBytes)
    const update = new Uint8Array(this.#bytes.subarray(updateOffset, updateOffset + updateBytes))
    const users = Array.from({ length: this.#integer(2) }, () => this.#text())
    const firstUses = Array.from({ length: this.#integer(2) }, () => ({
      clientId: this.#integer(1) * 2 ** 48 + this.#integer(6),
      user: this.#text(),
    }))
    return { position, committedAt, entry: { documentId, fence: { shard, epoch, boot }, seq, incarnation, update, users, firstUses } }
  }

  #text(): string {
    const bytes = this.#integer(2)
    const offset = this.#skip(bytes)
    return this.#bytes.toString('utf8', offset, offset + bytes)
  }

  #integer(bytes: number): number {
    return this.#bytes.readUIntBE(this.#skip(bytes), bytes)
  }

  #skip(bytes: number): number {
    const before = this.offset
    this.offset += bytes
    return before
  }
}

// Keys and values of the LMDB file. All integers are big-endian, so that keys sort by number.
//
// document key   the id's UTF-8 bytes
// row key        u16 length of the id's UTF-8 bytes, those bytes, u48 seq: a document's rows are contiguous and in order of their seqs
// state key      row key, u16 number of the piece
// value          u8 layout version (1), u32 CRC-32 over key and body, body. The key is in the sum, so that a value under a wrong key is found out.
import { crc32 } from 'node:zlib'
import { assert } from '../../core/assert.js'
import type { Claimant, LogRow, Quarantine } from '../store.js'

const LAYOUT_VERSION = 1
const HEADER_BYTES = 5
const SEQ_BYTES = 6
const TIME_BYTES = 8

/** A state is stored in pieces of this size: LMDB wants the pages of one value to be adjacent, and long runs of free pages are rare in an old file. */
export const STATE_PIECE_BYTES = 256 * 1024

/** A value that is not what was written. The caller knows which document it belongs to. */
export class DamagedValue extends Error {}

export interface DocumentRecord {
  readonly incarnation: string
  readonly head: number
  /** The first seq that is still in the log; `head + 1` when none is. */
  readonly logStart: number
  /** Commit time of the head. */
  readonly updatedAt: number
}

/** A snapshot without its state. A version is a snapshot with a label. */
export interface SnapshotRecord {
  readonly savedAt: number
  readonly stateBytes: number
  readonly stateCrc: number
  readonly label: { readonly name: string; readonly author: string | null; readonly createdAt: number } | null
}

/** Of one life of a document: a program that knows nothing of quarantines may have deleted it since. */
export interface QuarantineRecord extends Quarantine {
  readonly incarnation: string
}

export interface OwnerRecord {
  readonly epoch: number
  readonly owner: Claimant | null
}

export function documentKey(documentId: string): Buffer {
  const key = Buffer.from(documentId, 'utf8')
  assert(key.length >= 1 && key.length <= 512, 'a document id has 1 to 512 bytes')
  return key
}

/** What all row keys of a document begin with. */
export function rowPrefix(documentId: string): Buffer {
  const id = documentKey(documentId)
  const prefix = Buffer.allocUnsafe(2 + id.length)
  prefix.writeUInt16BE(id.length)
  id.copy(prefix, 2)
  return prefix
}

export function rowKey(prefix: Buffer, seq: number): Buffer {
  const key = Buffer.allocUnsafe(prefix.length + SEQ_BYTES)
  prefix.copy(key)
  key.writeUIntBE(seq, prefix.length, SEQ_BYTES)
  return key
}

/** The seq in a row key. */
export function seqOfKey(key: Uint8Array): number {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUIntBE(key.length - SEQ_BYTES, SEQ_BYTES)
}

export function stateKey(prefix: Buffer, seq: number, piece: number): Buffer {
  const key = Buffer.allocUnsafe(prefix.length + SEQ_BYTES + 2)
  prefix.copy(key)
  key.writeUIntBE(seq, prefix.length, SEQ_BYTES)
  key.writeUInt16BE(piece, prefix.length + SEQ_BYTES)
  return key
}

export function ownerKey(shard: number): Buffer {
  assert(Number.isInteger(shard) && shard >= 0 && shard < 0x1_0000, 'a shard is a small integer')
  const key = Buffer.allocUnsafe(2)
  key.writeUInt16BE(shard)
  return key
}

/** Body: f64 updatedAt, u48 head, u48 logStart, the incarnation in UTF-8. */
export function sealDocument(key: Buffer, { incarnation, head, logStart, updatedAt }: DocumentRecord): Buffer {
  const text = Buffer.from(incarnation, 'utf8')
  return seal(key, TIME_BYTES + 2 * SEQ_BYTES + text.length, (body) => {
    body.writeDoubleBE(updatedAt)
    body.writeUIntBE(head, TIME_BYTES, SEQ_BYTES)
    body.writeUIntBE(logStart, TIME_BYTES + SEQ_BYTES, SEQ_BYTES)
    text.copy(body, TIME_BYTES + 2 * SEQ_BYTES)
  })
}

export function unsealDocument(key: Buffer, value: Buffer): DocumentRecord {
  const body = unseal(key, value, TIME_BYTES + 2 * SEQ_BYTES)
  return {
    updatedAt: body.readDoubleBE(),
    head: body.readUIntBE(TIME_BYTES, SEQ_BYTES),
    logStart: body.readUIntBE(TIME_BYTES + SEQ_BYTES, SEQ_BYTES),
    incarnation: body.toString('utf8', TIME_BYTES + 2 * SEQ_BYTES),
  }
}

/** Body: f64 committedAt, u48 epoch, the update. */
export function sealRow(key: Buffer, row: Omit<LogRow, 'seq'>): Buffer {
  return seal(key, TIME_BYTES + SEQ_BYTES + row.update.length, (body) => {
    body.writeDoubleBE(row.committedAt)
    body.writeUIntBE(row.epoch, TIME_BYTES, SEQ_BYTES)
    body.set(row.update, TIME_BYTES + SEQ_BYTES)
  })
}

/** The row's update is a view into `value`. */
export function unsealRow(key: Buffer, value: Buffer): LogRow {
  const body = unseal(key, value, TIME_BYTES + SEQ_BYTES)
  return {
    seq: seqOfKey(key),
    epoch: body.readUIntBE(TIME_BYTES, SEQ_BYTES),
    update: new Uint8Array(body.buffer, body.byteOffset + TIME_BYTES + SEQ_BYTES, body.length - TIME_BYTES - SEQ_BYTES),
    committedAt: body.readDoubleBE(),
  }
}

/** Body: u48 epoch, then, if there is an owner, u16 length of the boot, the boot, the node id. */
export function sealOwner(key: Buffer, { epoch, owner }: OwnerRecord): Buffer {
  const boot = Buffer.from(owner?.boot ?? '', 'utf8')
  const nodeId = Buffer.from(owner?.nodeId ?? '', 'utf8')
  return seal(key, owner === null ? SEQ_BYTES : SEQ_BYTES + 2 + boot.length + nodeId.length, (body) => {
    body.writeUIntBE(epoch, 0, SEQ_BYTES)
    if (owner === null) return
    body.writeUInt16BE(boot.length, SEQ_BYTES)
    boot.copy(body, SEQ_BYTES + 2)
    nodeId.copy(body, SEQ_BYTES + 2 + boot.length)
  })
}

export function unsealOwner(key: Buffer, value: Buffer): OwnerRecord {
  const body = unseal(key, value, SEQ_BYTES)
  const epoch = body.readUIntBE(0, SEQ_BYTES)
  if (body.length === SEQ_BYTES) return { epoch, owner: null }
  const bootEnd = SEQ_BYTES + 2 + body.readUInt16BE(SEQ_BYTES)
  return { epoch, owner: { boot: body.toString('utf8', SEQ_BYTES + 2, bootEnd), nodeId: body.toString('utf8', bootEnd) } }
}

/** Body: the record as JSON. */
export function sealSnapshot(key: Buffer, record: SnapshotRecord): Buffer {
  const text = Buffer.from(JSON.stringify(record), 'utf8')
  return seal(key, text.length, (body) => void text.copy(body))
}

export function unsealSnapshot(key: Buffer, value: Buffer): SnapshotRecord {
  // The checksum vouches for the shape: only sealSnapshot writes these.
  return JSON.parse(unseal(key, value, 2).toString('utf8')) as SnapshotRecord
}

/** Body: the record as JSON. */
export function sealQuarantine(key: Buffer, record: QuarantineRecord): Buffer {
  const text = Buffer.from(JSON.stringify(record), 'utf8')
  return seal(key, text.length, (body) => void text.copy(body))
}

export function unsealQuarantine(key: Buffer, value: Buffer): QuarantineRecord {
  // The checksum vouches for the shape: only sealQuarantine writes these.
  return JSON.parse(unseal(key, value, 2).toString('utf8')) as QuarantineRecord
}

function seal(key: Buffer, bodyBytes: number, fill: (body: Buffer) => void): Buffer {
  const value = Buffer.allocUnsafe(HEADER_BYTES + bodyBytes)
  const body = value.subarray(HEADER_BYTES)
  fill(body)
  value[0] = LAYOUT_VERSION
  value.writeUInt32BE(crc32(body, crc32(key)), 1)
  return value
}

/** The body of a value, checked. Throws DamagedValue. */
function unseal(key: Buffer, value: Buffer, bodyBytesMin: number): Buffer {
  if (value.length < HEADER_BYTES + bodyBytesMin) throw new DamagedValue('it is cut short')
  if (value[0] !== LAYOUT_VERSION) throw new DamagedValue(`its layout version is ${value[0]}`)
  const body = value.subarray(HEADER_BYTES)
  if (crc32(body, crc32(key)) !== value.readUInt32BE(1)) throw new DamagedValue('its checksum is wrong')
  return body
}

// Values of the LMDB file. All integers are big-endian.
//
// value          u8 layout version (1; 2 for rows of the log with users), u32 CRC-32 over key and body, body. The key is in the sum, so that
//                a value under a wrong key is found out
import { crc32 } from 'node:zlib'
import type { KeyedRecord } from '../keyed-records.js'
import type { Claimant, LogRow, Quarantine, VersionLabel } from '../store.js'
import { type DecodedUsers, decodeUsers, encodeUsers } from '../user-numbers.js'
import { seqOfKey } from './keys.js'

const LAYOUT_VERSION = 1
/** Of rows of the log: they name their users. Those written before are read as they are. */
const LAYOUT_VERSION_WITH_USERS = 2
const HEADER_BYTES = 5
const SEQ_BYTES = 6
const TIME_BYTES = 8
const USER_BYTES = 4

/**
 * A state is stored in pieces of this size: LMDB wants the pages of one value to be adjacent, and long runs of free pages are rare in an
 * old file.
 */
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
  /** Records of the version before have no description. */
  readonly label: (VersionLabel & { readonly createdAt: number }) | null
}

/** Of one life of a document: a program that knows nothing of quarantines may have deleted it since. */
export interface QuarantineRecord extends Quarantine {
  readonly incarnation: string
}

export interface FirstUseRecord {
  readonly usedAt: number
  readonly seq: number
  readonly user: number
}

export interface OwnerRecord {
  readonly epoch: number
  readonly owner: Claimant | null
}

/** Body: u48 seq. */
export function sealCursor(key: Buffer, seq: number): Buffer {
  return seal(key, SEQ_BYTES, (body) => void body.writeUIntBE(seq, 0, SEQ_BYTES))
}

export function unsealCursor(key: Buffer, value: Buffer): number {
  return unseal(key, value, SEQ_BYTES).readUIntBE(0, SEQ_BYTES)
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

const ROW_USERS_OFFSET = TIME_BYTES + SEQ_BYTES

/** Body: f64 committedAt, u48 epoch, the users (see `encodeUsers`), the update. */
export function sealRow(key: Buffer, row: Omit<LogRow, 'seq'>, users: readonly number[]): Buffer {
  const encodedUsers = encodeUsers(users)
  const usersOffset = HEADER_BYTES + ROW_USERS_OFFSET
  // Without a function that fills a body: there are thousands a second of these.
  const value = Buffer.allocUnsafe(usersOffset + encodedUsers.length + row.update.length)
  value.writeDoubleBE(row.committedAt, HEADER_BYTES)
  value.writeUIntBE(row.epoch, HEADER_BYTES + TIME_BYTES, SEQ_BYTES)
  value.set(encodedUsers, usersOffset)
  value.set(row.update, usersOffset + encodedUsers.length)
  return sealed(key, value, LAYOUT_VERSION_WITH_USERS)
}

/** The row's update is a view into `value`. */
export function unsealRow(key: Buffer, value: Buffer): LogRow {
  const body = unseal(key, value, ROW_USERS_OFFSET, LAYOUT_VERSION_WITH_USERS)
  const updateOffset = ROW_USERS_OFFSET + (hasUsers(value) ? usersIn(body).byteLength : 0)
  return {
    seq: seqOfKey(key),
    epoch: body.readUIntBE(TIME_BYTES, SEQ_BYTES),
    update: new Uint8Array(body.buffer, body.byteOffset + updateOffset, body.length - updateOffset),
    committedAt: body.readDoubleBE(),
  }
}

/** The numbers of the users who wrote the row. */
export function unsealRowUsers(key: Buffer, value: Buffer): { readonly committedAt: number; readonly users: readonly number[] } {
  const body = unseal(key, value, ROW_USERS_OFFSET, LAYOUT_VERSION_WITH_USERS)
  return { committedAt: body.readDoubleBE(), users: hasUsers(value) ? usersIn(body).users : [] }
}

function hasUsers(value: Buffer): boolean {
  return value[0] === LAYOUT_VERSION_WITH_USERS
}

function usersIn(body: Buffer): DecodedUsers {
  const decoded = decodeUsers(body.subarray(ROW_USERS_OFFSET))
  if (decoded === null) throw new DamagedValue('its list of users cannot be read')
  return decoded
}

/** Body: f64 usedAt, u48 seq, u32 number of the user. */
export function sealFirstUse(key: Buffer, use: FirstUseRecord): Buffer {
  return seal(key, TIME_BYTES + SEQ_BYTES + USER_BYTES, (body) => {
    body.writeDoubleBE(use.usedAt)
    body.writeUIntBE(use.seq, TIME_BYTES, SEQ_BYTES)
    body.writeUInt32BE(use.user, TIME_BYTES + SEQ_BYTES)
  })
}

export function unsealFirstUse(key: Buffer, value: Buffer): FirstUseRecord {
  const body = unseal(key, value, TIME_BYTES + SEQ_BYTES + USER_BYTES)
  return {
    usedAt: body.readDoubleBE(),
    seq: body.readUIntBE(TIME_BYTES, SEQ_BYTES),
    user: body.readUInt32BE(TIME_BYTES + SEQ_BYTES),
  }
}

/** Body: the user's id in UTF-8. */
export function sealUserId(key: Buffer, user: string): Buffer {
  const text = Buffer.from(user, 'utf8')
  return seal(key, text.length, (body) => void text.copy(body))
}

export function unsealUserId(key: Buffer, value: Buffer): string {
  return unseal(key, value, 1).toString('utf8')
}

/** Body: u32 number of the user. */
export function sealUserNumber(key: Buffer, user: number): Buffer {
  return seal(key, USER_BYTES, (body) => void body.writeUInt32BE(user))
}

export function unsealUserNumber(key: Buffer, value: Buffer): number {
  return unseal(key, value, USER_BYTES).readUInt32BE()
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

/** Body: the record as JSON. */
export function sealKeyedRecord(key: Buffer, record: KeyedRecord): Buffer {
  const text = Buffer.from(JSON.stringify(record), 'utf8')
  return seal(key, text.length, (body) => void text.copy(body))
}

export function unsealKeyedRecord(key: Buffer, value: Buffer): KeyedRecord {
  // The checksum vouches for the shape: only sealKeyedRecord writes these.
  return JSON.parse(unseal(key, value, 2).toString('utf8')) as KeyedRecord
}

function seal(key: Buffer, bodyBytes: number, fill: (body: Buffer) => void): Buffer {
  const value = Buffer.allocUnsafe(HEADER_BYTES + bodyBytes)
  fill(value.subarray(HEADER_BYTES))
  return sealed(key, value, LAYOUT_VERSION)
}

/** The value with its header, over the body that is there. */
function sealed(key: Buffer, value: Buffer, layoutVersion: number): Buffer {
  value[0] = layoutVersion
  value.writeUInt32BE(crc32(value.subarray(HEADER_BYTES), crc32(key)), 1)
  return value
}

/** The body of a value, checked. Throws DamagedValue. */
function unseal(key: Buffer, value: Buffer, bodyBytesMin: number, layoutVersionMax = LAYOUT_VERSION): Buffer {
  if (value.length < HEADER_BYTES + bodyBytesMin) throw new DamagedValue('it is cut short')
  const layoutVersion = value[0] ?? 0
  if (layoutVersion < LAYOUT_VERSION || layoutVersion > layoutVersionMax) throw new DamagedValue(`its layout version is ${layoutVersion}`)
  const body = value.subarray(HEADER_BYTES)
  if (crc32(body, crc32(key)) !== value.readUInt32BE(1)) throw new DamagedValue('its checksum is wrong')
  return body
}

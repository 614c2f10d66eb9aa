// Keys of the LMDB file. All integers are big-endian, so that keys sort by number.
//
// document key   the id's UTF-8 bytes
// row key        u16 length of the id's UTF-8 bytes, those bytes, u48 seq: a document's rows are contiguous and in order of their seqs
// state key      row key, u16 number of the piece
// use key        like a row key, with a Yjs client id in place of the seq and 7 bytes for it
// cursor key     like a row key, with a subscriber's name in place of the seq
// user key       u32 number of the user
// record key     the kind of the record in ASCII, a zero byte, the id's UTF-8 bytes
import { assert } from '../../core/assert.js'
import type { KeyedRecordKind } from '../keyed-records.js'

const SEQ_BYTES = 6
const CLIENT_ID_BYTES = 7
const USER_BYTES = 4

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

/** Of a key that `stateKey` made. */
export function seqOfStateKey(key: Buffer): number {
  return key.readUIntBE(key.length - 2 - SEQ_BYTES, SEQ_BYTES)
}

export function useKey(prefix: Buffer, clientId: number): Buffer {
  const key = Buffer.allocUnsafe(prefix.length + CLIENT_ID_BYTES)
  prefix.copy(key)
  // Numbers of more than 48 bits are written in two parts.
  key.writeUInt8(Math.floor(clientId / 2 ** 48), prefix.length)
  key.writeUIntBE(clientId % 2 ** 48, prefix.length + 1, 6)
  return key
}

/** The client id in a use key. */
export function clientIdOfKey(key: Uint8Array): number {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength)
  return bytes.readUInt8(key.length - CLIENT_ID_BYTES) * 2 ** 48 + bytes.readUIntBE(key.length - 6, 6)
}

export function userKey(user: number): Buffer {
  const key = Buffer.allocUnsafe(USER_BYTES)
  key.writeUInt32BE(user)
  return key
}

export function ownerKey(shard: number): Buffer {
  assert(Number.isInteger(shard) && shard >= 0 && shard < 0x1_0000, 'a shard is a small integer')
  const key = Buffer.allocUnsafe(2)
  key.writeUInt16BE(shard)
  return key
}

export function cursorKey(prefix: Buffer, subscriber: string): Buffer {
  return Buffer.concat([prefix, Buffer.from(subscriber, 'latin1')])
}

/** What the keys of all keyed records of a kind begin with. */
export function recordKindKey(kind: KeyedRecordKind): Buffer {
  return Buffer.from(`${kind}\0`, 'latin1')
}

export function recordKey(kind: KeyedRecordKind, id: string): Buffer {
  const bytes = Buffer.from(id, 'utf8')
  assert(bytes.length >= 1 && bytes.length <= 512, 'the id of a keyed record has 1 to 512 bytes')
  return Buffer.concat([recordKindKey(kind), bytes])
}

// Document ids: what is a valid one, and which shard it belongs to.
import { WeftError } from './errors.js'

export const SHARD_COUNT = 1024

const utf8Encoder = new TextEncoder()

/** Returns `id` if it is a valid document id: 1 to `bytesMax` bytes of UTF-8, no lone surrogates. Throws `invalid-document-id`. */
export function checkDocumentId(id: string, bytesMax: number): string {
  if (id.length === 0)
    throw new WeftError('invalid-document-id', 'The document id is empty; put it in the URL path or in the open request.')
  // A string of n UTF-16 units has at least n bytes, so a huge one is refused without encoding it.
  if (id.length > bytesMax || utf8Encoder.encode(id).length > bytesMax)
    throw new WeftError('invalid-document-id', `The document id is longer than ${bytesMax} bytes of UTF-8.`)
  if (!id.isWellFormed()) throw new WeftError('invalid-document-id', 'The document id is not valid UTF-8.')
  return id
}

/** The shard of a document: 32-bit FNV-1a of its UTF-8 bytes, modulo 1024. Stored ownership depends on it: it must never change. */
export function shardOf(documentId: string): number {
  let hash = 0x811c9dc5
  for (const byte of utf8Encoder.encode(documentId)) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0) % SHARD_COUNT
}

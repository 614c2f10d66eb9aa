// Document ids: what is a valid one, and which shard it belongs to.
import { WeftError } from './errors.js'

export const SHARD_COUNT = 1024

const utf8Encoder = new TextEncoder()

/** In an address these are steps in the path, however they are escaped: no HTTP client, and no browser's WebSocket, sends them. */
const pathSteps: ReadonlySet<string> = new Set(['.', '..'])

/**
 * Returns `id` if it is a valid document id: 1 to `bytesMax` bytes of UTF-8, no lone surrogates, and neither `.` nor `..`. Throws
 * `invalid-document-id`.
 */
export function checkDocumentId(id: string, bytesMax: number): string {
  if (id.length === 0)
    throw new WeftError('invalid-document-id', 'The document id is empty; put it in the URL path or in the open request.')
  // A string of n UTF-16 units has at least n bytes, so a huge one is refused without encoding it.
  if (id.length > bytesMax || utf8Encoder.encode(id).length > bytesMax)
    throw new WeftError('invalid-document-id', `The document id is longer than ${bytesMax} bytes of UTF-8.`)
  if (pathSteps.has(id))
    throw new WeftError('invalid-document-id', `The document id is "${id}", which is a step in the path of a URL; choose another one.`)
  if (!id.isWellFormed()) throw new WeftError('invalid-document-id', 'The document id is not valid UTF-8.')
  return id
}

/** The shard of a document: 32-bit FNV-1a of its UTF-8 bytes, modulo 1024. Stored ownership depends on it: it must never change. */
export function shardOf(documentId: string): number {
  let hash = 0x811c9dc5
  for (const byte of utf8Encoder.encode(documentId)) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0) % SHARD_COUNT
}

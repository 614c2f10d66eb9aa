// What leaves over HTTP, as bytes: server-sent events, and bodies that answer polls.
import { encodeRecord } from '../../../protocol/http-frames.js'
import type { HeldRecord } from './held-records.js'

/** An answer to a poll holds no further record beyond so many bytes. */
const POLL_BYTES = 1024 * 1024

const pingEvent = Buffer.from('event: ping\ndata:\n\n')

let lastContent: Uint8Array | null = null
let lastEvent: Buffer = Buffer.alloc(0)

/** The first event of a stream: which number the record has that follows. It also shows the client that nothing on the way holds the stream back. */
export function firstEventOf(number: number): Buffer {
  return Buffer.from(`event: from\ndata: ${number}\n\n`)
}

/** A broadcast hands the same content to one connection after the other, so the last event is kept. */
export function eventOf({ kind, parts }: HeldRecord): Buffer {
  const only = parts.length === 1 ? parts[0] : undefined
  if (kind === 'ping') return pingEvent
  if (kind === 'close') return Buffer.from(`event: close\ndata: ${Buffer.concat(parts).toString()}\n\n`)
  if (only !== undefined && only === lastContent) return lastEvent
  const event = Buffer.from(`data: ${joined(parts).toString('base64')}\n\n`, 'latin1')
  if (only !== undefined) {
    lastContent = only
    lastEvent = event
  }
  return event
}

/** The records that one answer holds, one at least. */
export function* pollBodyOf(records: readonly HeldRecord[]): Generator<Uint8Array> {
  let bytes = 0
  for (const record of records) {
    if (bytes > 0 && bytes + record.bytes > POLL_BYTES) return
    bytes += record.bytes
    yield* encodeRecord(record.kind, joined(record.parts))
  }
}

function joined(parts: readonly Uint8Array[]): Buffer {
  const only = parts[0]
  if (parts.length === 1 && only !== undefined) return Buffer.from(only.buffer, only.byteOffset, only.byteLength)
  return Buffer.concat(parts)
}

// How frames of a dialect travel over HTTP where no WebSocket passes: the addresses, the headers, and the records of a body. For server and client alike.
//
// Each side numbers what it sends from 1 on, so that a stream, a poll or a request that was cut goes on where it ended: nothing is lost or handled twice.
import { MessageReader, PartsWriter } from './bytes.js'

/** Below the server's base path. The path never holds a connection's id, which would let whoever reads a proxy's log take it over. */
export const connectionsPath = '/api/v1/connections'

export const httpHeaders = {
  /** The id of the connection, in every request but the one that opens it. */
  connection: 'weft-connection',
  /** The number of the last record that was received: all up to it are confirmed. */
  after: 'weft-after',
  /** The number of the first message in the body. */
  first: 'weft-first',
  /** When opening: what subprotocols are for a WebSocket. */
  protocols: 'weft-protocols',
  /** When opening: how the client is going to receive. */
  transport: 'weft-transport',
} as const

export const downTransports = ['sse', 'poll'] as const

/** What a record in a body is. */
export type RecordKind = 'message' | 'ping' | 'close'

/**
 * `message`: a frame of the dialect. `ping`: nothing; whoever receives it confirms at once. `close`: JSON, `{"code":1012,"reason":"…"}`; nothing follows it.
 */
export interface HttpRecord {
  readonly kind: RecordKind
  readonly content: Uint8Array
}

const kinds: readonly RecordKind[] = ['message', 'ping', 'close']

/** The most that a record takes beside its content: its kind, and its length. */
export const recordOverheadBytes = 9

/** A body holds no further record beyond so many bytes, and whoever reads it takes as many, however small the largest message may be. */
export const bodyBytesMax = 256 * 1024

/** One record: its kind as a varUint (0 message, 1 ping, 2 close), the length of its content as a varUint, the content. */
export function encodeRecord(kind: RecordKind, content: Uint8Array): readonly Uint8Array[] {
  return new PartsWriter().varUint(kinds.indexOf(kind)).varBytes(content).finish()
}

/** The records of a body, as views into it. Throws `malformed`. */
export function decodeRecords(body: Uint8Array): HttpRecord[] {
  const reader = new MessageReader(body, 'The body')
  const records: HttpRecord[] = []
  while (reader.remaining > 0) {
    const kind = kinds[reader.varUint()]
    if (kind === undefined) throw reader.malformed('holds a record of a kind that nobody knows')
    records.push({ kind, content: reader.varBytes() })
  }
  return records
}

/** Why a connection was closed, as a `close` record and the answer 410 have it. */
export interface HttpClosing {
  readonly code: number
  readonly reason: string
}

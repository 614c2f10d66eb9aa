// The dialect of Hocuspocus' provider (versions 2 to 4), as its published packages have it. One message per frame: an address, a type, the
// body. See docs/protocol.md for the bytes. The address names the document, and a session on it if the provider has several; what is
// answered goes to the same address.
import { unreachable } from '../../core/assert.js'
import type { Permission } from '../../core/permission.js'
import { MessageReader, PartsWriter } from '../bytes.js'

/** What a provider sends, without the address. */
export type HocuspocusClientMessage =
  | { readonly type: 'sync-step-1'; readonly stateVector: Uint8Array }
  | { readonly type: 'sync-step-2'; readonly update: Uint8Array }
  | { readonly type: 'update'; readonly update: Uint8Array }
  | { readonly type: 'awareness'; readonly update: Uint8Array }
  | { readonly type: 'token'; readonly token: string }
  | { readonly type: 'query-awareness' }
  | { readonly type: 'stateless'; readonly payload: string }
  | { readonly type: 'close'; readonly reason: string }
  /** Of a type that the dialect does not have, or that only servers send. */
  | { readonly type: 'unknown' }

export type HocuspocusServerMessage =
  | { readonly type: 'sync-step-1'; readonly stateVector: Uint8Array }
  | { readonly type: 'sync-step-2'; readonly update: Uint8Array }
  | { readonly type: 'update'; readonly update: Uint8Array }
  | { readonly type: 'awareness'; readonly update: Uint8Array }
  /** The provider sends its token again. */
  | { readonly type: 'token-wanted' }
  | { readonly type: 'denied'; readonly reason: string }
  | { readonly type: 'authenticated'; readonly permission: Permission }
  /** One for each update and each step 2: whether it was taken. */
  | { readonly type: 'sync-status'; readonly taken: boolean }
  | { readonly type: 'stateless'; readonly payload: string }
  | { readonly type: 'close'; readonly reason: string }

const SYNC = 0
const AWARENESS = 1
const AUTH = 2
const QUERY_AWARENESS = 3
const STATELESS = 5
const CLOSE = 7
const SYNC_STATUS = 8
const PING = 9
const PONG = 10

const SYNC_STEP_1 = 0
const SYNC_STEP_2 = 1
const SYNC_UPDATE = 2

const AUTH_TOKEN = 0
const AUTH_DENIED = 1
const AUTH_GRANTED = 2

/** Between the document's name and the session's, where a provider has several sessions on one document. */
const SESSION_MARK = '\0'

/** A document id and a session's name. */
const ADDRESS_BYTES_MAX = 1024
const TOKEN_BYTES_MAX = 16 * 1024

export const hocuspocusPong: readonly Uint8Array[] = [Uint8Array.of(PONG)]

/** Ping and pong are single bytes without an address; null for anything else. */
export function heartbeatIn(frame: Uint8Array): 'ping' | 'pong' | null {
  if (frame.length !== 1) return null
  return frame[0] === PING ? 'ping' : frame[0] === PONG ? 'pong' : null
}

/** The document that an address is about. */
export function documentIdOf(address: string): string {
  const mark = address.indexOf(SESSION_MARK)
  return mark < 0 ? address : address.slice(0, mark)
}

/** Decodes one frame that is no heartbeat; byte arrays are views into it. Throws `malformed`. */
export function decodeHocuspocus(frame: Uint8Array): { readonly address: string; readonly message: HocuspocusClientMessage } {
  const reader = new MessageReader(frame, 'The message')
  const address = reader.varString(ADDRESS_BYTES_MAX)
  return { address, message: readMessage(reader) }
}

function readMessage(reader: MessageReader): HocuspocusClientMessage {
  switch (reader.varUint()) {
    case SYNC:
      return readSync(reader)
    case AWARENESS:
      return whole(reader, { type: 'awareness', update: reader.varBytes() })
    case AUTH:
      // Newer providers say their version behind it.
      return reader.varUint() === AUTH_TOKEN ? { type: 'token', token: reader.varString(TOKEN_BYTES_MAX) } : { type: 'unknown' }
    case QUERY_AWARENESS:
      return { type: 'query-awareness' }
    case STATELESS:
      return { type: 'stateless', payload: reader.varString() }
    case CLOSE:
      return { type: 'close', reason: reader.varString() }
    default:
      return { type: 'unknown' }
  }
}

function readSync(reader: MessageReader): HocuspocusClientMessage {
  switch (reader.varUint()) {
    case SYNC_STEP_1:
      return whole(reader, { type: 'sync-step-1', stateVector: reader.varBytes() })
    case SYNC_STEP_2:
      return whole(reader, { type: 'sync-step-2', update: reader.varBytes() })
    case SYNC_UPDATE:
      return whole(reader, { type: 'update', update: reader.varBytes() })
    default:
      return { type: 'unknown' }
  }
}

function whole(reader: MessageReader, message: HocuspocusClientMessage): HocuspocusClientMessage {
  reader.end()
  return message
}

/** Encodes one message as the parts of one frame. A large payload is passed through as its own part, uncopied. */
export function encodeHocuspocus(address: string, message: HocuspocusServerMessage): readonly Uint8Array[] {
  const writer = new PartsWriter().varString(address)
  switch (message.type) {
    case 'sync-step-1':
      return writer.varUint(SYNC).varUint(SYNC_STEP_1).varBytes(message.stateVector).finish()
    case 'sync-step-2':
      return writer.varUint(SYNC).varUint(SYNC_STEP_2).varBytes(message.update).finish()
    case 'update':
      return writer.varUint(SYNC).varUint(SYNC_UPDATE).varBytes(message.update).finish()
    case 'awareness':
      return writer.varUint(AWARENESS).varBytes(message.update).finish()
    case 'token-wanted':
      return writer.varUint(AUTH).varUint(AUTH_TOKEN).finish()
    case 'denied':
      return writer.varUint(AUTH).varUint(AUTH_DENIED).varString(message.reason).finish()
    case 'authenticated':
      return writer
        .varUint(AUTH)
        .varUint(AUTH_GRANTED)
        .varString(message.permission === 'read-write' ? 'read-write' : 'readonly')
        .finish()
    case 'sync-status':
      return writer
        .varUint(SYNC_STATUS)
        .varUint(message.taken ? 1 : 0)
        .finish()
    case 'stateless':
      return writer.varUint(STATELESS).varString(message.payload).finish()
    case 'close':
      return writer.varUint(CLOSE).varString(message.reason).finish()
    default:
      return unreachable(message)
  }
}

// The y-websocket dialect: what stock Yjs providers speak. One message per frame; see docs/protocol.md for the bytes.
import { unreachable } from '../../core/assert.js'
import { MessageReader, PartsWriter } from '../bytes.js'

export type YWebsocketMessage =
  | { readonly type: 'sync-step-1'; readonly stateVector: Uint8Array }
  | { readonly type: 'sync-step-2'; readonly update: Uint8Array }
  | { readonly type: 'update'; readonly update: Uint8Array }
  | { readonly type: 'awareness'; readonly update: Uint8Array }
  | { readonly type: 'auth-denied'; readonly reason: string }
  | { readonly type: 'query-awareness' }

const MESSAGE_SYNC = 0
const MESSAGE_AWARENESS = 1
const MESSAGE_AUTH = 2
const MESSAGE_QUERY_AWARENESS = 3

const SYNC_STEP_1 = 0
const SYNC_STEP_2 = 1
const SYNC_UPDATE = 2

const AUTH_DENIED = 0

/**
 * Whether a frame is a message of a type that this dialect does not have, such as an application's own. Throws `malformed` when it has no
 * type.
 */
export function hasUnknownType(frame: Uint8Array): boolean {
  const reader = new MessageReader(frame, 'The message')
  switch (reader.varUint()) {
    case MESSAGE_SYNC:
      return reader.varUint() > SYNC_UPDATE
    case MESSAGE_AUTH:
      return reader.varUint() > AUTH_DENIED
    case MESSAGE_AWARENESS:
    case MESSAGE_QUERY_AWARENESS:
      return false
    default:
      return true
  }
}

/** Decodes one frame; byte arrays are views into it. Throws `malformed` unless the whole frame is exactly one message. */
export function decodeYWebsocket(frame: Uint8Array): YWebsocketMessage {
  const reader = new MessageReader(frame, 'The message')
  const message = readMessage(reader)
  reader.end()
  return message
}

function readMessage(reader: MessageReader): YWebsocketMessage {
  const type = reader.varUint()
  switch (type) {
    case MESSAGE_SYNC:
      return readSync(reader)
    case MESSAGE_AWARENESS:
      return { type: 'awareness', update: reader.varBytes() }
    case MESSAGE_AUTH: {
      const kind = reader.varUint()
      if (kind !== AUTH_DENIED) throw reader.malformed(`has the unknown authentication type ${kind}`)
      return { type: 'auth-denied', reason: reader.varString() }
    }
    case MESSAGE_QUERY_AWARENESS:
      return { type: 'query-awareness' }
    default:
      throw reader.malformed(`has the unknown type ${type}`)
  }
}

function readSync(reader: MessageReader): YWebsocketMessage {
  const step = reader.varUint()
  switch (step) {
    case SYNC_STEP_1:
      return { type: 'sync-step-1', stateVector: reader.varBytes() }
    case SYNC_STEP_2:
      return { type: 'sync-step-2', update: reader.varBytes() }
    case SYNC_UPDATE:
      return { type: 'update', update: reader.varBytes() }
    default:
      throw reader.malformed(`has the unknown sync type ${step}`)
  }
}

/** Encodes one message as the parts of one frame. A large payload is passed through as its own part, uncopied. */
export function encodeYWebsocket(message: YWebsocketMessage): readonly Uint8Array[] {
  const writer = new PartsWriter()
  switch (message.type) {
    case 'sync-step-1':
      return writer.varUint(MESSAGE_SYNC).varUint(SYNC_STEP_1).varBytes(message.stateVector).finish()
    case 'sync-step-2':
      return writer.varUint(MESSAGE_SYNC).varUint(SYNC_STEP_2).varBytes(message.update).finish()
    case 'update':
      return writer.varUint(MESSAGE_SYNC).varUint(SYNC_UPDATE).varBytes(message.update).finish()
    case 'awareness':
      return writer.varUint(MESSAGE_AWARENESS).varBytes(message.update).finish()
    case 'auth-denied':
      return writer.varUint(MESSAGE_AUTH).varUint(AUTH_DENIED).varString(message.reason).finish()
    case 'query-awareness':
      return writer.varUint(MESSAGE_QUERY_AWARENESS).finish()
    default:
      return unreachable(message)
  }
}

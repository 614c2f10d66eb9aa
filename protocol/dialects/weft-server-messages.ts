// The bytes of what servers say in the weft dialect. One message per frame: varUint type, then (where it has one) varUint channel, then the body.
import { unreachable } from '../../core/assert.js'
import { USER_ID_BYTES_MAX } from '../../core/user-id.js'
import { MessageReader, PartsWriter } from '../bytes.js'
import { readPermission, readRefusal, readSubmission, SHORT_STRING_BYTES_MAX, writePermission, writeRefusal } from './weft-fields.js'
import type { WeftServerMessage } from './weft-messages.js'

const serverTypes = {
  welcome: 33,
  opened: 34,
  state: 35,
  update: 36,
  acknowledged: 37,
  refused: 38,
  closed: 39,
  awareness: 40,
  permission: 41,
  drain: 42,
  pong: 43,
  piece: 44,
  notice: 45,
  done: 46,
  'not-done': 47,
  expires: 48,
  message: 49,
  resumption: 50,
  trace: 51,
} as const

/** Decodes one frame from a server; byte arrays are views into it. Throws `malformed` unless the whole frame is exactly one message. */
export function decodeWeftServer(frame: Uint8Array): WeftServerMessage {
  const reader = new MessageReader(frame, 'The message')
  const message = readServerMessage(reader)
  reader.end()
  return message
}

function readServerMessage(reader: MessageReader): WeftServerMessage {
  const type = reader.varUint()
  switch (type) {
    case serverTypes.welcome:
      return {
        type: 'welcome',
        serverId: reader.varString(SHORT_STRING_BYTES_MAX),
        messageBytesMax: reader.varUint(),
        pingPeriodMs: reader.varUint(),
      }
    case serverTypes.opened:
      return {
        type: 'opened',
        channel: reader.varUint(),
        incarnation: reader.varString(SHORT_STRING_BYTES_MAX),
        seq: reader.varUint(),
        stateVector: reader.varBytes(),
        permission: readPermission(reader),
      }
    case serverTypes.state:
      return { type: 'state', channel: reader.varUint(), seq: reader.varUint(), updates: readUpdates(reader) }
    case serverTypes.update:
      return { type: 'update', channel: reader.varUint(), seq: reader.varUint(), update: reader.varBytes() }
    case serverTypes.trace:
      return { type: 'trace', channel: reader.varUint(), context: reader.varString(SHORT_STRING_BYTES_MAX) }
    case serverTypes.piece:
      return { type: 'piece', channel: reader.varUint(), update: reader.varBytes() }
    case serverTypes.acknowledged:
      return { type: 'acknowledged', channel: reader.varUint(), through: reader.varUint(), seq: reader.varUint() }
    case serverTypes.refused:
      return { type: 'refused', channel: reader.varUint(), submission: readSubmission(reader), ...readRefusal(reader) }
    case serverTypes.closed:
      return { type: 'closed', channel: reader.varUint(), ...readRefusal(reader) }
    case serverTypes.awareness:
      return { type: 'awareness', channel: reader.varUint(), update: reader.varBytes() }
    case serverTypes.message:
      return {
        type: 'message',
        channel: reader.varUint(),
        user: reader.varString(USER_ID_BYTES_MAX),
        session: reader.varString(SHORT_STRING_BYTES_MAX),
        payload: reader.varString(),
      }
    case serverTypes.permission:
      return { type: 'permission', channel: reader.varUint(), permission: readPermission(reader) }
    case serverTypes.expires:
      return { type: 'expires', channel: reader.varUint(), inMs: reader.varUint() }
    case serverTypes.notice:
      return { type: 'notice', channel: reader.varUint(), ...readRefusal(reader) }
    case serverTypes.resumption:
      return { type: 'resumption', resumption: reader.varString(SHORT_STRING_BYTES_MAX) }
    case serverTypes.drain:
      return { type: 'drain', retryAfterMs: reader.varUint() }
    case serverTypes.pong:
      return { type: 'pong' }
    case serverTypes.done:
      return { type: 'done', request: reader.varUint() }
    case serverTypes['not-done']:
      return { type: 'not-done', request: reader.varUint(), ...readRefusal(reader) }
    default:
      throw reader.malformed(`has type ${type}, which no server sends`)
  }
}

/** Encodes one message as the parts of one frame. Large payloads are passed through as parts of their own, uncopied. */
export function encodeWeftServer(message: WeftServerMessage): readonly Uint8Array[] {
  const writer = new PartsWriter().varUint(serverTypes[message.type])
  switch (message.type) {
    case 'welcome':
      return writer.varString(message.serverId).varUint(message.messageBytesMax).varUint(message.pingPeriodMs).finish()
    case 'opened':
      writer.varUint(message.channel).varString(message.incarnation).varUint(message.seq).varBytes(message.stateVector)
      return writePermission(writer, message.permission).finish()
    case 'state':
      writer.varUint(message.channel).varUint(message.seq).varUint(message.updates.length)
      for (const update of message.updates) writer.varBytes(update)
      return writer.finish()
    case 'update':
      return writer.varUint(message.channel).varUint(message.seq).varBytes(message.update).finish()
    case 'trace':
      return writer.varUint(message.channel).varString(message.context).finish()
    case 'piece':
      return writer.varUint(message.channel).varBytes(message.update).finish()
    case 'acknowledged':
      return writer.varUint(message.channel).varUint(message.through).varUint(message.seq).finish()
    case 'refused':
      return writeRefusal(writer.varUint(message.channel).varUint(message.submission), message).finish()
    case 'closed':
      return writeRefusal(writer.varUint(message.channel), message).finish()
    case 'awareness':
      return writer.varUint(message.channel).varBytes(message.update).finish()
    case 'message':
      return writer.varUint(message.channel).varString(message.user).varString(message.session).varString(message.payload).finish()
    case 'permission':
      return writePermission(writer.varUint(message.channel), message.permission).finish()
    case 'expires':
      return writer.varUint(message.channel).varUint(message.inMs).finish()
    case 'notice':
      return writeRefusal(writer.varUint(message.channel), message).finish()
    case 'resumption':
      return writer.varString(message.resumption).finish()
    case 'drain':
      return writer.varUint(message.retryAfterMs).finish()
    case 'pong':
      return writer.finish()
    case 'done':
      return writer.varUint(message.request).finish()
    case 'not-done':
      return writeRefusal(writer.varUint(message.request), message).finish()
    default:
      return unreachable(message)
  }
}

function readUpdates(reader: MessageReader): Uint8Array[] {
  const count = reader.count(1)
  const updates: Uint8Array[] = []
  for (let index = 0; index < count; index++) updates.push(reader.varBytes())
  return updates
}

// The bytes of what clients say in the weft dialect, and nodes that ask another one. One message per frame: varUint type, then (where it has one)
// varUint channel, then the body. The two directions share no number, so that a frame sent the wrong way is named as such.
import { unreachable } from '../../core/assert.js'
import { USER_ID_BYTES_MAX } from '../../core/user-id.js'
import { MessageReader, PartsWriter } from '../bytes.js'
import { readSubmission, SHORT_STRING_BYTES_MAX } from './weft-fields.js'
import type { KnownOnWire, MessageTarget, WeftClientMessage } from './weft-messages.js'

const clientTypes = {
  hello: 1,
  open: 2,
  sync: 3,
  submit: 4,
  awareness: 5,
  token: 6,
  close: 7,
  ping: 8,
  part: 9,
  author: 10,
  command: 11,
  message: 12,
  trace: 13,
} as const

const KNOWN_NOTHING = 0
const KNOWN_STATE_VECTOR = 1
const KNOWN_SEQ = 2

/** In bytes of UTF-8. Document ids have their own, stricter check. */
export const agentBytesMax = 256
export const tokenBytesMax = 16 * 1024
const COMMAND_BYTES_MAX = 64 * 1024

/** Decodes one frame from a client; byte arrays are views into it. Throws `malformed` unless the whole frame is exactly one message. */
export function decodeWeftClient(frame: Uint8Array): WeftClientMessage {
  const reader = new MessageReader(frame, 'The message')
  const message = readClientMessage(reader)
  reader.end()
  return message
}

/** The channel of a client's message, from its first bytes; null for what has none, or cannot be read. */
export function channelOf(frame: Uint8Array): number | null {
  return headOf(frame)?.channel ?? null
}

/** The channel of a client's message that writes to its document; null for any other. */
export function channelWrittenOn(frame: Uint8Array): number | null {
  const head = headOf(frame)
  return head !== null && (head.type === clientTypes.submit || head.type === clientTypes.part) ? head.channel : null
}

function headOf(frame: Uint8Array): { readonly type: number; readonly channel: number } | null {
  const reader = new MessageReader(frame, 'The message')
  try {
    const type = reader.varUint()
    return type === clientTypes.hello || type === clientTypes.ping || type === clientTypes.command
      ? null
      : { type, channel: reader.varUint() }
  } catch {
    return null
  }
}

function readClientMessage(reader: MessageReader): WeftClientMessage {
  const type = reader.varUint()
  switch (type) {
    case clientTypes.hello:
      return { type: 'hello', agent: reader.varString(agentBytesMax), token: reader.varString(tokenBytesMax) }
    case clientTypes.open:
      return {
        type: 'open',
        channel: reader.varUint(),
        documentId: reader.varString(),
        token: reader.varString(tokenBytesMax),
        known: readKnown(reader),
      }
    case clientTypes.sync:
      return { type: 'sync', channel: reader.varUint(), known: readKnown(reader) }
    case clientTypes.submit:
      return { type: 'submit', channel: reader.varUint(), submission: readSubmission(reader), update: reader.varBytes() }
    case clientTypes.part:
      return { type: 'part', channel: reader.varUint(), bytes: reader.varBytes() }
    case clientTypes.author:
      return { type: 'author', channel: reader.varUint(), user: reader.varString(USER_ID_BYTES_MAX) }
    case clientTypes.trace:
      return { type: 'trace', channel: reader.varUint(), context: reader.varString(SHORT_STRING_BYTES_MAX) }
    case clientTypes.awareness:
      return { type: 'awareness', channel: reader.varUint(), update: reader.varBytes() }
    case clientTypes.message:
      return { type: 'message', channel: reader.varUint(), to: readTarget(reader), payload: reader.varString() }
    case clientTypes.token:
      return { type: 'token', channel: reader.varUint(), token: reader.varString(tokenBytesMax) }
    case clientTypes.close:
      return { type: 'close', channel: reader.varUint() }
    case clientTypes.ping:
      return { type: 'ping' }
    case clientTypes.command:
      return {
        type: 'command',
        request: reader.varUint(),
        documentId: reader.varString(),
        command: reader.varString(COMMAND_BYTES_MAX),
      }
    default:
      throw reader.malformed(`has type ${type}, which no client sends`)
  }
}

/** Encodes one message as the parts of one frame. A large payload is passed through as its own part, uncopied. */
export function encodeWeftClient(message: WeftClientMessage): readonly Uint8Array[] {
  const writer = new PartsWriter().varUint(clientTypes[message.type])
  switch (message.type) {
    case 'hello':
      return writer.varString(message.agent).varString(message.token).finish()
    case 'open':
      writer.varUint(message.channel).varString(message.documentId).varString(message.token)
      return writeKnown(writer, message.known).finish()
    case 'sync':
      return writeKnown(writer.varUint(message.channel), message.known).finish()
    case 'submit':
      return writer.varUint(message.channel).varUint(message.submission).varBytes(message.update).finish()
    case 'part':
      return writer.varUint(message.channel).varBytes(message.bytes).finish()
    case 'awareness':
      return writer.varUint(message.channel).varBytes(message.update).finish()
    case 'trace':
      return writer.varUint(message.channel).varString(message.context).finish()
    case 'author':
      return writer.varUint(message.channel).varString(message.user).finish()
    case 'message':
      writer.varUint(message.channel).varUint(targetKinds.indexOf(message.to.kind))
      if (message.to.kind !== 'document') writer.varString(message.to.id)
      return writer.varString(message.payload).finish()
    case 'token':
      return writer.varUint(message.channel).varString(message.token).finish()
    case 'close':
      return writer.varUint(message.channel).finish()
    case 'ping':
      return writer.finish()
    case 'command':
      return writer.varUint(message.request).varString(message.documentId).varString(message.command).finish()
    default:
      return unreachable(message)
  }
}

const targetKinds = ['document', 'user', 'session'] as const

function readTarget(reader: MessageReader): MessageTarget {
  const kind = targetKinds[reader.varUint()]
  if (kind === undefined) throw reader.malformed('is for somebody of an unknown kind')
  return kind === 'document' ? { kind } : { kind, id: reader.varString(SHORT_STRING_BYTES_MAX) }
}

function readKnown(reader: MessageReader): KnownOnWire {
  const kind = reader.varUint()
  switch (kind) {
    case KNOWN_NOTHING:
      return { kind: 'nothing' }
    case KNOWN_STATE_VECTOR:
      return { kind: 'state-vector', stateVector: reader.varBytes() }
    case KNOWN_SEQ:
      return {
        kind: 'seq',
        incarnation: reader.varString(SHORT_STRING_BYTES_MAX),
        seq: reader.varUint(),
        stateVector: reader.varBytes(),
      }
    default:
      throw reader.malformed(`says what the client has in the unknown form ${kind}`)
  }
}

function writeKnown(writer: PartsWriter, known: KnownOnWire): PartsWriter {
  switch (known.kind) {
    case 'nothing':
      return writer.varUint(KNOWN_NOTHING)
    case 'state-vector':
      return writer.varUint(KNOWN_STATE_VECTOR).varBytes(known.stateVector)
    case 'seq':
      return writer.varUint(KNOWN_SEQ).varString(known.incarnation).varUint(known.seq).varBytes(known.stateVector)
    default:
      return unreachable(known)
  }
}

// The weft dialect (WebSocket subprotocol `weft.1`): several documents on one socket, numbered submissions, acknowledgements that mean committed.
// One message per frame: varUint type, then (where it has one) varUint channel, then the body. See docs/protocol.md for the bytes.

import { unreachable } from '../../core/assert.js'
import type { Permission } from '../../core/permission.js'
import { USER_ID_BYTES_MAX } from '../../core/user-id.js'
import { MessageReader, PartsWriter } from '../bytes.js'

export const weftSubprotocol = 'weft.1'
/** The same dialect between the nodes of a cluster. */
export const weftNodeSubprotocol = 'weft-node.4'
/**
 * Newest first. Nodes offer all of them, and the other one takes the newest that it knows: 3 is without `trace`, 2 also without `command`, 1 also without
 * `author`.
 */
export const weftNodeSubprotocols = [weftNodeSubprotocol, 'weft-node.3', 'weft-node.2', 'weft-node.1'] as const

/** What a client already has of a document. A seq only counts together with the incarnation it was seen in. */
export type KnownOnWire =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'state-vector'; readonly stateVector: Uint8Array }
  | { readonly kind: 'seq'; readonly incarnation: string; readonly seq: number; readonly stateVector: Uint8Array }

/** Among those who have the document open. */
export type MessageTarget =
  | { readonly kind: 'document' }
  | { readonly kind: 'user'; readonly id: string }
  | { readonly kind: 'session'; readonly id: string }

export type WeftClientMessage =
  /** The first message, once. */
  | { readonly type: 'hello'; readonly agent: string; readonly token: string }
  /** `channel` is chosen by the client, counts up and is never reused on a connection. */
  | { readonly type: 'open'; readonly channel: number; readonly documentId: string; readonly token: string; readonly known: KnownOnWire }
  | { readonly type: 'sync'; readonly channel: number; readonly known: KnownOnWire }
  /** `submission` counts up from 1 per channel. */
  | { readonly type: 'submit'; readonly channel: number; readonly submission: number; readonly update: Uint8Array }
  /** Bytes of the next `submit` on this channel, in front of those in it. */
  | { readonly type: 'part'; readonly channel: number; readonly bytes: Uint8Array }
  /** Between nodes only: who wrote the submissions on this channel that follow. An empty id: nobody knows. */
  | { readonly type: 'author'; readonly channel: number; readonly user: string }
  /** Between nodes only: how the next submission on this channel is followed, as a W3C `traceparent`. Empty: this end wants to hear of updates that are. */
  | { readonly type: 'trace'; readonly channel: number; readonly context: string }
  | { readonly type: 'awareness'; readonly channel: number; readonly update: Uint8Array }
  /** Something that an application says to others: no edit. */
  | { readonly type: 'message'; readonly channel: number; readonly to: MessageTarget; readonly payload: string }
  | { readonly type: 'token'; readonly channel: number; readonly token: string }
  | { readonly type: 'close'; readonly channel: number }
  | { readonly type: 'ping' }
  /** Between nodes only: something to do with a document that this node owns, as JSON. `request` counts up from 1 per connection. */
  | { readonly type: 'command'; readonly request: number; readonly documentId: string; readonly command: string }

interface Refusal {
  readonly closeCode: number
  readonly code: string
  readonly reason: string
  readonly retryable: boolean
}

export type WeftServerMessage =
  | { readonly type: 'welcome'; readonly serverId: string; readonly messageBytesMax: number; readonly pingPeriodMs: number }
  | {
      readonly type: 'opened'
      readonly channel: number
      readonly incarnation: string
      readonly seq: number
      readonly stateVector: Uint8Array
      readonly permission: Permission
    }
  /** A catch-up; ordered before later updates. */
  | { readonly type: 'state'; readonly channel: number; readonly seq: number; readonly updates: readonly Uint8Array[] }
  | { readonly type: 'update'; readonly channel: number; readonly seq: number; readonly update: Uint8Array }
  /** Between nodes only: how the next `update` on this channel is followed. */
  | { readonly type: 'trace'; readonly channel: number; readonly context: string }
  /** Part of the `state` or `update` that follows on this channel. Claims no seq. */
  | { readonly type: 'piece'; readonly channel: number; readonly update: Uint8Array }
  /** Every submission numbered `through` or lower that was not refused is committed. */
  | { readonly type: 'acknowledged'; readonly channel: number; readonly through: number; readonly seq: number }
  /** One submission was not and will not be written. */
  | ({ readonly type: 'refused'; readonly channel: number; readonly submission: number } & Refusal)
  /** The session ended; the socket stays. */
  | ({ readonly type: 'closed'; readonly channel: number } & Refusal)
  | { readonly type: 'awareness'; readonly channel: number; readonly update: Uint8Array }
  /** What an application says. `user` and `session`: who; empty where nobody knows, and where it is the server's program. */
  | { readonly type: 'message'; readonly channel: number; readonly user: string; readonly session: string; readonly payload: string }
  | { readonly type: 'permission'; readonly channel: number; readonly permission: Permission }
  /** The client's right to the document ends after this time, unless it shows another token. */
  | { readonly type: 'expires'; readonly channel: number; readonly inMs: number }
  /** Something that the client sent had to be left out. The session goes on. */
  | ({ readonly type: 'notice'; readonly channel: number } & Refusal)
  | { readonly type: 'drain'; readonly retryAfterMs: number }
  /** What to show as a subprotocol when the client comes back, see core/resumption.ts. */
  | { readonly type: 'resumption'; readonly resumption: string }
  | { readonly type: 'pong' }
  /** What a `command` asked for is done. */
  | { readonly type: 'done'; readonly request: number }
  /** It is not, or nobody knows. */
  | ({ readonly type: 'not-done'; readonly request: number } & Refusal)

// The two directions share no number, so that a frame sent the wrong way is named as such.
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

const KNOWN_NOTHING = 0
const KNOWN_STATE_VECTOR = 1
const KNOWN_SEQ = 2

/** Bounds of the strings that a server or a client keeps, in bytes of UTF-8. Document ids have their own, stricter check. */
export const agentBytesMax = 256
export const tokenBytesMax = 16 * 1024
const SHORT_STRING_BYTES_MAX = 256
const REASON_BYTES_MAX = 4096
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

function readSubmission(reader: MessageReader): number {
  const submission = reader.varUint()
  if (submission === 0) throw reader.malformed('numbers a submission 0, where counting starts at 1')
  return submission
}

function readUpdates(reader: MessageReader): Uint8Array[] {
  const count = reader.count(1)
  const updates: Uint8Array[] = []
  for (let index = 0; index < count; index++) updates.push(reader.varBytes())
  return updates
}

function readFlag(reader: MessageReader): boolean {
  const value = reader.varUint()
  if (value > 1) throw reader.malformed(`holds ${value} where 0 or 1 is expected`)
  return value === 1
}

function readPermission(reader: MessageReader): Permission {
  return readFlag(reader) ? 'read-write' : 'read-only'
}

function writePermission(writer: PartsWriter, permission: Permission): PartsWriter {
  return writer.varUint(permission === 'read-write' ? 1 : 0)
}

function readRefusal(reader: MessageReader): Refusal {
  return {
    closeCode: reader.varUint(),
    code: reader.varString(SHORT_STRING_BYTES_MAX),
    reason: reader.varString(REASON_BYTES_MAX),
    retryable: readFlag(reader),
  }
}

function writeRefusal(writer: PartsWriter, refusal: Refusal): PartsWriter {
  return writer
    .varUint(refusal.closeCode)
    .varString(refusal.code)
    .varString(refusal.reason)
    .varUint(refusal.retryable ? 1 : 0)
}

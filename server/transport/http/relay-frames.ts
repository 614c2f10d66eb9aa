// What two nodes say about requests that reached the one and belong to a connection of the other: any number of them at the same time over one link.
import { MessageReader, PartsWriter } from '../../../protocol/bytes.js'
import type { HttpRequest } from './exchange.js'

/** The subprotocol of such a link. */
export const relaySubprotocol = 'weft-relay.1'

/** The subprotocol of a link on which operators' questions to another node travel in the same way: each is the body of a request of no connection. */
export const deskSubprotocol = 'weft-desk.1'

/** From the node that a request reached. */
export type RelayRequest =
  | { readonly type: 'request'; readonly id: number; readonly request: HttpRequest }
  /** Whoever asked has gone. */
  | { readonly type: 'gone'; readonly id: number }

/** From the node that has the connection. */
export type RelayAnswer =
  | { readonly type: 'begin'; readonly id: number; readonly status: number; readonly contentType: string }
  | { readonly type: 'bytes'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: 'end'; readonly id: number }

const actions: readonly HttpRequest['action'][] = ['events', 'poll', 'messages', 'close']
const REQUEST = 0
const GONE = 1
const BEGIN = 0
const BYTES = 1
const END = 2
const NAME_BYTES_MAX = 256

/** varUint type and id; for a request its action, connection, after, first and body. */
export function encodeRelayRequest(message: RelayRequest): readonly Uint8Array[] {
  if (message.type === 'gone') return new PartsWriter().varUint(GONE).varUint(message.id).finish()
  const { action, connection, after, first, body } = message.request
  const head = new PartsWriter().varUint(REQUEST).varUint(message.id).varUint(actions.indexOf(action))
  return head.varString(connection).varUint(after).varUint(first).varBytes(body).finish()
}

/** Throws `malformed`. */
export function decodeRelayRequest(data: Uint8Array): RelayRequest {
  const reader = new MessageReader(data, 'The message of a node')
  const type = reader.varUint()
  const id = reader.varUint()
  if (type === GONE) {
    reader.end()
    return { type: 'gone', id }
  }
  const action = actions[reader.varUint()]
  if (type !== REQUEST || action === undefined) throw reader.malformed('is of a kind that nobody knows')
  const connection = reader.varString(NAME_BYTES_MAX)
  const request = { action, connection, after: reader.varUint(), first: reader.varUint(), body: reader.varBytes() }
  reader.end()
  return { type: 'request', id, request }
}

export function encodeRelayAnswer(message: RelayAnswer): readonly Uint8Array[] {
  switch (message.type) {
    case 'begin':
      return new PartsWriter().varUint(BEGIN).varUint(message.id).varUint(message.status).varString(message.contentType).finish()
    case 'bytes':
      return new PartsWriter().varUint(BYTES).varUint(message.id).varBytes(message.bytes).finish()
    case 'end':
      return new PartsWriter().varUint(END).varUint(message.id).finish()
  }
}

/** Throws `malformed`. */
export function decodeRelayAnswer(data: Uint8Array): RelayAnswer {
  const reader = new MessageReader(data, 'The message of a node')
  const type = reader.varUint()
  const id = reader.varUint()
  const message = readAnswer(reader, type, id)
  reader.end()
  return message
}

function readAnswer(reader: MessageReader, type: number, id: number): RelayAnswer {
  switch (type) {
    case BEGIN:
      return { type: 'begin', id, status: reader.varUint(), contentType: reader.varString(NAME_BYTES_MAX) }
    case BYTES:
      return { type: 'bytes', id, bytes: reader.varBytes() }
    case END:
      return { type: 'end', id }
    default:
      throw reader.malformed('is of a kind that nobody knows')
  }
}

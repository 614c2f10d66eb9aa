// The weft dialect (WebSocket subprotocol `weft.1`): several documents on one socket, numbered submissions, acknowledgements that mean committed.
// Here is what it is called, and all of it for whoever speaks it.

export {
  agentBytesMax,
  channelOf,
  channelWrittenOn,
  decodeWeftClient,
  encodeWeftClient,
  tokenBytesMax,
} from './weft-client-messages.js'
export type { KnownOnWire, MessageTarget, WeftClientMessage, WeftServerMessage } from './weft-messages.js'
export { decodeWeftServer, encodeWeftServer } from './weft-server-messages.js'

export const weftSubprotocol = 'weft.1'
/** The same dialect between the nodes of a cluster. */
export const weftNodeSubprotocol = 'weft-node.4'
/**
 * Newest first. Nodes offer all of them, and the other one takes the newest that it knows: 3 is without `trace`, 2 also without `command`, 1 also without
 * `author`.
 */
export const weftNodeSubprotocols = [weftNodeSubprotocol, 'weft-node.3', 'weft-node.2', 'weft-node.1'] as const

// How a node reaches another: over `ws` for real, over a network in memory in a simulation.
import type { Socket, SocketEvents } from '../../transport/socket.js'

/** Where a node is, and which of its lives is meant. */
export interface NodeAddress {
  readonly nodeId: string
  readonly boot: string
  /** host:port */
  readonly advertise: string
}

export interface DialedNode {
  readonly socket: Socket
  /** What both speak: `weftNodeSubprotocol`, or the one before. */
  readonly subprotocol: string
}

export interface NodeDialer {
  /**
   * Resolves with a socket on which the other node listens for the weft dialect; `events` hears of it from then on. Rejects with the reason
   * in plain words when the node cannot be reached or refuses, in bounded time. `subprotocols` are what this node speaks over it; by default those of the weft dialect.
   */
  dial(address: NodeAddress, events: SocketEvents, subprotocols?: readonly string[]): Promise<DialedNode>
}

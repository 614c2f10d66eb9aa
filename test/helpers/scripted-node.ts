// Another node of the cluster as a script: keeps what this node asks of it over its link, and says what a test tells it to.
import {
  decodeWeftClient,
  encodeWeftServer,
  type WeftClientMessage,
  type WeftServerMessage,
  weftNodeSubprotocol,
} from '../../protocol/dialects/weft.js'
import type { DialedNode, NodeAddress, NodeDialer } from '../../server/cluster/links/node-dialer.js'
import type { Socket, SocketEvents } from '../../server/transport/socket.js'

export class ScriptedNode implements NodeDialer {
  readonly address: NodeAddress
  /** Everything that came over all links, oldest first. */
  readonly received: WeftClientMessage[] = []
  dials = 0
  /** Why the next dials fail; null when they succeed. */
  unreachable: string | null = null
  /** Bytes that the network has not taken, as the link sees it. */
  bufferedBytes = 0
  answersPings = true
  subprotocol: string = weftNodeSubprotocol
  #events: SocketEvents | null = null
  #taken: (() => void)[] = []

  constructor(nodeId = 'node-2') {
    this.address = { nodeId, boot: `boot of ${nodeId}`, advertise: `${nodeId}:1` }
  }

  get linked(): boolean {
    return this.#events !== null
  }

  async dial(_address: NodeAddress, events: SocketEvents): Promise<DialedNode> {
    this.dials += 1
    if (this.unreachable !== null) throw new Error(this.unreachable)
    this.#events = events
    const over = (code: number): void => {
      if (this.#events !== events) return
      this.#events = null
      events.closed(code)
    }
    const node = this
    const socket = {
      get bufferedBytes() {
        return node.bufferedBytes
      },
      send: (parts, onSent) => {
        if (this.#events !== events) return
        this.received.push(decodeWeftClient(Uint8Array.from(Buffer.concat(parts))))
        this.#taken.push(onSent)
        if (this.bufferedBytes === 0) this.take()
      },
      ping: (mark = 0) => {
        if (this.answersPings) events.pong(mark)
      },
      pause: () => {},
      resume: () => {},
      close: (code) => over(code),
      terminate: () => over(1006),
    } satisfies Socket
    return { socket, subprotocol: this.subprotocol }
  }

  /** The network takes everything that waits. */
  take(): void {
    this.bufferedBytes = 0
    const taken = this.#taken
    this.#taken = []
    for (const tell of taken) tell()
  }

  say(message: WeftServerMessage): void {
    if (this.#events === null) throw new Error('There is no link.')
    this.#events.message(Uint8Array.from(Buffer.concat(encodeWeftServer(message))))
  }

  /** The network to it is gone. */
  cut(): void {
    const events = this.#events
    this.#events = null
    events?.closed(1006)
  }

  receivedOf<Type extends WeftClientMessage['type']>(type: Type): Extract<WeftClientMessage, { readonly type: Type }>[] {
    return this.received.filter((message): message is Extract<WeftClientMessage, { readonly type: Type }> => message.type === type)
  }
}

// Requests of connections over HTTP that reached this node and belong to another: passed on over an authenticated link, and the answers back.
import type { Clock } from '../../../core/clock.js'
import type { Logger } from '../../../core/log.js'
import { Heartbeat } from '../../transport/heartbeat.js'
import { type HttpExchange, type HttpReply, type HttpRequest, refuse } from '../../transport/http/exchange.js'
import {
  decodeRelayAnswer,
  deskSubprotocol,
  encodeRelayRequest,
  type RelayRequest,
  relaySubprotocol,
} from '../../transport/http/relay-frames.js'
import { linkHeartbeat } from '../../transport/link-limits.js'
import type { Socket, SocketEvents } from '../../transport/socket.js'
import type { NodeAddress, NodeDialer } from './node-dialer.js'

export interface HttpRelaysOptions {
  readonly dialer: NodeDialer
  readonly clock: Clock
  readonly logger: Logger
  /** What is passed on: requests of connections, or what operators ask. A link carries one kind. */
  readonly carries: keyof typeof subprotocols
  /** The other nodes that are alive. */
  readonly others: () => readonly NodeAddress[]
}

const subprotocols = { connections: relaySubprotocol, questions: deskSubprotocol } as const

const GOING_AWAY = 1001

export class HttpRelays {
  readonly #options: HttpRelaysOptions
  /** By the boot of the node at the other end. */
  readonly #links = new Map<string, RelayLink>()

  constructor(options: HttpRelaysOptions) {
    this.#options = options
  }

  /** Whether a node of this boot is alive. */
  knows(boot: string): boolean {
    return this.#addressOf(boot) !== undefined
  }

  /** Null: no such node is alive. What cannot be passed on now is answered with 503. */
  relay(boot: string, request: HttpRequest, reply: HttpReply): HttpExchange | null {
    const address = this.#addressOf(boot)
    if (address === undefined) return null
    const link = this.#links.get(boot) ?? this.#dial(address)
    return link.relay(request, reply)
  }

  /** Ends all links. Idempotent. */
  close(): void {
    for (const link of [...this.#links.values()]) link.close()
  }

  #addressOf(boot: string): NodeAddress | undefined {
    return this.#options.others().find((other) => other.boot === boot)
  }

  #dial(address: NodeAddress): RelayLink {
    const link: RelayLink = new RelayLink(address, this.#options, () => {
      if (this.#links.get(address.boot) === link) this.#links.delete(address.boot)
    })
    this.#links.set(address.boot, link)
    return link
  }
}

type LinkState =
  | { readonly kind: 'dialing'; readonly waiting: RelayRequest[] }
  | { readonly kind: 'open'; readonly socket: Socket; readonly heartbeat: Heartbeat }
  | { readonly kind: 'ended' }

class RelayLink {
  readonly #address: NodeAddress
  readonly #options: HttpRelaysOptions
  readonly #ended: () => void
  readonly #replies = new Map<number, { readonly reply: HttpReply; begun: boolean }>()
  #lastId = 0
  #takenBytes = 0
  #state: LinkState = { kind: 'dialing', waiting: [] }

  constructor(address: NodeAddress, options: HttpRelaysOptions, ended: () => void) {
    this.#address = address
    this.#options = options
    this.#ended = ended
    void this.#dial()
  }

  relay(request: HttpRequest, reply: HttpReply): HttpExchange {
    const id = ++this.#lastId
    this.#replies.set(id, { reply, begun: false })
    this.#send({ type: 'request', id, request })
    return {
      gone: () => {
        if (this.#replies.delete(id)) this.#send({ type: 'gone', id })
      },
    }
  }

  close(): void {
    this.#end(null)
  }

  async #dial(): Promise<void> {
    const events: SocketEvents = {
      received: () => this.#heard(),
      message: (data) => this.#received(data),
      text: () => this.#end('it sent a text message'),
      pong: () => this.#heard(),
      closed: (code) => this.#end(`the socket closed with ${code}`),
    }
    try {
      const { socket } = await this.#options.dialer.dial(this.#address, events, [subprotocols[this.#options.carries]])
      const state = this.#state
      if (state.kind !== 'dialing') {
        socket.terminate()
        return
      }
      const heartbeat = new Heartbeat({
        clock: this.#options.clock,
        ...linkHeartbeat,
        ping: () => socket.ping(),
        traffic: () => ({ waiting: socket.bufferedBytes, taken: this.#takenBytes }),
        silent: () => this.#end('it no longer answers pings'),
      })
      this.#state = { kind: 'open', socket, heartbeat }
      for (const request of state.waiting) this.#send(request)
    } catch (thrown) {
      this.#end(thrown instanceof Error ? thrown.message : String(thrown))
    }
  }

  #send(message: RelayRequest): void {
    const state = this.#state
    if (state.kind === 'dialing') state.waiting.push(message)
    if (state.kind !== 'open') return
    const parts = encodeRelayRequest(message)
    state.socket.send(parts, () => {
      for (const part of parts) this.#takenBytes += part.length
    })
  }

  #heard(): void {
    if (this.#state.kind === 'open') this.#state.heartbeat.heard()
  }

  #received(data: Uint8Array): void {
    this.#heard()
    let message: ReturnType<typeof decodeRelayAnswer>
    try {
      message = decodeRelayAnswer(data)
    } catch {
      this.#end('it sent what this node cannot read')
      return
    }
    // Whoever asked may be gone.
    const waiting = this.#replies.get(message.id)
    if (waiting === undefined) return
    switch (message.type) {
      case 'begin':
        waiting.begun = true
        waiting.reply.begin(message.status, message.contentType)
        return
      case 'bytes':
        waiting.reply.write(message.bytes)
        return
      case 'end':
        this.#replies.delete(message.id)
        waiting.reply.end()
    }
  }

  #end(failure: string | null): void {
    const state = this.#state
    if (state.kind === 'ended') return
    this.#state = { kind: 'ended' }
    const { nodeId, advertise } = this.#address
    if (state.kind === 'open') {
      state.heartbeat.stop()
      if (failure === null) state.socket.close(GOING_AWAY, 'This node no longer needs the link.')
      else state.socket.terminate()
    }
    if (failure !== null)
      this.#options.logger.info(
        { node: nodeId, address: advertise, reason: failure },
        'the link that passes requests on to a node has ended',
      )
    const replies = [...this.#replies.values()]
    this.#replies.clear()
    this.#ended()
    // The client asks again: over another link, or to hear that its connection is gone.
    for (const { reply, begun } of replies) {
      if (begun) reply.end()
      else refuse(reply, 503, 'overloaded', 'The node that has this connection cannot be reached now; ask again.')
    }
  }
}

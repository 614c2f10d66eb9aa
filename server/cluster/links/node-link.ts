// One connection to another node, as the client of the weft dialect: channels on it, its heartbeat, and what waits to be sent.
import { unreachable } from '../../../core/assert.js'
import type { Clock } from '../../../core/clock.js'
import { WeftError } from '../../../core/errors.js'
import type { Logger } from '../../../core/log.js'
import {
  decodeWeftServer,
  encodeWeftClient,
  type WeftClientMessage,
  type WeftServerMessage,
  weftNodeSubprotocol,
} from '../../../protocol/dialects/weft.js'
import { Heartbeat } from '../../transport/heartbeat.js'
import { linkHeartbeat } from '../../transport/link-limits.js'
import type { Socket, SocketEvents } from '../../transport/socket.js'
import { errorFromWire, linkLost } from './link-errors.js'
import type { DialedNode, NodeAddress, NodeDialer } from './node-dialer.js'

/** What the other node says on a channel. */
export type ChannelMessage = Extract<WeftServerMessage, { readonly channel: number }>
type ChannelRequest = Extract<WeftClientMessage, { readonly channel: number }>
type WithoutChannel<Message> = Message extends unknown ? Omit<Message, 'channel'> : never

/** What a link tells the user of a channel. */
export interface ChannelEvents {
  /** A message that throws ends the channel. */
  message(message: ChannelMessage): void
  /** The link has more, or no longer more, waiting than it should: hold back, or go on, with submissions. */
  full(full: boolean): void
  /** The channel is over because the link is. Nothing follows. */
  lost(error: WeftError): void
}

/** Requests of a channel after its `open`. */
export interface Channel {
  send(request: WithoutChannel<Exclude<ChannelRequest, { readonly type: 'open' | 'submit' | 'author' | 'close' }>>): void
  /** Submits an update, of `user`. `trace`: how it is followed; null if it is not. */
  submit(submission: number, update: Uint8Array, user: string | null, trace: string | null): void
  /** Nothing follows. What was submitted before is still committed. Idempotent. */
  close(): void
}

export interface NodeLinkOptions {
  readonly address: NodeAddress
  readonly dialer: NodeDialer
  readonly clock: Clock
  readonly logger: Logger
  /** This node, for the other one's log. */
  readonly agent: string
  /** Bytes that wait for the network at which submissions are held back; at half of it they go on. */
  readonly waitingBytesHigh: number
  /** Called exactly once. */
  readonly ended: (end: LinkEnd) => void
}

/** How a link ended. */
export type LinkEnd = 'closed-here' | 'farewell' | 'unreachable' | 'lost'

type LinkState =
  | { readonly kind: 'dialing'; readonly waiting: WeftClientMessage[] }
  | { readonly kind: 'open'; readonly socket: Socket; readonly subprotocol: string; readonly heartbeat: Heartbeat; full: boolean }
  | { readonly kind: 'ended' }

const GOING_AWAY = 1001
const OLDER_NODE = 'The document is on a node of an older version, which cannot do this yet; try again once it is upgraded.'

const logLevels = { 'closed-here': 'info', farewell: 'info', unreachable: 'warn', lost: 'warn' } as const satisfies Record<LinkEnd, string>
const logWords: Readonly<Record<LinkEnd, string>> = {
  'closed-here': 'closed the link to a node',
  farewell: 'a node that stops has closed the link to it',
  unreachable: 'a node cannot be reached; it may need another --advertise (ADVERTISE) address',
  lost: 'the link to a node was lost',
}

export class NodeLink {
  readonly address: NodeAddress
  readonly #options: NodeLinkOptions
  /** The other node has said that it will close the link. */
  #farewell = false
  readonly #channels = new Map<number, ChannelEvents>()
  #lastChannel = 0
  readonly #requests = new Map<number, { readonly resolve: () => void; readonly reject: (error: WeftError) => void }>()
  #lastRequest = 0
  #takenBytes = 0
  #state: LinkState = { kind: 'dialing', waiting: [] }

  /** Dials at once; what is sent meanwhile waits. */
  constructor(options: NodeLinkOptions) {
    this.#options = options
    this.address = options.address
    this.#send({ type: 'hello', agent: options.agent, token: '' })
    void this.#dial()
  }

  get usable(): boolean {
    return this.#state.kind !== 'ended'
  }

  get channelCount(): number {
    return this.#channels.size
  }

  /** Opens a document at the other node; answered by `opened` and `state`, or by `closed`. */
  open(documentId: string, events: ChannelEvents): Channel {
    if (this.#state.kind === 'ended') throw linkLost(this.address.nodeId)
    const channel = ++this.#lastChannel
    this.#channels.set(channel, events)
    this.#send({ type: 'open', channel, documentId, token: '', known: { kind: 'nothing' } })
    if (this.#state.kind === 'open' && this.#state.full) events.full(true)
    let author: string | null = null
    return {
      submit: (submission, update, user, trace) => {
        if (!this.#channels.has(channel)) return
        if (user !== author) this.#send({ type: 'author', channel, user: user ?? '' })
        author = user
        if (trace !== null) this.#send({ type: 'trace', channel, context: trace })
        this.#send({ type: 'submit', channel, submission, update })
      },
      send: (request) => {
        if (this.#channels.has(channel)) this.#send({ ...request, channel })
      },
      close: () => {
        if (this.#channels.delete(channel)) this.#send({ type: 'close', channel })
      },
    }
  }

  /** Has the other node do something with a document that it owns. Rejects with what it says, or with `owner-moved` when the link ends: it may be done then. */
  command(documentId: string, command: string): Promise<void> {
    if (this.#state.kind === 'ended') return Promise.reject(linkLost(this.address.nodeId))
    const request = ++this.#lastRequest
    return new Promise((resolve, reject) => {
      this.#requests.set(request, { resolve, reject })
      this.#send({ type: 'command', request, documentId, command })
    })
  }

  /** Ends the link; its channels are lost. Idempotent. */
  close(): void {
    this.#end(null)
  }

  async #dial(): Promise<void> {
    const { dialer, address } = this.#options
    const events: SocketEvents = {
      received: () => this.#heard(),
      message: (data) => this.#received(data),
      text: () => this.#end(new WeftError('malformed', 'the node sent a text message')),
      pong: () => this.#heard(),
      closed: (code) => this.#end(linkLost(address.nodeId, `the socket closed with ${code}`)),
    }
    try {
      const dialed = await dialer.dial(address, events)
      const state = this.#state
      if (state.kind === 'dialing') this.#opened(dialed, state.waiting)
      else dialed.socket.terminate()
    } catch (thrown) {
      this.#end(linkLost(address.nodeId, thrown))
    }
  }

  #opened({ socket, subprotocol }: DialedNode, waiting: readonly WeftClientMessage[]): void {
    const { clock, address, logger } = this.#options
    const heartbeat = new Heartbeat({
      clock,
      ...linkHeartbeat,
      ping: () => socket.ping(),
      traffic: () => ({ waiting: socket.bufferedBytes, taken: this.#takenBytes }),
      silent: () => this.#end(linkLost(address.nodeId, 'it no longer answers pings')),
    })
    this.#state = { kind: 'open', socket, subprotocol, heartbeat, full: false }
    logger.info({ node: address.nodeId, address: address.advertise }, 'linked to a node')
    for (const request of waiting) this.#send(request)
  }

  #send(request: WeftClientMessage): void {
    const state = this.#state
    switch (state.kind) {
      case 'dialing':
        state.waiting.push(request)
        return
      case 'open':
        // An older node stores what is written without saying who wrote it.
        if (request.type === 'author' && state.subprotocol === 'weft-node.1') return
        if (request.type === 'trace' && state.subprotocol !== weftNodeSubprotocol) return
        if (request.type === 'command' && (state.subprotocol === 'weft-node.2' || state.subprotocol === 'weft-node.1')) {
          this.#notDone(request.request, new WeftError('overloaded', OLDER_NODE))
          return
        }
        this.#write(state.socket, encodeWeftClient(request))
        this.#checkFull()
        return
      case 'ended':
        return
      default:
        unreachable(state)
    }
  }

  #write(socket: Socket, parts: readonly Uint8Array[]): void {
    socket.send(parts, () => {
      for (const part of parts) this.#takenBytes += part.length
      this.#checkFull()
    })
  }

  #checkFull(): void {
    const state = this.#state
    if (state.kind !== 'open') return
    const { waitingBytesHigh } = this.#options
    const full = state.socket.bufferedBytes > (state.full ? waitingBytesHigh / 2 : waitingBytesHigh)
    if (full === state.full) return
    state.full = full
    for (const events of [...this.#channels.values()]) events.full(full)
  }

  #heard(): void {
    if (this.#state.kind === 'open') this.#state.heartbeat.heard()
  }

  #received(data: Uint8Array): void {
    if (this.#state.kind === 'ended') return
    this.#heard()
    try {
      this.#take(decodeWeftServer(data))
    } catch (thrown) {
      this.#end(linkLost(this.address.nodeId, thrown))
    }
  }

  #take(message: WeftServerMessage): void {
    switch (message.type) {
      case 'welcome':
      case 'pong':
      // For clients.
      case 'resumption':
        return
      case 'drain':
        // It has handed its documents over first, and said so on every channel.
        this.#farewell = true
        return
      case 'done':
        this.#requests.get(message.request)?.resolve()
        this.#requests.delete(message.request)
        return
      case 'not-done':
        this.#notDone(message.request, errorFromWire(message))
        return
      default: {
        const events = this.#channels.get(message.channel)
        if (message.type === 'closed') this.#channels.delete(message.channel)
        // Closed by this side meanwhile.
        events?.message(message)
      }
    }
  }

  #notDone(request: number, error: WeftError): void {
    this.#requests.get(request)?.reject(error)
    this.#requests.delete(request)
  }

  #end(failure: WeftError | null): void {
    const state = this.#state
    if (state.kind === 'ended') return
    this.#state = { kind: 'ended' }
    const { logger, address, ended } = this.#options
    if (state.kind === 'open') {
      state.heartbeat.stop()
      if (failure === null) state.socket.close(GOING_AWAY, 'This node no longer needs the link.')
      else state.socket.terminate()
    }
    const end = failure === null ? 'closed-here' : state.kind === 'dialing' ? 'unreachable' : this.#farewell ? 'farewell' : 'lost'
    const reason = failure?.cause instanceof Error ? failure.cause.message : String(failure?.cause ?? failure?.message ?? end)
    logger[logLevels[end]]({ node: address.nodeId, address: address.advertise, reason }, logWords[end])
    ended(end)
    const lost = failure ?? linkLost(address.nodeId)
    const channels = [...this.#channels.values()]
    this.#channels.clear()
    for (const events of channels) events.lost(lost)
    for (const request of [...this.#requests.keys()]) this.#notDone(request, lost)
  }
}

// One socket to the server for several clients in one browser: each speaks the weft dialect as if it had a socket of its own, and gets channels of its own on the one
// there is.
import type { Clock } from '../../core/clock.js'
import {
  decodeWeftClient,
  decodeWeftServer,
  encodeWeftClient,
  encodeWeftServer,
  type WeftClientMessage,
} from '../../protocol/dialects/weft.js'
import { joined } from '../transports/joined.js'
import type { WebSocketLike } from '../transports/web-socket.js'

/** A client on the socket. */
export interface Member {
  opened(protocol: string): void
  received(frame: Uint8Array): void
  /** Nothing follows it. */
  closed(code: number, reason: string): void
}

interface MemberState {
  /** Null before its hello. */
  token: string | null
  /** Its channels, and what they are on the socket. */
  readonly channels: Map<number, number>
}

interface Ping {
  readonly member: Member
  readonly atMs: number
}

const LOST = 1006
/** A client that leaves while its ping is unanswered for so long has found that the server is gone: the others are told at once. */
const silentMs = 5_000

export class Trunk {
  readonly #socket: WebSocketLike
  readonly #clock: Clock
  readonly #onOver: () => void
  readonly #members = new Map<Member, MemberState>()
  readonly #channels = new Map<number, { readonly member: Member; readonly channel: number }>()
  readonly #pings: Ping[] = []
  #phase: 'connecting' | 'open' | 'over' = 'connecting'
  /** What the first hello showed; null before it. */
  #token: string | null = null
  #welcome: Uint8Array | null = null
  #lastChannel = 0

  /** `onOver`: nobody may join any more. */
  constructor(socket: WebSocketLike, clock: Clock, onOver: () => void) {
    this.#socket = socket
    this.#clock = clock
    this.#onOver = onOver
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('open', () => {
      if (this.#phase !== 'connecting') return
      this.#phase = 'open'
      for (const member of this.#members.keys()) member.opened(socket.protocol)
    })
    socket.addEventListener('message', ({ data }) => {
      if (this.#phase === 'open' && data instanceof ArrayBuffer) this.#receive(new Uint8Array(data))
    })
    socket.addEventListener('error', () => {})
    socket.addEventListener('close', ({ code, reason }) => this.#end(code ?? LOST, reason ?? ''))
  }

  /** How many are on it. */
  get size(): number {
    return this.#members.size
  }

  join(member: Member): void {
    this.#members.set(member, { token: null, channels: new Map() })
    if (this.#phase === 'open') member.opened(this.#socket.protocol)
  }

  /** What a member sends. What is no message of the dialect ends that member alone. */
  send(member: Member, frame: Uint8Array): void {
    const state = this.#members.get(member)
    if (state === undefined || this.#phase !== 'open') return
    let message: WeftClientMessage
    try {
      message = decodeWeftClient(frame)
    } catch {
      this.leave(member)
      member.closed(4400, 'The message is not one of the weft dialect.')
      return
    }
    switch (message.type) {
      case 'hello':
        state.token = message.token
        if (this.#token === null) {
          this.#token = message.token
          this.#socket.send(frame)
        } else if (this.#welcome !== null) member.received(this.#welcome)
        return
      case 'ping':
        this.#pings.push({ member, atMs: this.#clock.monotonic() })
        this.#socket.send(frame)
        return
      case 'command':
        return
      case 'open': {
        this.#lastChannel += 1
        state.channels.set(message.channel, this.#lastChannel)
        this.#channels.set(this.#lastChannel, { member, channel: message.channel })
        // Without a token of its own a document is opened with that of the connection: the member's, not that of whoever came first.
        const token = message.token === '' && state.token !== this.#token ? (state.token ?? '') : message.token
        this.#pass({ ...message, channel: this.#lastChannel, token })
        return
      }
      default: {
        const channel = state.channels.get(message.channel)
        if (channel === undefined) return
        if (message.type === 'close') {
          state.channels.delete(message.channel)
          this.#channels.delete(channel)
        }
        this.#pass({ ...message, channel })
      }
    }
  }

  /** A member has closed its socket, or is gone. The last one closes the socket. Idempotent. */
  leave(member: Member): void {
    const state = this.#members.get(member)
    if (state === undefined) return
    this.#members.delete(member)
    const now = this.#clock.monotonic()
    const silent = this.#pings.some((ping) => ping.member === member && now - ping.atMs >= silentMs)
    if (this.#phase === 'over') return
    for (const channel of state.channels.values()) {
      this.#channels.delete(channel)
      if (this.#phase === 'open') this.#pass({ type: 'close', channel })
    }
    if (!silent && this.#members.size > 0) return
    this.#socket.close(1000, '')
    this.#end(LOST, silent ? 'The server has gone silent.' : '')
  }

  #pass(message: WeftClientMessage): void {
    this.#socket.send(joined(encodeWeftClient(message)))
  }

  #receive(frame: Uint8Array): void {
    const message = decodeWeftServer(frame)
    switch (message.type) {
      case 'welcome':
        this.#welcome = frame
        for (const [member, { token }] of this.#members) if (token !== null) member.received(frame)
        return
      case 'drain':
      case 'resumption':
        for (const member of this.#members.keys()) member.received(frame)
        return
      case 'pong': {
        const ping = this.#pings.shift()
        if (ping !== undefined && this.#members.has(ping.member)) ping.member.received(frame)
        return
      }
      case 'done':
      case 'not-done':
        return
      default: {
        const to = this.#channels.get(message.channel)
        if (to === undefined) return
        if (message.type === 'closed') {
          this.#channels.delete(message.channel)
          this.#members.get(to.member)?.channels.delete(to.channel)
        }
        to.member.received(joined(encodeWeftServer({ ...message, channel: to.channel })))
      }
    }
  }

  #end(code: number, reason: string): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.#onOver()
    const left = [...this.#members.keys()]
    this.#members.clear()
    for (const member of left) member.closed(code, reason)
  }
}

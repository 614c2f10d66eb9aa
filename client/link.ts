// One socket's life as the client sees it: greeting, channels, heartbeat, and exactly one report of its end.
import type { Clock, Timer } from '../core/clock.js'
import type { Logger } from '../core/log.js'
import { decodeWeftServer, encodeWeftClient, type WeftClientMessage, type WeftServerMessage } from '../protocol/dialects/weft.js'
import type { WebSocketLike } from './web-socket.js'

/** What a server sends to one document's channel. */
export type ChannelMessage = Extract<WeftServerMessage, { readonly channel: number }>

export interface LinkEvents {
  /** The server answered: channels may be opened. */
  welcome(): void
  /** The server will close soon; it asks to come back this long after that. */
  drain(retryAfterMs: number): void
  /** The socket is gone. Once; nothing follows it. */
  lost(code: number, reason: string): void
}

interface LinkOptions {
  readonly agent: string
  readonly token: string
  readonly clock: Clock
  readonly logger: Logger
  /** Null: what the server says. */
  readonly pingPeriodMs: number | null
  readonly answerMsMax: number
  readonly events: LinkEvents
}

/** From the start of the attempt to the server's welcome. */
const welcomeMsMax = 10_000
/** How long the closing handshake may take before the socket is dropped. */
const closeMsMax = 2_000
/** When something outside suggests that the network changed, silence is believed sooner. */
const probeMsMax = 5_000
/** How long a socket that reported an error may take to report its end. */
const endMsMax = 1_000

const LOST = 1006

type Phase = 'greeting' | 'live' | 'closing' | 'over'

export class Link {
  readonly #socket: WebSocketLike
  readonly #options: LinkOptions
  readonly #channels = new Map<number, (message: ChannelMessage) => void>()
  #phase: Phase = 'greeting'
  #lastChannel = 0
  #messageBytesMax = 0
  #pingPeriodMs = 0
  #receivedAt: number
  #timer: Timer
  #wasOpen = false
  #problem = ''

  constructor(socket: WebSocketLike, options: LinkOptions) {
    this.#socket = socket
    this.#options = options
    this.#receivedAt = options.clock.monotonic()
    this.#timer = options.clock.after(welcomeMsMax, () => this.drop('The server did not answer in time.'))
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('open', () => this.#opened())
    socket.addEventListener('message', ({ data }) => this.#received(data))
    socket.addEventListener('error', (event) => this.#failed(event))
    // Some platforms leave both out where the network was lost.
    socket.addEventListener('close', ({ code, reason }) =>
      this.#over(code ?? LOST, reason === undefined || reason === '' ? this.#problem : reason),
    )
  }

  /** The largest message the server takes, in bytes. */
  get messageBytesMax(): number {
    return this.#messageBytesMax
  }

  /** A channel number that this socket has not used before; what the server sends to it goes to `receive`. */
  openChannel(receive: (message: ChannelMessage) => void): number {
    this.#lastChannel += 1
    this.#channels.set(this.#lastChannel, receive)
    return this.#lastChannel
  }

  /** What still arrives for this channel is dropped. */
  releaseChannel(channel: number): void {
    this.#channels.delete(channel)
  }

  send(message: WeftClientMessage): void {
    if (this.#phase === 'over') return
    const bytes = joined(encodeWeftClient(message))
    try {
      this.#socket.send(bytes)
    } catch (error) {
      // Some platforms throw where others drop what is sent to a socket that is closing.
      this.#failed(error)
    }
  }

  /** Asks the server for a sign of life now, and drops the socket if none comes soon. */
  probe(): void {
    if (this.#phase === 'live') this.#ping(Math.min(probeMsMax, this.#options.answerMsMax))
  }

  /** The closing handshake, with a bound on its length. */
  close(): void {
    if (this.#phase === 'over' || this.#phase === 'closing') return
    this.#phase = 'closing'
    this.#channels.clear()
    this.#timer.cancel()
    this.#timer = this.#options.clock.after(closeMsMax, () => this.drop('The server did not answer the closing handshake.'))
    this.#socket.close(1000, '')
  }

  /** Gives the socket up without waiting for anybody. */
  drop(reason: string): void {
    if (this.#phase === 'over') return
    this.#over(LOST, reason)
    if (this.#socket.terminate !== undefined) this.#socket.terminate()
    else this.#socket.close()
  }

  #opened(): void {
    if (this.#phase !== 'greeting') return
    this.#wasOpen = true
    this.send({ type: 'hello', agent: this.#options.agent, token: this.#options.token })
  }

  /** An error is followed by the end: at once while connecting (Node 22 then says no more), and else soon. */
  #failed(error: unknown): void {
    if (this.#phase === 'over') return
    if (typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string')
      this.#problem = error.message
    if (!this.#wasOpen) {
      this.drop(this.#problem)
      return
    }
    this.#timer.cancel()
    this.#timer = this.#options.clock.after(endMsMax, () => this.drop(this.#problem))
  }

  #received(data: unknown): void {
    if (this.#phase === 'over' || this.#phase === 'closing') return
    this.#receivedAt = this.#options.clock.monotonic()
    let message: WeftServerMessage
    try {
      if (!(data instanceof ArrayBuffer)) throw new TypeError('The server sent a text message.')
      message = decodeWeftServer(new Uint8Array(data))
    } catch (error) {
      this.#options.logger.error({ error }, 'The server sent what this client cannot read.')
      this.drop('The server sent what this client cannot read.')
      return
    }
    try {
      this.#dispatch(message)
    } catch (error) {
      this.#options.logger.error({ error, type: message.type }, 'A message from the server could not be handled.')
      this.drop('A message from the server could not be handled.')
    }
  }

  #dispatch(message: WeftServerMessage): void {
    switch (message.type) {
      case 'welcome':
        if (this.#phase !== 'greeting') return
        this.#phase = 'live'
        this.#messageBytesMax = message.messageBytesMax
        this.#pingPeriodMs = this.#options.pingPeriodMs ?? message.pingPeriodMs
        this.#awaitSilence()
        this.#options.events.welcome()
        return
      case 'drain':
        this.#options.events.drain(message.retryAfterMs)
        return
      case 'pong':
        return
      default:
        this.#channels.get(message.channel)?.(message)
    }
  }

  /** Rearms the timer for the moment at which nothing will have been received for a whole period. */
  #awaitSilence(): void {
    this.#timer.cancel()
    const silentMs = this.#options.clock.monotonic() - this.#receivedAt
    this.#timer = this.#options.clock.after(Math.max(0, this.#pingPeriodMs - silentMs), () => {
      if (this.#options.clock.monotonic() - this.#receivedAt < this.#pingPeriodMs) this.#awaitSilence()
      else this.#ping(this.#options.answerMsMax)
    })
  }

  #ping(answerMsMax: number): void {
    const receivedBefore = this.#receivedAt
    this.send({ type: 'ping' })
    this.#timer.cancel()
    this.#timer = this.#options.clock.after(answerMsMax, () => {
      if (this.#receivedAt === receivedBefore) this.drop('The server has gone silent.')
      else this.#awaitSilence()
    })
  }

  #over(code: number, reason: string): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.#timer.cancel()
    this.#channels.clear()
    this.#options.events.lost(code, reason)
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const only = parts[0]
  if (parts.length === 1 && only !== undefined) return only
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

// One socket's life as the client sees it: greeting, channels, heartbeat, and exactly one report of its end.
import type { Clock, Timer } from '../core/clock.js'
import type { Logger } from '../core/log.js'
import { decodeWeftServer, encodeWeftClient, type WeftClientMessage, type WeftServerMessage } from '../protocol/dialects/weft.js'
import { SilenceWatch } from './silence-watch.js'
import { joined } from './transports/joined.js'
import type { WebSocketLike } from './transports/web-socket.js'
import { UploadPace } from './upload-pace.js'

/** What a server sends to one document's channel. */
export type ChannelMessage = Extract<WeftServerMessage, { readonly channel: number }>

export interface LinkEvents {
  /** The server answered: channels may be opened. */
  welcome(): void
  /** The server will close soon; it asks to come back this long after that. */
  drain(retryAfterMs: number): void
  /** What to show when coming back. */
  resumption(resumption: string): void
  /** The socket is gone. Once; nothing follows it. */
  lost(code: number, reason: string): void
}

export interface LinkOptions {
  readonly agent: string
  readonly token: string
  readonly clock: Clock
  readonly logger: Logger
  /** Null: what the server says. */
  readonly pingPeriodMs: number | null
  readonly answerMsMax: number
  /** From the start of the attempt to the server's welcome. */
  readonly welcomeMsMax: number
  readonly events: LinkEvents
}

/** The type, channel and length in front of a part. */
const partOverheadBytes = 64
/** How long the closing handshake may take before the socket is dropped. */
const closeMsMax = 2_000
/** How long a socket that reported an error may take to report its end. */
const endMsMax = 1_000

const LOST = 1006

type Phase = 'greeting' | 'live' | 'closing' | 'over'

export class Link {
  readonly #socket: WebSocketLike
  readonly #options: LinkOptions
  readonly #channels = new Map<number, (message: ChannelMessage) => void>()
  /** Channels to which the server owes a state, or the end of what it sends in pieces. */
  readonly #catchingUp = new Set<number>()
  readonly #pace: UploadPace
  #phase: Phase = 'greeting'
  #lastChannel = 0
  #messageBytesMax = 0
  readonly #silence: SilenceWatch
  /** Bounds the greeting, and the end once it has begun. */
  #timer: Timer
  #wasOpen = false
  #problem = ''

  constructor(socket: WebSocketLike, options: LinkOptions) {
    this.#socket = socket
    this.#options = options
    this.#pace = new UploadPace(options.clock, () => this.send({ type: 'ping' }))
    this.#silence = new SilenceWatch({
      clock: options.clock,
      socket,
      pace: this.#pace,
      answerMsMax: options.answerMsMax,
      isOwed: () => this.#catchingUp.size > 0,
      silent: () => this.drop('The server has gone silent.'),
    })
    this.#timer = options.clock.after(options.welcomeMsMax, () => this.drop('The server did not answer in time.'))
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

  /** How many bytes of a submission may be sent now in one message; 0 when they have to wait for `whenRoom`. */
  get room(): number {
    return Math.min(this.#pace.room, this.#messageBytesMax - partOverheadBytes)
  }

  /** Runs `run` once there is room. */
  whenRoom(run: () => void): void {
    this.#pace.whenRoom(run)
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
    this.#catchingUp.delete(channel)
  }

  send(message: WeftClientMessage): void {
    if (this.#phase === 'over') return
    const bytes = joined(encodeWeftClient(message))
    this.#silence.sent(bytes.length)
    if (message.type === 'open' || message.type === 'sync') this.#catchingUp.add(message.channel)
    try {
      this.#socket.send(bytes)
      if (message.type === 'submit' || message.type === 'part') this.#pace.sent(bytes.length)
    } catch (error) {
      // Some platforms throw where others drop what is sent to a socket that is closing.
      this.#failed(error)
    }
  }

  /** Asks the server for a sign of life now, and drops the socket if none comes soon. */
  probe(): void {
    if (this.#phase === 'live') this.#silence.probe()
  }

  /** The closing handshake, with a bound on its length. */
  close(): void {
    if (this.#phase === 'over' || this.#phase === 'closing') return
    this.#phase = 'closing'
    this.#channels.clear()
    this.#endWithin(closeMsMax, () => 'The server did not answer the closing handshake.')
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
    this.#endWithin(endMsMax, () => this.#problem)
  }

  /** Nothing is asked of the server any more; the socket is given up unless it ends by itself. */
  #endWithin(ms: number, reason: () => string): void {
    this.#silence.stop()
    this.#timer.cancel()
    this.#timer = this.#options.clock.after(ms, () => this.drop(reason()))
  }

  #received(data: unknown): void {
    if (this.#phase === 'over' || this.#phase === 'closing') return
    this.#silence.heard()
    let message: WeftServerMessage
    try {
      if (!(data instanceof ArrayBuffer)) throw new TypeError('The server sent a text message.')
      message = decodeWeftServer(new Uint8Array(data))
    } catch (error) {
      this.#broken('The server sent what this client cannot read.', { error })
      return
    }
    try {
      this.#dispatch(message)
    } catch (error) {
      this.#broken('A message from the server could not be handled.', { error, type: message.type })
    }
  }

  #broken(reason: string, fields: object): void {
    this.#options.logger.error(fields, reason)
    this.drop(reason)
  }

  #dispatch(message: WeftServerMessage): void {
    switch (message.type) {
      case 'welcome':
        if (this.#phase !== 'greeting') return
        this.#phase = 'live'
        this.#messageBytesMax = message.messageBytesMax
        this.#timer.cancel()
        this.#silence.start(this.#options.pingPeriodMs ?? message.pingPeriodMs)
        this.#options.events.welcome()
        return
      case 'drain':
        this.#options.events.drain(message.retryAfterMs)
        return
      case 'resumption':
        this.#options.events.resumption(message.resumption)
        return
      case 'pong':
        this.#pace.answered()
        return
      case 'piece':
        this.#catchingUp.add(message.channel)
        this.#channels.get(message.channel)?.(message)
        return
      case 'state':
      case 'update':
      case 'closed':
        this.#catchingUp.delete(message.channel)
        this.#channels.get(message.channel)?.(message)
        return
      case 'done':
      case 'not-done':
        // Only nodes ask for what these answer.
        return
      default:
        this.#channels.get(message.channel)?.(message)
    }
  }

  #over(code: number, reason: string): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.#silence.stop()
    this.#timer.cancel()
    this.#channels.clear()
    this.#catchingUp.clear()
    this.#options.events.lost(code, reason)
  }
}

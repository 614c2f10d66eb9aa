// A network in memory for tests of the client: sockets whose other end is a script that speaks the real weft frames.
import type { WebSocketConstructor, WebSocketLike } from '../../client/index.js'
import type { Clock } from '../../core/clock.js'
import { decodeWeftClient, encodeWeftServer, type WeftClientMessage, type WeftServerMessage } from '../../protocol/dialects/weft.js'

type Listener = (event: never) => void

/** The server's end of one socket. Messages arrive in a later microtask, in order, as over a real network. */
export class ServerEnd {
  readonly url: string
  /** Everything the client sent, oldest first. */
  readonly received: WeftClientMessage[] = []
  /** Bytes that this end sent. */
  bytesSent = 0
  /** How the client closed it, or null. */
  closedByClient: { readonly code: number | undefined } | null = null
  readonly client: FakeWebSocket
  #onMessage: (message: WeftClientMessage) => void = () => {}

  constructor(url: string, client: FakeWebSocket) {
    this.url = url
    this.client = client
  }

  onMessage(handle: (message: WeftClientMessage) => void): void {
    this.#onMessage = handle
  }

  receive(frame: Uint8Array): void {
    const message = decodeWeftClient(frame.slice())
    this.received.push(message)
    this.#onMessage(message)
  }

  /** What the client sent of one type. */
  receivedOf<Type extends WeftClientMessage['type']>(type: Type): Extract<WeftClientMessage, { readonly type: Type }>[] {
    return this.received.filter((message): message is Extract<WeftClientMessage, { readonly type: Type }> => message.type === type)
  }

  open(protocol = 'weft.1'): void {
    this.client.protocol = protocol
    this.client.deliver('open', {})
  }

  send(message: WeftServerMessage): void {
    this.sendRaw(Uint8Array.from(Buffer.concat(encodeWeftServer(message))).buffer)
  }

  sendRaw(data: unknown): void {
    if (data instanceof ArrayBuffer) this.bytesSent += data.byteLength
    this.client.deliver('message', { data })
  }

  /** The socket reports an error, and nothing else. */
  fail(message: string): void {
    this.client.deliver('error', { message })
  }

  /** Ends the socket. 1006 is a network that went away. */
  end(code = 1006, reason = ''): void {
    this.client.end(code, reason)
  }
}

class FakeWebSocket implements WebSocketLike {
  binaryType = 'blob'
  protocol = ''
  readonly #listeners = new Map<string, Listener[]>()
  readonly #network: ClientNetwork
  readonly #end: ServerEnd
  readonly #up: Path
  readonly #down: Path
  #over = false

  constructor(network: ClientNetwork, url: string) {
    this.#network = network
    this.#up = new Path(network)
    this.#down = new Path(network)
    this.#end = new ServerEnd(url, this)
    network.connecting(this.#end)
  }

  send(data: Uint8Array): void {
    const frame = data.slice()
    this.#up.carry(frame.length, () => {
      if (!this.#over) this.#end.receive(frame)
    })
  }

  close(code?: number): void {
    this.#end.closedByClient = { code }
    if (this.#network.answersClose) queueMicrotask(() => this.end(code ?? 1005, ''))
  }

  terminate(): void {
    this.#end.closedByClient = { code: 1006 }
    this.#over = true
  }

  end(code: number, reason: string): void {
    queueMicrotask(() => {
      if (this.#over) return
      this.#over = true
      this.#emit('close', { code, reason })
    })
  }

  deliver(type: string, event: object): void {
    const bytes = 'data' in event && event.data instanceof ArrayBuffer ? event.data.byteLength : 0
    this.#down.carry(bytes, () => {
      if (!this.#over) this.#emit(type, event)
    })
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener])
  }

  #emit(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) (listener as (event: object) => void)(event)
  }
}

/** One direction of a socket: bytes take their time, one after the other, and a message is there when its last byte is. */
class Path {
  readonly #network: ClientNetwork
  #freeAt = 0

  constructor(network: ClientNetwork) {
    this.#network = network
  }

  carry(bytes: number, arrived: () => void): void {
    const { speed } = this.#network
    if (speed === null) {
      queueMicrotask(arrived)
      return
    }
    const { clock, bytesPerSecond } = speed
    if (bytesPerSecond === 0) return
    this.#freeAt = Math.max(this.#freeAt, clock.monotonic()) + (bytes * 1_000) / bytesPerSecond
    clock.after(this.#freeAt - clock.monotonic(), arrived)
  }
}

export class ClientNetwork {
  /** How fast bytes pass, in each direction of each socket; 0: what is sent from now on never arrives. Null: at once. */
  speed: { readonly clock: Clock; readonly bytesPerSecond: number } | null = null
  /** Every socket that the client opened, oldest first. */
  readonly sockets: ServerEnd[] = []
  /** Whether the other end completes closing handshakes. */
  answersClose = true
  #onSocket: (end: ServerEnd) => void = () => {}

  /** Pass it as the client's `WebSocket`. */
  get WebSocket(): WebSocketConstructor {
    const network = this
    return class extends FakeWebSocket {
      constructor(url: string) {
        super(network, url)
      }
    }
  }

  /** The newest socket. */
  get last(): ServerEnd {
    const end = this.sockets.at(-1)
    if (end === undefined) throw new Error('The client opened no socket.')
    return end
  }

  /** Runs with every new socket. Without it they stay as they are, unanswered. */
  onSocket(handle: (end: ServerEnd) => void): void {
    this.#onSocket = handle
  }

  connecting(end: ServerEnd): void {
    this.sockets.push(end)
    this.#onSocket(end)
  }
}

// A WebSocket without a network: a client in the server's own process, such as an agent or a job, takes part like any other, with a
// session, a cursor, and acknowledgements that mean committed.
import type { Clock } from '../../core/clock.js'
import type { Socket, SocketEvents } from '../transport/socket.js'

/** Gives the server's end of a connection to the gateway. Null: the server takes none now. */
export type AcceptInProcess = (socket: Socket, protocols: readonly string[]) => SocketEvents | null

type Listener = (event: never) => void

const LOST = 1006

/** The class to pass as a client's `WebSocket`. The address that it is made with plays no part. */
export function inProcessWebSocket(accept: AcceptInProcess, clock: Clock): new (url: string, protocols: string[]) => InProcessWebSocket {
  return class extends InProcessWebSocket {
    constructor(_url: string, protocols: string[]) {
      super(accept, clock, protocols)
    }
  }
}

export class InProcessWebSocket {
  binaryType = 'arraybuffer'
  readonly protocol: string
  readonly #clock: Clock
  readonly #listeners = new Map<string, Listener[]>()
  /** What the client sent and the server has not read. */
  #sent: Uint8Array[] = []
  #events: SocketEvents | null = null
  #reading = true
  #delivering = false
  #toClientBytes = 0
  #state: 'connecting' | 'open' | 'closed' = 'connecting'

  constructor(accept: AcceptInProcess, clock: Clock, protocols: readonly string[]) {
    this.#clock = clock
    this.protocol = protocols[0] ?? ''
    clock.soon(() => {
      if (this.#state === 'closed') return
      this.#events = accept(this.#serverEnd(), protocols)
      if (this.#events === null) {
        this.#closed(LOST, 'The server takes no connections now.')
        return
      }
      this.#state = 'open'
      this.#emit('open', {})
    })
  }

  get bufferedAmount(): number {
    return this.#sent.reduce((bytes, { length }) => bytes + length, 0)
  }

  send(data: Uint8Array): void {
    if (this.#state !== 'open') return
    // The bytes are copied: the caller may go on using its buffer.
    this.#sent.push(Uint8Array.from(data))
    this.#deliver()
  }

  close(code = 1000, reason = ''): void {
    this.#clock.soon(() => this.#closed(code, reason))
  }

  terminate(): void {
    this.#closed(LOST, '')
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener])
  }

  #serverEnd(): Socket {
    const bufferedBytes = (): number => this.#toClientBytes
    return {
      get bufferedBytes() {
        return bufferedBytes()
      },
      send: (parts, onSent) => {
        const bytes = Buffer.concat(parts)
        this.#toClientBytes += bytes.length
        this.#clock.soon(() => {
          this.#toClientBytes -= bytes.length
          if (this.#state !== 'open') return
          this.#emit('message', { data: Uint8Array.from(bytes).buffer })
          onSent()
        })
      },
      // Whoever is in this process is alive.
      ping: (mark = 0) => this.#clock.soon(() => this.#events?.pong(mark)),
      pause: () => {
        this.#reading = false
      },
      resume: () => {
        this.#reading = true
        this.#deliver()
      },
      close: (code, reason) => this.#clock.soon(() => this.#closed(code, reason)),
      terminate: () => this.#clock.soon(() => this.#closed(LOST, '')),
    }
  }

  /** One message in each turn of the event loop, as they would come from a network. */
  #deliver(): void {
    if (this.#delivering || !this.#reading || this.#sent.length === 0) return
    this.#delivering = true
    this.#clock.soon(() => {
      this.#delivering = false
      if (!this.#reading || this.#state === 'closed') return
      const next = this.#sent.shift()
      if (next !== undefined) {
        this.#events?.received(next.length)
        this.#events?.message(next)
      }
      this.#deliver()
    })
  }

  #closed(code: number, reason: string): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    const events = this.#events
    this.#events = null
    // What the client had sent before it closed has arrived.
    for (const message of this.#sent.splice(0)) events?.message(message)
    events?.closed(code)
    this.#emit('close', { code, reason })
  }

  #emit(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) (listener as (event: object) => void)(event)
  }
}

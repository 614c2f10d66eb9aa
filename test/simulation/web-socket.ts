// The client's side of the simulated network, as a WebSocket class.
import type { WebSocketConstructor, WebSocketLike } from '../../client/index.js'
import { type End, type EndEvents, LOST } from './connection.js'
import type { SimulatedNetwork } from './network.js'
import type { HostClock } from './time.js'

type Listener = (event: never) => void

type SocketState = { readonly kind: 'connecting' } | { readonly kind: 'open'; readonly end: End } | { readonly kind: 'closed' }

export class SimulatedWebSocket implements WebSocketLike {
  binaryType = 'arraybuffer'
  readonly protocol: string
  readonly #host: HostClock
  readonly #listeners = new Map<string, Listener[]>()
  #state: SocketState = { kind: 'connecting' }

  constructor(network: SimulatedNetwork, host: HostClock, url: string, protocols: readonly string[]) {
    this.#host = host
    this.protocol = protocols[0] ?? ''
    network.dial(
      host,
      url,
      protocols,
      (end) => this.#opened(end),
      () => this.#closed(LOST, ''),
    )
  }

  get isOpen(): boolean {
    return this.#state.kind === 'open' && this.#state.end.isOpen
  }

  send(data: Uint8Array): void {
    if (this.#state.kind === 'open') this.#state.end.send([data], () => {})
  }

  close(code = 1000, reason = ''): void {
    if (this.#state.kind === 'open') this.#state.end.close(code, reason)
    else if (this.#state.kind === 'connecting') this.#host.soon(() => this.#closed(LOST, ''))
  }

  terminate(): void {
    if (this.#state.kind === 'open') this.#state.end.terminate()
    else this.close()
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener])
  }

  #opened(end: End): EndEvents {
    // Given up before the connection was there.
    if (this.#state.kind === 'closed') this.#host.soon(() => end.terminate())
    else {
      this.#state = { kind: 'open', end }
      this.#host.soon(() => this.#emit('open', {}))
    }
    return {
      received: () => {},
      message: (bytes) => this.#emit('message', { data: Uint8Array.from(bytes).buffer }),
      pong: () => {},
      closed: (code, reason) => this.#closed(code, reason),
    }
  }

  #closed(code: number, reason: string): void {
    if (this.#state.kind === 'closed') return
    this.#state = { kind: 'closed' }
    this.#emit('close', { code, reason })
  }

  #emit(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) (listener as (event: object) => void)(event)
  }
}

/** Pass it as a client's `WebSocket`. */
export function webSocketClass(network: SimulatedNetwork, host: HostClock): WebSocketConstructor {
  return class extends SimulatedWebSocket {
    constructor(url: string, protocols: string[]) {
      super(network, host, url, protocols)
    }
  }
}

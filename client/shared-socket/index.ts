// One socket for all tabs of a browser, where there are shared workers.
import { randomId, systemRandom } from '../../core/random.js'
import type { WebSocketConstructor, WebSocketLike } from '../transports/web-socket.js'
import type { FromPage, PagePort, ToPage, WantsSocket } from './port.js'

type Events = {
  open: undefined
  message: { readonly data: unknown }
  close: { readonly code: number; readonly reason: string }
  error: object
}

/** A socket that is a port to the worker, which has the real one. @internal */
export class PortSocket implements WebSocketLike {
  binaryType = 'arraybuffer'
  #protocol = ''
  readonly #port: PagePort
  readonly #listeners: { readonly [Name in keyof Events]: Set<(event: Events[Name]) => void> } = {
    open: new Set(),
    message: new Set(),
    close: new Set(),
    error: new Set(),
  }
  #closed = false

  constructor(port: PagePort) {
    this.#port = port
    port.onmessage = ({ data }) => this.#heard(data as ToPage)
  }

  get protocol(): string {
    return this.#protocol
  }

  send(data: Uint8Array): void {
    if (!this.#closed) this.#tell({ kind: 'send', data })
  }

  close(code = 1000, reason = ''): void {
    if (this.#closed) return
    this.#tell({ kind: 'close' })
    queueMicrotask(() => this.#end(code, reason))
  }

  addEventListener<Name extends keyof Events>(type: Name, listener: (event: Events[Name]) => void): void {
    this.#listeners[type].add(listener)
  }

  #tell(message: FromPage): void {
    this.#port.postMessage(message)
  }

  #heard(message: ToPage): void {
    if (this.#closed) return
    switch (message.kind) {
      case 'opened':
        this.#protocol = message.protocol
        for (const listener of this.#listeners.open) listener(undefined)
        return
      case 'message': {
        const { buffer, byteOffset, byteLength } = message.data
        const data = buffer.slice(byteOffset, byteOffset + byteLength)
        for (const listener of this.#listeners.message) listener({ data })
        return
      }
      case 'closed':
        this.#end(message.code, message.reason)
    }
  }

  #end(code: number, reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#port.onmessage = null
    this.#port.close()
    for (const listener of this.#listeners.close) listener({ code, reason })
  }
}

/**
 * A WebSocket class for `connect` whose sockets are shared by all tabs of this browser that use the same worker. `worker` makes it, from a script that imports
 * `weft-sync/shared-socket/worker`; it is called once, with the first socket. Where there are no shared workers, the answer is the global WebSocket.
 */
export function sharedWebSocket(worker: () => SharedWorker): WebSocketConstructor {
  if (typeof SharedWorker !== 'function') return WebSocket as WebSocketConstructor
  let made: SharedWorker | null = null
  return class SharedWebSocket extends PortSocket {
    constructor(url: string, protocols: string[]) {
      made ??= worker()
      const { port } = made
      port.start()
      const { port1, port2 } = new MessageChannel()
      // Asked for the lock before this page has it, the worker would have it first, and take the page for gone.
      void lockOfThisPage().then((lock) => {
        const wants: WantsSocket = { kind: 'connect', url, protocols, lock }
        port.postMessage(wants, [port2])
      })
      super(port1 as PagePort)
    }
  }
}

let held: Promise<string> | null = null

/** Held until the page is gone, however it goes: the worker waits for it. Resolves when this page has it. */
function lockOfThisPage(): Promise<string> {
  held ??= new Promise((resolve) => {
    const name = `weft:${randomId(systemRandom, 16)}`
    const { locks } = navigator as Partial<Navigator>
    if (locks === undefined) resolve(name)
    else
      void locks.request(name, () => {
        resolve(name)
        return new Promise(() => {})
      })
  })
  return held
}

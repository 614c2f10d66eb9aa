// One node:http server: listening, its address, and closing for good.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { boundIdleSockets } from './idle-sockets.js'

/**
 * How long a request may take to arrive: its head, and all of it, which may be an archive of a gigabyte. One that does not move is given up
 * earlier, see `request-listener.ts`.
 */
const HEADERS_MS_MAX = 10_000
const REQUEST_MS_MAX = 3_600_000
/**
 * Connections that the system keeps until they are taken; it has a bound of its own, 4,096 by default. Of those past it some are answered only after seconds, and some
 * never: in a storm it is better to wait here for a refusal.
 */
const BACKLOG = 16_384
/** How often it is looked who is past these. */
const LOOK_MS = 5_000

export class HttpListener {
  readonly #server: Server

  /** `prepare` may add listeners, for upgrades. */
  constructor(
    handle: (request: IncomingMessage, response: ServerResponse) => void,
    prepare: (server: Server) => void,
    options: { readonly clock: Clock; readonly idleSocketsMax: number },
  ) {
    const bounds = { headersTimeout: HEADERS_MS_MAX, requestTimeout: REQUEST_MS_MAX, connectionsCheckingInterval: LOOK_MS }
    this.#server = createServer(bounds, handle)
    boundIdleSockets(this.#server, options)
    prepare(this.#server)
  }

  /** `http://host:port`. Throws when it does not listen. */
  get url(): string {
    const address = this.#server.address() as AddressInfo | null
    if (address === null) throw new Error('The server does not listen; call listen first.')
    const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
    return `http://${host}:${address.port}`
  }

  /** The same; null when it does not listen. */
  get urlIfListening(): string | null {
    return this.#server.address() === null ? null : this.url
  }

  /** Rejects with `address-in-use`, or with `invalid-configuration` when the address is not this machine's or not allowed. */
  listen(port: number, host: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void => {
        const inUse = error.code === 'EADDRINUSE'
        const message = inUse
          ? `Port ${port} on ${host} is already in use; stop the other program or choose another port with --port.`
          : `The server cannot listen on ${host}, port ${port}: ${error.message}`
        reject(new WeftError(inUse ? 'address-in-use' : 'invalid-configuration', message, { cause: error }))
      }
      this.#server.once('error', failed)
      this.#server.listen(port, host, BACKLOG, () => {
        this.#server.off('error', failed)
        resolve()
      })
    })
  }

  /** Stops listening and drops the connections that are left. Idempotent. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }
}

// Another node passes on what clients of ours asked it over HTTP (subprotocol weft-relay.1): it is served as if it had come here.
import { asWeftError } from '../../../core/errors.js'
import type { Connection } from '../../transport/connection.js'
import type { Driver } from '../../transport/driver.js'
import { type HttpExchange, type HttpReply, refuse } from '../../transport/http/exchange.js'
import type { HttpSockets } from '../../transport/http/http-sockets.js'
import { decodeRelayRequest, encodeRelayAnswer, relaySubprotocol } from '../../transport/http/relay-frames.js'
import type { Dialect } from '../dialect.js'

export const weftRelayDialect: Dialect = {
  name: 'weft-relay',
  speaker: 'node',
  matches: (protocols) => (protocols.includes(relaySubprotocol) ? relaySubprotocol : null),
  open: ({ services, connection }) => new RelayDriver(connection, services.httpSockets ?? null),
}

export class RelayDriver implements Driver {
  readonly #connection: Connection
  readonly #sockets: HttpSockets | null
  readonly #exchanges = new Map<number, HttpExchange>()

  constructor(connection: Connection, sockets: HttpSockets | null) {
    this.#connection = connection
    this.#sockets = sockets
  }

  start(): void {}

  message(data: Uint8Array): void {
    const message = decodeRelayRequest(data)
    const { id } = message
    if (message.type === 'gone') {
      this.#exchanges.get(id)?.gone()
      this.#exchanges.delete(id)
      return
    }
    let isOver = false
    const reply: HttpReply = {
      begin: (status, contentType) => this.#connection.send(encodeRelayAnswer({ type: 'begin', id, status, contentType })),
      write: (bytes) => this.#connection.send(encodeRelayAnswer({ type: 'bytes', id, bytes })),
      end: () => {
        isOver = true
        this.#exchanges.delete(id)
        this.#connection.send(encodeRelayAnswer({ type: 'end', id }))
      },
    }
    try {
      if (this.#sockets === null) refuse(reply, 404, 'not-found', 'There is no such connection, or it has ended.')
      else {
        const exchange = this.#sockets.serve(message.request, reply)
        if (!isOver) this.#exchanges.set(id, exchange)
      }
    } catch (thrown) {
      const error = asWeftError(thrown)
      refuse(reply, error.code === 'malformed' ? 400 : 500, error.code, error.message)
    }
  }

  text(): void {}

  drain(): void {}

  gone(): null {
    return null
  }

  async settled(): Promise<void> {}

  ended(): void {
    const exchanges = [...this.#exchanges.values()]
    this.#exchanges.clear()
    for (const exchange of exchanges) exchange.gone()
  }
}

// Another node passes on what came to it and is for this one: what clients of ours asked it over HTTP (subprotocol weft-relay.1) is served as if it had come here, and what
// its operators want to see of this node (weft-desk.1) is answered.
import { asWeftError } from '../../../core/errors.js'
import type { Connection } from '../../transport/connection.js'
import type { Driver } from '../../transport/driver.js'
import { answer, contentTypes, type HttpExchange, type HttpReply, type HttpRequest, refuse } from '../../transport/http/exchange.js'
import { decodeRelayRequest, deskSubprotocol, encodeRelayAnswer, relaySubprotocol } from '../../transport/http/relay-frames.js'
import type { Dialect } from '../dialect.js'

export const weftRelayDialect: Dialect = {
  name: 'weft-relay',
  speaker: 'node',
  matches: (protocols) => (protocols.includes(relaySubprotocol) ? relaySubprotocol : null),
  open: ({ services: { httpSockets = null }, connection }) =>
    new RelayDriver(connection, (request, reply) => {
      if (httpSockets !== null) return httpSockets.serve(request, reply)
      refuse(reply, 404, 'not-found', 'There is no such connection, or it has ended.')
      return nobody
    }),
}

export const weftDeskDialect: Dialect = {
  name: 'weft-desk',
  speaker: 'node',
  matches: (protocols) => (protocols.includes(deskSubprotocol) ? deskSubprotocol : null),
  open: ({ services: { desk = null }, connection }) =>
    new RelayDriver(connection, ({ body }, reply) => {
      if (desk === null) refuse(reply, 503, 'overloaded', 'This node is not serving yet.')
      else answer(reply, 200, contentTypes.json, desk(body))
      return nobody
    }),
}

/** Whoever asked may go: nothing is under way for them. */
const nobody: HttpExchange = { gone: () => {} }

/** May throw, before it has answered anything. */
type Serve = (request: HttpRequest, reply: HttpReply) => HttpExchange

export class RelayDriver implements Driver {
  readonly #connection: Connection
  readonly #serve: Serve
  readonly #exchanges = new Map<number, HttpExchange>()

  constructor(connection: Connection, serve: Serve) {
    this.#connection = connection
    this.#serve = serve
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
      const exchange = this.#serve(message.request, reply)
      if (!isOver) this.#exchanges.set(id, exchange)
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

// The HTTP side of a simulated node: the server's own handling of connections over HTTP, on requests that come over the simulated network.
import type { Clock } from '../../core/clock.js'
import type { Limits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import { connectionsPath, downTransports } from '../../protocol/http-frames.js'
import { dialects } from '../../server/composition/dialects.js'
import type { ServerNode } from '../../server/composition/node.js'
import type { Gateway } from '../../server/gateway/gateway.js'
import { type HttpTransportOptions, serveTransport, type TransportReply } from '../../server/gateway/http-transport.js'
import { contentTypes } from '../../server/transport/http/exchange.js'
import type { End, EndEvents } from './connection.js'
import { decodeRequest, encodeAnswer, type WireAnswer } from './http-wire.js'

const emptyRecord = new TextEncoder().encode('event: ping\ndata:\n\n')

export interface HttpDoorOptions {
  readonly node: ServerNode
  readonly gateway: Pick<Gateway, 'admission' | 'accept'>
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
}

export function httpOptions({ node, gateway, clock, random, limits }: HttpDoorOptions): HttpTransportOptions {
  return {
    node: () => ({ gateway, httpSockets: node.httpSockets, relay: node.relay }),
    dialects,
    transports: downTransports,
    clock,
    random,
    limits,
    budget: node.budget,
    counters: node.counters,
    logger: silentLogger,
    basePath: '',
    trustedProxies: () => false,
    refusalOf: () => null,
  }
}

export function isOverHttp(target: string): boolean {
  return target.startsWith(connectionsPath)
}

/** What happens at this end of a connection that brings one request. `skips`: whether the next event of a stream loses its content, and keeps its number. */
export function serveHttp(options: HttpTransportOptions, end: End, target: string, skips: (() => boolean) | null): EndEvents {
  const reply = new WireReply(end, skips)
  return {
    received: () => {},
    message: (bytes) => {
      const { method, headers, body } = decodeRequest(bytes)
      const read = async ({ bytesMax, charge }: { readonly bytesMax: number; readonly charge: { set(bytes: number): void } }) => {
        if (body.length > bytesMax) return 'too-large'
        charge.set(body.length)
        return body
      }
      void serveTransport(options, { method, headers, incoming: undefined, body: read }, target, reply)
    },
    pong: () => {},
    closed: () => reply.gone(),
  }
}

class WireReply implements TransportReply {
  readonly #end: End
  readonly #skips: (() => boolean) | null
  #begun = false
  #isStream = false
  #over = false
  readonly #whenOver: (() => void)[] = []

  constructor(end: End, skips: (() => boolean) | null) {
    this.#end = end
    this.#skips = skips
  }

  hideFromPages(): void {}

  retryAfter(): void {}

  closeAfter(): void {}

  whenOver(run: () => void): void {
    if (this.#over) run()
    else this.#whenOver.push(run)
  }

  begin(status: number, contentType: string): void {
    if (this.#begun) return
    this.#begun = true
    this.#isStream = contentType === contentTypes.events
    this.#send({ kind: 'begin', status, contentType })
  }

  write(bytes: Uint8Array): void {
    const isLost = this.#isStream && this.#skips?.() === true
    this.#send({ kind: 'bytes', bytes: isLost ? emptyRecord : bytes })
  }

  end(): void {
    this.#send({ kind: 'end' })
    this.gone()
  }

  /** Nobody waits for the answer any more. Idempotent. */
  gone(): void {
    if (this.#over) return
    this.#over = true
    for (const run of this.#whenOver.splice(0)) run()
  }

  #send(answer: WireAnswer): void {
    if (!this.#over) this.#end.send([encodeAnswer(answer)], () => {})
  }
}

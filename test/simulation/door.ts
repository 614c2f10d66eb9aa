// Lets connections into a simulated node, each with a witness that reads along.

import { documentIdFromTarget } from '../../core/document-path.js'
import type { Random } from '../../core/random.js'
import { dialects } from '../../server/composition/dialects.js'
import type { ServerNode } from '../../server/composition/node.js'
import { type Arrival, chooseDialect, type Dialect } from '../../server/gateway/dialect.js'
import type { Gateway } from '../../server/gateway/gateway.js'
import type { HttpTransportOptions } from '../../server/gateway/http-transport.js'
import { linkLimits } from '../../server/transport/link-limits.js'
import type { Socket, SocketEvents } from '../../server/transport/socket.js'
import { adversaryMark } from './adversary.js'
import { AdversaryWitness } from './adversary-witness.js'
import { type End, type EndEvents, LOST } from './connection.js'
import { HocuspocusWitness } from './hocuspocus-wire.js'
import { httpOptions, isOverHttp, serveHttp } from './http-door.js'
import type { Ledger } from './ledger.js'
import type { HostClock, SimulatedTime } from './time.js'
import { type Expectations, RelayWitness, WeftWitness, type Witness, YWebsocketWitness } from './witness.js'

export interface DoorOptions {
  readonly node: ServerNode
  readonly time: SimulatedTime
  /** Of the node. */
  readonly clock: HostClock
  readonly random: Random
  readonly ledger: Ledger
  readonly expectations: Expectations
  readonly losesMessages: boolean
  /** For a negative control: who breaks the protocol takes somebody else's connection along. */
  readonly punishesOthers: boolean
  /** For another one: some of what goes by server-sent events is lost. */
  readonly skipsRecords: boolean
  /** The node closes a client's connection, or ends it. */
  readonly closes: (code: number, reason: string) => void
}

interface Request {
  readonly url: string
  readonly protocols: readonly string[]
}

export class Door {
  readonly #options: DoorOptions
  /** Of the clients that are connected. */
  readonly #witnesses = new Map<Socket, Witness>()
  readonly #http: HttpTransportOptions
  readonly #skips: (() => boolean) | null

  constructor(options: DoorOptions) {
    this.#options = options
    const { node, clock, random, expectations, skipsRecords } = options
    const gateway: Pick<Gateway, 'admission' | 'accept'> = {
      admission: (address, resumption) => node.gateway.admission(address, resumption),
      accept: (socket, arrival) => this.#letInOverHttp(socket, arrival),
    }
    this.#http = httpOptions({ node, gateway, clock, random, limits: expectations.limits })
    this.#skips = skipsRecords ? () => random.below(10) === 0 : null
  }

  /** Updates of clients that were received, and neither acknowledged nor refused as far as their dialect says. */
  unsettled(): readonly { readonly documentId: string; readonly update: Uint8Array }[] {
    return [...this.#witnesses.values()].flatMap((witness) => witness.unsettled())
  }

  accept(end: End, { url, protocols }: Request): EndEvents | null {
    const { node } = this.#options
    const { pathname, search } = new URL(url)
    const target = pathname + search
    if (isOverHttp(target)) return serveHttp(this.#http, end, target, this.#skips)
    if (node.gateway.admission(null) !== 'admitted') return null
    const dialect = dialectOf(protocols, target)
    const arrival = { dialect, target, origin: null, address: null, protocols: [], headers: {} }
    const events = this.#letIn(end, arrival, () => end.isOpen, search.includes(adversaryMark) ? 'adversary' : 'honest')
    return { ...events, closed: (code) => events.closed(code === 0 ? LOST : code) }
  }

  /** Opens a connection over this socket, with a witness. */
  #letIn(inner: Socket, arrival: Arrival, isOpen: () => boolean, who: 'honest' | 'honest-over-http' | 'adversary'): SocketEvents {
    const { node, time, random, losesMessages, punishesOthers, closes } = this.#options
    const { dialect } = arrival
    const trusted = who !== 'adversary'
    const target = arrival.target ?? '/'
    const witness = trusted ? this.#witnessOf(dialect, target) : this.#adversaryWitness(dialect, target)
    if (trusted && dialect.speaker !== 'node') this.#witnesses.set(inner, witness)
    const guard = (look: () => void): void => {
      try {
        look()
      } catch (error) {
        time.fail(error)
      }
    }
    const closing = (code: number, reason: string): void => {
      // Over HTTP only that is dropped for which nobody asks any more: the client has gone elsewhere.
      const isDropped = who === 'honest-over-http' && code === LOST
      if (trusted && dialect.speaker !== 'node' && isOpen() && !isDropped) closes(code, reason)
      if (!trusted && punishesOthers && code >= 4400) this.#punish(code)
    }
    const socket: Socket = {
      get bufferedBytes() {
        return inner.bufferedBytes
      },
      send: (parts, onSent) => {
        const waitingBytes = inner.bufferedBytes
        if (isOpen()) guard(() => witness.sending(Buffer.concat(parts), waitingBytes))
        if (losesMessages && random.below(10) === 0) time.soon(onSent)
        else inner.send(parts, onSent)
        guard(() => witness.checkBuffered(inner.bufferedBytes))
      },
      ping: (mark) => inner.ping(mark),
      pause: () => inner.pause(),
      resume: () => inner.resume(),
      close: (code, reason) => {
        closing(code, reason)
        inner.close(code, reason)
      },
      terminate: () => {
        closing(LOST, 'terminated')
        inner.terminate()
      },
    }
    const events = node.gateway.accept(socket, arrival)
    return {
      received: (bytes) => events.received(bytes),
      requested: () => events.requested?.() ?? true,
      message: (bytes) => {
        // What comes after the node has closed its end is not received: nobody looks at it.
        if (isOpen()) guard(() => witness.received(bytes))
        events.message(bytes)
      },
      tooLarge: () => events.tooLarge?.(),
      text: () => events.text(),
      pong: (mark) => events.pong(mark),
      closed: (code) => {
        this.#witnesses.delete(inner)
        events.closed(code)
      },
    }
  }

  /** Over HTTP a connection is open until one of the two ends it. */
  #letInOverHttp(inner: Socket, arrival: Arrival): SocketEvents {
    let open = true
    const ending: Socket = {
      get bufferedBytes() {
        return inner.bufferedBytes
      },
      send: (parts, onSent) => inner.send(parts, onSent),
      ping: (mark) => inner.ping(mark),
      pause: () => inner.pause(),
      resume: () => inner.resume(),
      close: (code, reason) => {
        open = false
        inner.close(code, reason)
      },
      terminate: () => {
        open = false
        inner.terminate()
      },
    }
    const events = this.#letIn(ending, arrival, () => open, 'honest-over-http')
    return {
      ...events,
      closed: (code) => {
        open = false
        events.closed(code)
      },
    }
  }

  #punish(code: number): void {
    for (const socket of this.#witnesses.keys()) socket.close(code, 'mistaken for somebody else')
  }

  #adversaryWitness(dialect: Dialect, target: string): Witness {
    const { ledger, expectations } = this.#options
    return new AdversaryWitness(ledger, expectations, dialect.name === 'weft' ? null : documentIdFromTarget(target))
  }

  #witnessOf(dialect: Dialect, target: string): Witness {
    const { ledger, expectations } = this.#options
    switch (dialect.name) {
      case 'weft':
        return new WeftWitness(ledger, expectations)
      case 'weft-node': {
        const { outboxBytesHigh } = linkLimits(expectations.limits)
        // The owner's own stream: row by row.
        return new WeftWitness(ledger, { ...expectations, beats: 'rows', limits: { ...expectations.limits, outboxBytesHigh } })
      }
      case 'weft-relay':
        return new RelayWitness(ledger, expectations)
      case 'y-websocket':
        return new YWebsocketWitness(ledger, expectations, documentIdFromTarget(target))
      case 'hocuspocus':
        return new HocuspocusWitness(ledger, expectations)
      default:
        throw new Error(`Nobody watches the dialect ${dialect.name}.`)
    }
  }
}

function dialectOf(protocols: readonly string[], target: string): Dialect {
  const chosen = chooseDialect(dialects, protocols, target)
  if (chosen === null) throw new Error(`No dialect speaks ${protocols.join(', ')}.`)
  return chosen.dialect
}

// Lets connections into a simulated node, each with a witness that reads along.

import { documentIdFromTarget } from '../../core/document-path.js'
import type { Random } from '../../core/random.js'
import { dialects } from '../../server/composition/dialects.js'
import type { ServerNode } from '../../server/composition/node.js'
import { chooseDialect, type Dialect } from '../../server/gateway/dialect.js'
import { linkLimits } from '../../server/transport/link-limits.js'
import type { Socket } from '../../server/transport/socket.js'
import { adversaryMark } from './adversary.js'
import { AdversaryWitness } from './adversary-witness.js'
import { type End, type EndEvents, LOST } from './connection.js'
import { HocuspocusWitness } from './hocuspocus-wire.js'
import type { Ledger } from './ledger.js'
import type { SimulatedTime } from './time.js'
import { type Expectations, WeftWitness, type Witness, YWebsocketWitness } from './witness.js'

export interface DoorOptions {
  readonly node: ServerNode
  readonly time: SimulatedTime
  readonly random: Random
  readonly ledger: Ledger
  readonly expectations: Expectations
  readonly losesMessages: boolean
  /** For a negative control: who breaks the protocol takes somebody else's connection along. */
  readonly punishesOthers: boolean
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
  readonly #witnesses = new Map<End, Witness>()

  constructor(options: DoorOptions) {
    this.#options = options
  }

  /** Updates of clients that were received, and neither acknowledged nor refused as far as their dialect says. */
  unsettled(): readonly { readonly documentId: string; readonly update: Uint8Array }[] {
    return [...this.#witnesses.values()].flatMap((witness) => witness.unsettled())
  }

  accept(end: End, { url, protocols }: Request): EndEvents | null {
    const { node, time, random, losesMessages, punishesOthers, closes } = this.#options
    if (node.gateway.admission(null) !== 'admitted') return null
    const { pathname, search } = new URL(url)
    const target = pathname + search
    const dialect = dialectOf(protocols, target)
    const trusted = !search.includes(adversaryMark)
    const witness = trusted ? this.#witnessOf(dialect, target) : this.#adversaryWitness(dialect, target)
    if (trusted && dialect.speaker !== 'node') this.#witnesses.set(end, witness)
    const guard = (look: () => void): void => {
      try {
        look()
      } catch (error) {
        time.fail(error)
      }
    }
    const closing = (code: number, reason: string): void => {
      if (trusted && dialect.speaker !== 'node' && end.isOpen) closes(code, reason)
      if (!trusted && punishesOthers && code >= 4400) this.#punish(code)
    }
    const socket: Socket = {
      get bufferedBytes() {
        return end.bufferedBytes
      },
      send: (parts, onSent) => {
        const waitingBytes = end.bufferedBytes
        if (end.isOpen) guard(() => witness.sending(Buffer.concat(parts), waitingBytes))
        if (losesMessages && random.below(10) === 0) time.soon(onSent)
        else end.send(parts, onSent)
        guard(() => witness.checkBuffered(end.bufferedBytes))
      },
      ping: (mark) => end.ping(mark),
      pause: () => end.pause(),
      resume: () => end.resume(),
      close: (code, reason) => {
        closing(code, reason)
        end.close(code, reason)
      },
      terminate: () => {
        closing(LOST, 'terminated')
        end.terminate()
      },
    }
    const events = node.gateway.accept(socket, { dialect, target, origin: null, address: null, protocols: [], headers: {} })
    return {
      received: () => events.received(),
      message: (bytes) => {
        // What comes after the node has closed its end is not received: nobody looks at it.
        if (end.isOpen) guard(() => witness.received(bytes))
        events.message(bytes)
      },
      pong: (mark) => events.pong(mark),
      closed: (code) => {
        this.#witnesses.delete(end)
        events.closed(code === 0 ? LOST : code)
      },
    }
  }

  #punish(code: number): void {
    for (const end of this.#witnesses.keys()) end.close(code, 'mistaken for somebody else')
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

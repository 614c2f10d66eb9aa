// A network in memory: who listens where, who can reach whom, and the connections there are.
import type { Random } from '../../core/random.js'
import { weftNodeSubprotocol } from '../../protocol/dialects/weft.js'
import { relaySubprotocol } from '../../server/transport/http/relay-frames.js'
import { type End, type EndEvents, LOST, type Quality, SimulatedConnection } from './connection.js'
import type { HostClock, SimulatedTime } from './time.js'

const nodeSubprotocols = [weftNodeSubprotocol, relaySubprotocol]

/** What listens at an address. Null refuses the connection. */
export interface Listener {
  readonly host: HostClock
  accept(end: End, request: { readonly url: string; readonly protocols: readonly string[] }): EndEvents | null
}

/** The name of a host's machine: processes of one node share it. */
export function machineOf(host: HostClock): string {
  return host.name.split('#')[0] ?? host.name
}

export class SimulatedNetwork {
  readonly #time: SimulatedTime
  readonly #random: Random
  readonly #listeners = new Map<string, Listener>()
  readonly #balancers = new Map<string, () => string | null>()
  readonly #blocked = new Set<HostClock>()
  /** Pairs of machines with nothing between them. */
  readonly #parted = new Set<string>()
  /** Dials that a stopped process has not answered yet. */
  #unanswered: { readonly host: HostClock; readonly failed: () => void }[] = []
  #connections: SimulatedConnection[] = []

  constructor(time: SimulatedTime, random: Random) {
    this.#time = time
    this.#random = random
  }

  /** Serves connections to `address` (host and port), until the returned function is called. */
  listen(address: string, listener: Listener): () => void {
    this.#listeners.set(address, listener)
    return () => {
      if (this.#listeners.get(address) === listener) this.#listeners.delete(address)
    }
  }

  /** Whoever dials `address` gets to the address that `pick` says; null refuses. */
  balance(address: string, pick: () => string | null): void {
    this.#balancers.set(address, pick)
  }

  /** Connects after a delay: `opened` gets this end, or `failed` is called. */
  dial(from: HostClock, url: string, protocols: readonly string[], opened: (end: End) => EndEvents, failed: () => void): void {
    const quality = nodeSubprotocols.some((name) => protocols.includes(name)) ? this.#qualityBetweenNodes() : this.#quality()
    this.#time.after(quality.delayMsMin + this.#random.fraction() * quality.delayMsMax, () => {
      if (!from.alive) return
      const listener = this.#listenerAt(new URL(url).host)
      if (listener === undefined || !this.#reaches(from, listener.host)) return from.run(failed)
      const answer = (): void => {
        if (!from.alive) return
        const connection = new SimulatedConnection(this.#time, this.#random, quality, from, listener.host)
        // First, so that the client is open before anything arrives.
        connection.client.listen(opened(connection.client))
        const events = listener.accept(connection.server, { url, protocols })
        if (events === null) {
          connection.state = 'cut'
          connection.client.ended(LOST, 'refused')
          return
        }
        connection.server.listen(events)
        this.#connections.push(connection)
      }
      if (!listener.host.stopped) return from.run(answer)
      const unanswered = { host: listener.host, failed: () => from.run(failed) }
      this.#unanswered.push(unanswered)
      listener.host.run(() => {
        this.#unanswered = this.#unanswered.filter((other) => other !== unanswered)
        from.run(this.#reaches(from, listener.host) ? answer : failed)
      })
    })
  }

  /** The working connections of a process, or of all. */
  connections(host: HostClock | null = null): readonly SimulatedConnection[] {
    this.#connections = this.#connections.filter(({ state, client, server }) => state === 'working' && (client.isOpen || server.isOpen))
    return host === null
      ? this.#connections
      : this.#connections.filter(({ client, server }) => client.host === host || server.host === host)
  }

  /** No new connections from or to this process; what it has is left alone. */
  block(host: HostClock): void {
    this.#blocked.add(host)
  }

  unblock(host: HostClock): void {
    this.#blocked.delete(host)
  }

  /** Nothing gets from one machine to the other any more; those that were connected are told, or not. */
  part(one: string, other: string, how: 'cut' | 'silence'): void {
    this.#parted.add(pair(one, other))
    for (const connection of this.connections())
      if (pair(machineOf(connection.client.host), machineOf(connection.server.host)) === pair(one, other)) connection[how]()
  }

  join(one: string, other: string): void {
    this.#parted.delete(pair(one, other))
  }

  joinAll(): void {
    this.#parted.clear()
  }

  /** A stopped process goes on: what fell due meanwhile, and what arrived, in either order. */
  goOn(host: HostClock): void {
    const deliver = (): void => {
      for (const { client, server } of this.connections(host)) (client.host === host ? client : server).goOn()
    }
    const readsFirst = this.#random.below(2) === 0
    if (readsFirst) this.#time.after(0, deliver)
    host.goOn()
    if (!readsFirst) this.#time.after(0, deliver)
  }

  /** A process ended: its system closes its sockets. If its whole machine went, nobody tells the others. */
  ended(host: HostClock, how: 'process' | 'machine'): void {
    for (const connection of this.connections(host)) {
      if (how === 'process') connection.cut()
      else connection.silence()
    }
    const unanswered = this.#unanswered.filter((dial) => dial.host === host)
    this.#unanswered = this.#unanswered.filter((dial) => dial.host !== host)
    for (const { failed } of unanswered) this.#time.soon(failed)
  }

  #listenerAt(address: string): Listener | undefined {
    const balancer = this.#balancers.get(address)
    const chosen = balancer === undefined ? address : balancer()
    return chosen === null ? undefined : this.#listeners.get(chosen)
  }

  #reaches(from: HostClock, to: HostClock): boolean {
    const parted = this.#parted.has(pair(machineOf(from), machineOf(to)))
    return to.alive && !parted && !this.#blocked.has(from) && !this.#blocked.has(to)
  }

  #quality(): Quality {
    const random = this.#random
    const far = random.below(3) === 0
    return {
      delayMsMin: far ? 20 : 0,
      delayMsMax: far ? 20 + random.below(150) : 1 + random.below(10),
      chunkBytes: random.below(2) === 0 ? 64 + random.below(512) : 64 * 1024,
      windowBytes: 256 << random.below(7),
    }
  }

  /** One data centre: quick, mostly. */
  #qualityBetweenNodes(): Quality {
    const random = this.#random
    return {
      delayMsMin: 0,
      delayMsMax: 1 + random.below(random.below(4) === 0 ? 60 : 6),
      chunkBytes: random.below(2) === 0 ? 256 + random.below(2048) : 64 * 1024,
      windowBytes: 4096 << random.below(5),
    }
  }
}

function pair(one: string, other: string): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`
}

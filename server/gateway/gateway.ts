// Accepts sockets, gives each the driver of its dialect, counts them, and drains them. Knows neither HTTP nor `ws`, so that a simulation can drive it.

import { sleep } from '../../core/clock.js'
import { asWeftError, closeCodes } from '../../core/errors.js'
import { Rate } from '../../core/rate.js'
import { Tally } from '../../core/tally.js'
import { Addresses, type AddressUse } from '../access/addresses.js'
import type { Visit } from '../access/visit.js'
import type { DocumentDirectory } from '../document/port.js'
import { Connection } from '../transport/connection.js'
import type { Driver } from '../transport/driver.js'
import { LoopShare } from '../transport/fair-inbox.js'
import { OutboxMemory } from '../transport/outbox-memory.js'
import { SlowReaders } from '../transport/slow-readers.js'
import type { Socket, SocketEvents } from '../transport/socket.js'
import type { Admission } from './admission.js'
import type { Arrival } from './dialect.js'
import { linkServices } from './link-services.js'
import { OpeningTurns } from './openings.js'
import type { GatewayServices } from './services.js'

type GatewayState =
  | { readonly kind: 'accepting' }
  | { readonly kind: 'draining'; readonly drained: Promise<void> }
  | { readonly kind: 'closed' }

/** So many seconds' worth of connections may come at once after a quiet time. */
const ADMISSION_BURST_S = 2
/** How long one connection's received writes may take to commit before it is closed all the same. */
const SETTLE_MS_MAX = 10_000
/** How long after the last close the gateway waits for the other sides to answer. */
const CLOSED_MS_MAX = 10_000
/** A small server closes at once; each further connection stretches the window up to what was asked for (G4). */
const CLOSE_SPACING_MS = 4
/** Those who come back may be so many times as many as those who come: what somebody collected to show opens no flood. */
const RESUMED_FACTOR = 4

export class Gateway {
  readonly #services: GatewayServices
  /** For links from other nodes; without a cluster there are none. */
  readonly #linkServices: GatewayServices
  readonly #connections = new Set<Connection>()
  readonly #share: LoopShare
  readonly #openingTurns: OpeningTurns
  readonly #addresses = new Addresses()
  #rate: Rate
  #resumedRate: Rate
  readonly #lagging = new Tally()
  readonly #slowReaders: SlowReaders
  readonly #outboxMemory: OutboxMemory
  #lastId = 0
  #state: GatewayState = { kind: 'accepting' }
  #emptyWaiters: (() => void)[] = []

  /** `owned` holds the documents of this process only; it is what other nodes get to see. */
  constructor(services: GatewayServices, owned: DocumentDirectory = services.directory) {
    this.#services = { ...services, lagging: this.#lagging }
    this.#share = new LoopShare(services.clock)
    this.#openingTurns = new OpeningTurns(services.clock)
    this.#rate = new Rate(services.clock, services.limits.connectionsPerSecondMax, ADMISSION_BURST_S)
    this.#resumedRate = new Rate(services.clock, services.limits.connectionsPerSecondMax * RESUMED_FACTOR, ADMISSION_BURST_S)
    this.#linkServices = linkServices(services, owned)
    const { clock, budget, counters } = services
    this.#outboxMemory = new OutboxMemory(budget.account('outboxes'))
    this.#slowReaders = new SlowReaders(
      clock,
      budget,
      () => [...this.#connections].filter((connection) => !connection.isLink),
      () => counters.add('sessions_too_slow'),
    )
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Sessions of clients that are over their high mark now. */
  get laggingSessions(): number {
    return this.#lagging.count
  }

  /** Bytes that wait for clients to take them, all connections together. */
  get waitingBytes(): number {
    let bytes = 0
    for (const connection of this.#connections) bytes += connection.waitingBytes
    return bytes
  }

  /**
   * Whether a further connection of this address may come, or why not. One that may is counted: it has to come. `resumption` is what a client shows that comes back, and
   * which spares it the wait among those who come for the first time; null for nothing.
   */
  admission(address: string | null, resumption: string | null = null): Admission {
    const room = this.room(address)
    if (room !== 'admitted') return room
    const { limits, clock } = this.#services
    // The limit may change while the server runs.
    if (this.#rate.perSecond !== limits.connectionsPerSecondMax) {
      this.#rate = new Rate(clock, limits.connectionsPerSecondMax, ADMISSION_BURST_S)
      this.#resumedRate = new Rate(clock, limits.connectionsPerSecondMax * RESUMED_FACTOR, ADMISSION_BURST_S)
    }
    const resumes = resumption !== null && this.#services.resumptions?.redeem(resumption) === true && this.#resumedRate.admits()
    return resumes || this.#rate.admits() ? 'admitted' : 'too-fast'
  }

  /** The same of one that was counted already, and had to wait for its turn since. */
  room(address: string | null): Admission {
    if (this.#state.kind !== 'accepting') return 'draining'
    const { limits, budget } = this.#services
    // G8: what is held for those who are here comes first.
    if (this.#connections.size >= limits.connectionsMax || budget.level === 'full') return 'full'
    return this.#addresses.connectionsOf(address) >= limits.connectionsPerAddressMax ? 'address-full' : 'admitted'
  }

  /** Whether another node may come. A full node is still the owner of documents that others need. */
  nodeAdmission(): 'admitted' | 'draining' {
    return this.#state.kind === 'accepting' ? 'admitted' : 'draining'
  }

  /** Takes over a socket that is open, of a client elsewhere or of the program that the server is in. The answer is what the socket has to tell. */
  accept(socket: Socket, arrival: Arrival, origin: 'elsewhere' | 'program' = 'elsewhere'): SocketEvents {
    const { clock, limits, counters, logger } = this.#servicesFor(arrival)
    this.#lastId++
    const connection = new Connection({
      id: this.#lastId,
      socket,
      clock,
      outboxMemory: this.#outboxMemory,
      limits,
      counters,
      logger,
      mayHoldReading: arrival.dialect.speaker !== 'node',
      share: this.#share,
      closed: this.#closedFrom(arrival.address),
    })
    this.#connections.add(connection)
    const addressUse = this.#addresses.connected(arrival.address)
    counters.add('connections_accepted')
    const { connectGuard = null } = this.#servicesFor(arrival)
    const visit = visitOf(arrival)
    const start = (): void => {
      try {
        connection.start(this.#driverFor(connection, arrival, visit, addressUse))
      } catch (thrown) {
        connection.fail(asWeftError(thrown))
      }
    }
    if (connectGuard === null || origin === 'program') start()
    else void this.#startOnceAllowed(connection, connectGuard(visit, arrival.dialect.name), start)
    return connection
  }

  /** By itself, so that it keeps nothing of the request as long as the connection is there. */
  #closedFrom(address: string | null): (connection: Connection) => void {
    return (connection) => {
      this.#addresses.disconnected(address)
      this.#closed(connection)
    }
  }

  /** Nothing is read before. Never rejects. */
  async #startOnceAllowed(connection: Connection, allowed: Promise<void>, start: () => void): Promise<void> {
    connection.holdReading()
    try {
      await allowed
      if (connection.isOpen) start()
    } catch (thrown) {
      const error = asWeftError(thrown)
      this.#services.counters.refused(error.code)
      connection.fail(error)
    } finally {
      connection.releaseReading()
    }
  }

  /**
   * Refuses new connections, tells weft clients, and closes everybody with 1012, spread over up to `windowMs`; each once its received writes are
   * committed and acknowledged. Resolves when all are gone. Idempotent.
   */
  drain(windowMs: number): Promise<void> {
    switch (this.#state.kind) {
      case 'accepting': {
        const drained = this.#drain(windowMs)
        this.#state = { kind: 'draining', drained }
        return drained
      }
      case 'draining':
        return this.#state.drained
      case 'closed':
        return Promise.resolve()
    }
  }

  /** Closes what is left at once. Idempotent. */
  close(): void {
    this.#state = { kind: 'closed' }
    this.#slowReaders.stop()
    for (const connection of this.#connections) {
      connection.close(closeCodes.restart, 'The server is stopping.')
      connection.terminate()
    }
  }

  async #drain(windowMs: number): Promise<void> {
    const { clock } = this.#services
    const connections = [...this.#connections]
    const spreadMs = Math.min(windowMs, connections.length * CLOSE_SPACING_MS)
    // Their closes are spread, and so they come back spread, each at once.
    for (const connection of connections) connection.hintDrain(0)
    await Promise.all(
      connections.map(async (connection, index) => {
        const delayMs = (spreadMs * index) / connections.length
        if (delayMs >= 1) await sleep(clock, delayMs)
        await connection.leave(SETTLE_MS_MAX)
      }),
    )
    await this.#empty()
  }

  #empty(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const tooLong = this.#services.clock.after(CLOSED_MS_MAX, resolve)
      this.#emptyWaiters.push(() => {
        tooLong.cancel()
        resolve()
      })
    })
  }

  #servicesFor({ dialect }: Arrival): GatewayServices {
    return dialect.speaker === 'node' ? this.#linkServices : this.#services
  }

  #driverFor(connection: Connection, arrival: Arrival, visit: Visit, addressUse: AddressUse | null): Driver {
    const services = this.#servicesFor(arrival)
    return arrival.dialect.open({ services, connection, arrival, visit, openingTurns: this.#openingTurns, addressUse })
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection)
    if (this.#connections.size > 0) return
    const waiters = this.#emptyWaiters
    this.#emptyWaiters = []
    for (const tell of waiters) tell()
  }
}

function visitOf({ target, protocols, origin, headers, address }: Arrival): Visit {
  const query = target?.indexOf('?') ?? -1
  return { parameters: new URLSearchParams(query < 0 ? '' : target?.slice(query + 1)), protocols, origin, headers, address }
}

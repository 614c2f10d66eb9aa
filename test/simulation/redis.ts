// A simulated Redis: frames from node to node, late, twice or not at all; it can be away, be emptied, and be cut off from a node.
import type { Random } from '../../core/random.js'
import type { FrameTransport, TransportListener } from '../../server/awareness/exchange/transport.js'
import { machineOf } from './network.js'
import type { HostClock, SimulatedTime } from './time.js'

export interface RedisTrouble {
  /** Of a thousand frames on their way to a node. */
  readonly lost: number
  readonly repeated: number
  readonly delayMsMax: number
  /** Whether a frame may overtake another. */
  readonly reorders: boolean
}

/** How long a client takes to notice that Redis is back. */
const RECONNECT_MS_MAX = 1_000

export class SimulatedRedis {
  readonly time: SimulatedTime
  readonly random: Random
  readonly trouble: () => RedisTrouble
  readonly #transports = new Set<SimulatedTransport>()
  readonly #cuts = new Set<string>()
  #away = false

  constructor(time: SimulatedTime, random: Random, trouble: () => RedisTrouble) {
    this.time = time
    this.random = random
    this.trouble = trouble
  }

  connect(host: HostClock): FrameTransport {
    const transport = new SimulatedTransport(this, host)
    this.#transports.add(transport)
    return transport
  }

  reaches(host: HostClock): boolean {
    return !this.#away && !this.#cuts.has(machineOf(host))
  }

  setAway(away: boolean): void {
    this.#away = away
    this.#changed()
  }

  /** Everything it knew is gone: every subscription, and whatever was under way. */
  wipe(): void {
    for (const transport of this.#transports) transport.disconnect()
    this.#changed()
  }

  cut(machine: string): void {
    this.#cuts.add(machine)
    this.#changed()
  }

  mend(machine: string): void {
    this.#cuts.delete(machine)
    this.#changed()
  }

  mendAll(): void {
    this.#away = false
    this.#cuts.clear()
    this.#changed()
  }

  publish(documentId: string, frame: Uint8Array): void {
    for (const transport of this.#transports) transport.send(documentId, frame)
  }

  leave(transport: SimulatedTransport): void {
    this.#transports.delete(transport)
  }

  #changed(): void {
    for (const transport of this.#transports) {
      if (!transport.host.alive) this.#transports.delete(transport)
      else if (this.reaches(transport.host)) transport.connectSoon(this.random.fraction() * RECONNECT_MS_MAX)
      else transport.disconnect()
    }
  }
}

class SimulatedTransport implements FrameTransport {
  readonly host: HostClock
  readonly #redis: SimulatedRedis
  readonly #wanted = new Set<string>()
  /** What Redis knows of. */
  readonly #held = new Set<string>()
  #listener: TransportListener | null = null
  /** Counts connections; odd while there is one. */
  #connection = 1
  #lastArrivalMs = 0

  constructor(redis: SimulatedRedis, host: HostClock) {
    this.#redis = redis
    this.host = host
    if (!redis.reaches(host)) this.disconnect()
  }

  get #connected(): boolean {
    return this.#connection % 2 === 1
  }

  listen(listener: TransportListener): void {
    this.#listener = listener
  }

  subscribe(documentId: string): void {
    this.#wanted.add(documentId)
    if (this.#connected) this.#subscribeSoon(documentId)
  }

  unsubscribe(documentId: string): void {
    this.#wanted.delete(documentId)
    this.#held.delete(documentId)
  }

  publish(documentId: string, frame: Uint8Array): boolean {
    if (!this.#connected) return false
    const connection = this.#connection
    this.#later(0, () => {
      if (connection === this.#connection) this.#redis.publish(documentId, frame)
      else this.host.run(() => this.#listener?.lost(documentId))
    })
    return true
  }

  close(): Promise<void> {
    this.#redis.leave(this)
    this.#wanted.clear()
    this.#held.clear()
    return Promise.resolve()
  }

  /** Redis sends a frame to this subscriber. */
  send(documentId: string, frame: Uint8Array): void {
    if (!this.#held.has(documentId)) return
    const { random, trouble, time } = this.#redis
    const { lost, repeated, delayMsMax, reorders } = trouble()
    const dice = random.below(1_000)
    if (dice < lost) return
    const connection = this.#connection
    for (let copies = dice < lost + repeated ? 2 : 1; copies > 0; copies--) {
      let delayMs = random.fraction() * delayMsMax
      if (!reorders) {
        this.#lastArrivalMs = Math.max(this.#lastArrivalMs, time.nowMs + delayMs)
        delayMs = this.#lastArrivalMs - time.nowMs
      }
      time.after(delayMs, () =>
        this.host.run(() => {
          if (connection === this.#connection && this.#wanted.has(documentId)) this.#listener?.received(documentId, frame)
        }),
      )
    }
  }

  disconnect(): void {
    if (this.#connected) this.#connection += 1
    this.#held.clear()
  }

  connectSoon(delayMs: number): void {
    if (this.#connected) return
    this.#redis.time.after(delayMs, () =>
      this.host.run(() => {
        if (this.#connected || !this.#redis.reaches(this.host)) return
        this.#connection += 1
        this.#listener?.writable()
        for (const documentId of this.#wanted) this.#subscribeSoon(documentId)
      }),
    )
  }

  #subscribeSoon(documentId: string): void {
    const connection = this.#connection
    this.#later(0, () => {
      if (connection !== this.#connection || !this.#wanted.has(documentId)) return
      this.#held.add(documentId)
      this.host.run(() => {
        if (this.#held.has(documentId)) this.#listener?.subscribed(documentId)
      })
    })
  }

  #later(delayMsMin: number, run: () => void): void {
    this.#redis.time.after(delayMsMin + this.#redis.random.fraction() * 3, run)
  }
}

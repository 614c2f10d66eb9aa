// Sharded subscriptions in a Redis Cluster: each channel on the master that has its slot now, one connection per master that has any.
import type { Clock, Timer } from '../../core/clock.js'
import { ChannelKeeper, hashTagOf, type SubscriptionEvents } from './channel-keeper.js'
import { connectMaster } from './redis-client.js'
import type { RedisHost, RedisTarget } from './redis-url.js'

const SLOTS = 16_384
/** How often the slots are read, and how soon after a sign that they moved. */
const REFRESH_MS = 2_000
const REFRESH_SOON_MS = 200

export interface ClusterSubscriberOptions {
  readonly target: RedisTarget
  readonly clock: Clock
  readonly events: SubscriptionEvents
  /** The answer to CLUSTER SLOTS. */
  readSlots(): Promise<unknown>
}

interface Master {
  readonly keeper: ChannelKeeper
  channelCount: number
}

export class ClusterSubscriber {
  readonly #options: ClusterSubscriberOptions
  readonly #masters = new Map<string, Master>()
  /** Each wanted channel with the master that it is on; null while its slot has none. */
  readonly #channels = new Map<string, string | null>()
  #slots: readonly (string | null)[] = []
  #refreshTimer: Timer | null = null
  #state: 'open' | 'closed' = 'open'

  constructor(options: ClusterSubscriberOptions) {
    this.#options = options
    void this.#refresh()
  }

  /** Whether every channel has a master that is heard. */
  get isReady(): boolean {
    if (this.#slots.length === 0 || [...this.#channels.values()].includes(null)) return false
    return [...this.#masters.values()].every(({ keeper }) => keeper.isReady)
  }

  want(channel: string): void {
    this.#place(channel)
  }

  drop(channel: string): void {
    this.#remove(channel)
    this.#channels.delete(channel)
  }

  /** Subscribes to a channel and lets go of it again. Rejects with Redis's reason if it may not. */
  async probe(channel: string): Promise<void> {
    const address = this.#slots[slotOf(hashTagOf(channel))] ?? null
    if (address === null) throw new Error('The slot of the channel has no master.')
    const redis = connectMaster(this.#options.target, parseAddress(address))
    try {
      await new Promise((resolve, reject) => redis.once('ready', resolve).once('error', reject).once('end', reject))
      await redis.ssubscribe(channel)
    } finally {
      redis.disconnect()
    }
  }

  /** Idempotent. */
  close(): void {
    this.#state = 'closed'
    this.#refreshTimer?.cancel()
    for (const { keeper } of this.#masters.values()) keeper.close()
    this.#masters.clear()
    this.#channels.clear()
  }

  /** Puts a channel on the master that has its slot, if it is not there already. */
  #place(channel: string): void {
    const address = this.#slots[slotOf(hashTagOf(channel))] ?? null
    const before = this.#channels.get(channel) ?? null
    if (before !== null && before === address) return
    this.#remove(channel)
    this.#channels.set(channel, address)
    if (address === null) return
    const master = this.#masters.get(address) ?? this.#connect(address)
    master.channelCount += 1
    master.keeper.want(channel)
  }

  #remove(channel: string): void {
    const address = this.#channels.get(channel) ?? null
    const master = address === null ? undefined : this.#masters.get(address)
    if (address === null || master === undefined) return
    master.channelCount -= 1
    master.keeper.drop(channel)
    if (master.channelCount > 0) return
    this.#masters.delete(address)
    master.keeper.close()
  }

  #connect(address: string): Master {
    const { target, clock, events } = this.#options
    const redis = connectMaster(target, parseAddress(address))
    redis.on('error', (error: unknown) => events.failed(error))
    const keeper = new ChannelKeeper(redis, true, clock, {
      ...events,
      failed: (error) => {
        events.failed(error)
        // Redis answered MOVED, or a master is none any more: where the slots are now has to be asked anew.
        this.#refreshSoon()
      },
    })
    const master: Master = { keeper, channelCount: 0 }
    this.#masters.set(address, master)
    redis.on('moved', () => this.#refreshSoon())
    redis.on('end', () => {
      // Gone for good: its channels wait for the next reading of the slots, which gives them to whoever has them then.
      if (this.#masters.get(address) === master) {
        this.#masters.delete(address)
        for (const [channel, place] of this.#channels) if (place === address) this.#channels.set(channel, null)
      }
      keeper.close()
      this.#refreshSoon()
    })
    return master
  }

  #refreshSoon(): void {
    this.#schedule(REFRESH_SOON_MS)
  }

  #schedule(delayMs: number): void {
    if (this.#state === 'closed') return
    this.#refreshTimer?.cancel()
    this.#refreshTimer = this.#options.clock.after(delayMs, () => void this.#refresh(), { unref: true })
  }

  async #refresh(): Promise<void> {
    let delayMs = REFRESH_MS
    try {
      const slots = slotTable(await this.#options.readSlots())
      if (this.#isClosed()) return
      this.#slots = slots
      for (const channel of this.#channels.keys()) this.#place(channel)
    } catch {
      // The cluster is away, or electing; the command client says so in the log.
      delayMs = REFRESH_SOON_MS
    }
    this.#schedule(delayMs)
  }

  #isClosed(): boolean {
    return this.#state === 'closed'
  }
}

function parseAddress(address: string): RedisHost {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
}

/**
 * Which master, as host:port, has each slot. Throws when the answer is not what CLUSTER SLOTS gives: [first, last, [host, port, …], …] per
 * range.
 */
function slotTable(answer: unknown): readonly (string | null)[] {
  if (!Array.isArray(answer) || answer.length === 0) throw new Error('The cluster has no slots.')
  const table = new Array<string | null>(SLOTS).fill(null)
  for (const range of answer) {
    const [first, last, master]: readonly unknown[] = Array.isArray(range) ? range : []
    const [host, port]: readonly unknown[] = Array.isArray(master) ? master : []
    if (typeof first !== 'number' || typeof last !== 'number' || typeof host !== 'string' || host === '') continue
    table.fill(`${host}:${Number(port)}`, first, last + 1)
  }
  return table
}

/** The slot of a hash tag: CRC-16 (XMODEM) modulo 16384, as the Redis Cluster specification has it. */
export function slotOf(hashTag: string): number {
  let crc = 0
  for (const byte of Buffer.from(hashTag)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
    crc &= 0xffff
  }
  return crc % SLOTS
}

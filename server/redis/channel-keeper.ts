// Keeps the subscriptions of one Redis connection: what is wanted is subscribed, in batches, again after every reconnection, and reported
// once it holds.
import type { Redis } from 'ioredis'
import type { Clock, Timer } from '../../core/clock.js'
import { PING_PERIOD_MS } from './redis-client.js'

export interface SubscriptionEvents {
  /** These channels are heard from now on. */
  subscribed(channels: readonly string[]): void
  received(channel: string, frame: Uint8Array): void
  /** Redis did not take a subscription; it is tried again. */
  failed(error: unknown): void
}

/** Channels in one command. */
const BATCH_MAX = 500
const RETRY_MS = 500

export class ChannelKeeper {
  readonly #redis: Redis
  readonly #sharded: boolean
  readonly #clock: Clock
  readonly #events: SubscriptionEvents
  readonly #wanted = new Set<string>()
  /** What Redis has confirmed on this connection. */
  readonly #held = new Set<string>()
  /** Where wanted and held may differ. */
  readonly #dirty = new Set<string>()
  #work: 'idle' | 'soon' | 'running' | 'closed' = 'idle'
  #pingTimer: Timer | null = null

  /** `sharded` takes the cluster's sharded commands; then all channels of a command have to share a hash tag. */
  constructor(redis: Redis, sharded: boolean, clock: Clock, events: SubscriptionEvents) {
    this.#redis = redis
    this.#sharded = sharded
    this.#clock = clock
    this.#events = events
    redis.on('ready', () => this.#restart())
    redis.on('close', () => this.#held.clear())
    redis.on(sharded ? 'smessageBuffer' : 'messageBuffer', (channel: Buffer, message: Buffer) =>
      events.received(channel.toString(), message),
    )
    if (redis.status === 'ready') this.#restart()
    this.#ping()
  }

  get isReady(): boolean {
    return this.#redis.status === 'ready'
  }

  want(channel: string): void {
    this.#wanted.add(channel)
    this.#touch(channel)
  }

  drop(channel: string): void {
    this.#wanted.delete(channel)
    this.#touch(channel)
  }

  /** Subscribes to a channel and lets go of it again. Rejects with Redis's reason if it may not. */
  async probe(channel: string): Promise<void> {
    await this.#subscribeTo([channel])
    await this.#unsubscribeFrom([channel])
  }

  /** Idempotent. */
  close(): void {
    this.#work = 'closed'
    this.#pingTimer?.cancel()
    this.#redis.disconnect()
  }

  #restart(): void {
    this.#held.clear()
    this.#dirty.clear()
    for (const channel of this.#wanted) this.#dirty.add(channel)
    this.#schedule()
  }

  #touch(channel: string): void {
    // Without a connection there is nothing to remember: all that is wanted is subscribed when it is back.
    if (!this.isReady) return
    this.#dirty.add(channel)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#work !== 'idle' || this.#dirty.size === 0 || !this.isReady) return
    this.#work = 'soon'
    this.#clock.soon(() => {
      if (this.#work === 'soon') void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#work = 'running'
    const batch: string[] = []
    for (const channel of this.#dirty) {
      if (batch.length >= BATCH_MAX) break
      batch.push(channel)
      this.#dirty.delete(channel)
    }
    // A channel that was given up and is wanted again before Redis heard of it stays subscribed.
    const kept = batch.filter((channel) => this.#wanted.has(channel) && this.#held.has(channel))
    if (kept.length > 0) this.#events.subscribed(kept)
    const added = batch.filter((channel) => this.#wanted.has(channel) && !this.#held.has(channel))
    const removed = batch.filter((channel) => !this.#wanted.has(channel) && this.#held.has(channel))
    const outcomes = await Promise.allSettled([
      ...this.#groups(added).map((channels) => this.#subscribe(channels)),
      ...this.#groups(removed).map((channels) => this.#unsubscribe(channels)),
    ])
    if (this.#state() === 'closed') return
    this.#work = 'idle'
    const failure = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failure === undefined) {
      this.#schedule()
      return
    }
    // On a lost connection `ready` starts over; where it is still there, trying again has to wait a little.
    for (const channel of batch) this.#dirty.add(channel)
    if (!this.isReady) return
    this.#events.failed(failure.reason)
    this.#clock.after(RETRY_MS, () => this.#schedule(), { unref: true })
  }

  #state(): string {
    return this.#work
  }

  async #subscribe(channels: readonly string[]): Promise<void> {
    await this.#subscribeTo(channels)
    for (const channel of channels) this.#held.add(channel)
    this.#events.subscribed(channels.filter((channel) => this.#wanted.has(channel)))
  }

  async #unsubscribe(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.#held.delete(channel)
    await this.#unsubscribeFrom(channels)
  }

  #subscribeTo(channels: readonly string[]): Promise<unknown> {
    return this.#sharded ? this.#redis.ssubscribe(...channels) : this.#redis.subscribe(...channels)
  }

  #unsubscribeFrom(channels: readonly string[]): Promise<unknown> {
    return this.#sharded ? this.#redis.sunsubscribe(...channels) : this.#redis.unsubscribe(...channels)
  }

  /** The channels of each command. */
  #groups(channels: readonly string[]): readonly (readonly string[])[] {
    if (channels.length === 0) return []
    if (!this.#sharded) return [channels]
    const groups = new Map<string, string[]>()
    for (const channel of channels) {
      const group = groups.get(hashTagOf(channel))
      if (group === undefined) groups.set(hashTagOf(channel), [channel])
      else group.push(channel)
    }
    return [...groups.values()]
  }

  #ping(): void {
    this.#pingTimer = this.#clock.after(
      PING_PERIOD_MS,
      () => {
        // An unanswered ping makes the connection time out, and it is made anew.
        if (this.isReady) this.#redis.ping().catch(() => {})
        this.#ping()
      },
      { unref: true },
    )
  }
}

/** The part of a channel's name that decides its slot in a Redis Cluster. */
export function hashTagOf(channel: string): string {
  return channel.slice(channel.indexOf('{') + 1, channel.indexOf('}'))
}

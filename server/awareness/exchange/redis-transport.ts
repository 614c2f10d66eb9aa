// Frames over Redis pub/sub: one channel per document, sharded in a Redis Cluster. A Redis that is away costs frames and nothing else (O4).
import type { Cluster } from 'ioredis'
import type { Clock, Timer } from '../../../core/clock.js'
import type { Counters } from '../../../core/counters.js'
import { shardOf } from '../../../core/document-id.js'
import type { Logger } from '../../../core/log.js'
import type { Random } from '../../../core/random.js'
import { ChannelKeeper, type SubscriptionEvents } from '../../redis/channel-keeper.js'
import { ClusterSubscriber } from '../../redis/cluster-subscriber.js'
import { type CommandClient, connectCommands, connectSubscriber, PING_PERIOD_MS, refusalOf } from '../../redis/redis-client.js'
import { describeTarget, type RedisTarget } from '../../redis/redis-url.js'
import type { FrameTransport, TransportListener } from './transport.js'

/** Published and not yet taken by Redis: above the high mark frames are dropped, below the low one they flow again. */
const IN_FLIGHT_BYTES_HIGH = 4 * 1024 * 1024
const IN_FLIGHT_BYTES_LOW = 1024 * 1024
/** What a frame costs beside its own bytes, roughly. */
const FRAME_BYTES_EXTRA = 200

export interface RedisTransportOptions {
  readonly target: RedisTarget
  /** What the names of channels start with. */
  readonly prefix: string
  readonly clock: Clock
  readonly random: Random
  readonly counters: Counters
  readonly logger: Logger
}

type TransportState = 'open' | 'full' | 'down' | 'closed'

export class RedisTransport implements FrameTransport {
  readonly commands: CommandClient
  readonly #options: RedisTransportOptions
  readonly #subscriber: ChannelKeeper | ClusterSubscriber
  readonly #channelPrefix: string
  #listener: TransportListener | null = null
  #flow: TransportState = 'down'
  #inFlightBytes = 0
  #pingTimer: Timer | null = null
  /** What Redis said last, while it is away. */
  #lastError: unknown = null

  constructor(options: RedisTransportOptions) {
    this.#options = options
    const { target, prefix, clock, random } = options
    this.#channelPrefix = `${prefix}:{`
    this.commands = connectCommands(target, random)
    this.commands.on('ready', () => this.#wentUp())
    this.commands.on('close', () => this.#wentDown())
    this.commands.on('error', (error: unknown) => this.#failed(error))
    const events: SubscriptionEvents = {
      subscribed: (channels) => {
        for (const channel of channels) this.#listener?.subscribed(this.#documentOf(channel))
      },
      received: (channel, frame) => this.#listener?.received(this.#documentOf(channel), frame),
      failed: (error) => this.#failed(error),
    }
    if (target.kind === 'cluster') {
      const cluster = this.commands as Cluster
      this.#subscriber = new ClusterSubscriber({ target, clock, events, readSlots: () => cluster.cluster('SLOTS') })
    } else {
      const redis = connectSubscriber(target, random)
      redis.on('error', (error: unknown) => this.#failed(error))
      this.#subscriber = new ChannelKeeper(redis, false, clock, events)
    }
    this.#ping()
  }

  /** Whether frames flow both ways now. */
  get isConnected(): boolean {
    return this.commands.status === 'ready' && this.#subscriber.isReady
  }

  get lastError(): unknown {
    return this.#lastError
  }

  listen(listener: TransportListener): void {
    this.#listener = listener
  }

  subscribe(documentId: string): void {
    this.#subscriber.want(this.#channelOf(documentId))
  }

  unsubscribe(documentId: string): void {
    this.#subscriber.drop(this.#channelOf(documentId))
  }

  publish(documentId: string, frame: Uint8Array): boolean {
    if (this.#flow !== 'open' || this.commands.status !== 'ready') return false
    const bytes = frame.length + FRAME_BYTES_EXTRA
    this.#inFlightBytes += bytes
    if (this.#inFlightBytes > IN_FLIGHT_BYTES_HIGH) this.#flow = 'full'
    const settle = (lost: boolean): void => {
      this.#inFlightBytes -= bytes
      if (lost) this.#listener?.lost(documentId)
      if (this.#flow !== 'full' || this.#inFlightBytes > IN_FLIGHT_BYTES_LOW) return
      this.#flow = 'open'
      this.#listener?.writable()
    }
    this.#publish(this.#channelOf(documentId), Buffer.from(frame.buffer, frame.byteOffset, frame.length)).then(
      () => settle(false),
      () => settle(true),
    )
    return true
  }

  /** Subscribes to a channel and lets go of it again. Rejects with Redis's reason if it may not. */
  probe(channel: string): Promise<void> {
    return this.#subscriber.probe(channel)
  }

  close(): Promise<void> {
    this.#flow = 'closed'
    this.#pingTimer?.cancel()
    this.#subscriber.close()
    this.commands.disconnect()
    return Promise.resolve()
  }

  /** The hash tag spreads documents over a cluster's slots; it is the shard, so that a batch of channels shares commands. */
  #channelOf(documentId: string): string {
    return `${this.#channelPrefix}${shardOf(documentId)}}:a:${documentId}`
  }

  #documentOf(channel: string): string {
    return channel.slice(channel.indexOf('}:a:') + 4)
  }

  #publish(channel: string, message: Buffer): Promise<unknown> {
    return this.#options.target.kind === 'cluster' ? this.commands.spublish(channel, message) : this.commands.publish(channel, message)
  }

  #wentUp(): void {
    if (this.#flow !== 'down') return
    this.#flow = 'open'
    this.#lastError = null
    this.#options.logger.info({ redis: describeTarget(this.#options.target) }, 'Connected to Redis; cursors cross nodes.')
    this.#listener?.writable()
  }

  #wentDown(): void {
    if (this.#flow === 'closed' || this.#flow === 'down') return
    this.#flow = 'down'
    this.#options.counters.add('awareness_bus_interruptions')
    this.#options.logger.warn(
      { redis: describeTarget(this.#options.target) },
      'The connection to Redis is lost. Cursors do not cross nodes until it is back; edits are not affected.',
    )
  }

  #failed(error: unknown): void {
    if (this.#flow === 'closed') return
    const refusal = refusalOf(error, this.#options.target)
    // It is retried for as long as the failure lasts, so the log says it once.
    if (refusal !== null && refusalOf(this.#lastError, this.#options.target) === null) {
      this.#options.logger.error({ code: refusal.code }, refusal.message)
    }
    this.#lastError = error
  }

  #ping(): void {
    this.#pingTimer = this.#options.clock.after(
      PING_PERIOD_MS,
      () => {
        // An unanswered ping makes the connection time out, and it is made anew.
        if (this.commands.status === 'ready') this.commands.ping().catch(() => {})
        this.#ping()
      },
      { unref: true },
    )
  }
}

// The awareness bus on Redis: what a node constructs when it is given a Redis URL.
import type { Clock } from '../../../core/clock.js'
import type { Counters } from '../../../core/counters.js'
import type { Logger } from '../../../core/log.js'
import { type Random, randomId } from '../../../core/random.js'
import type { ClusterSeal } from '../../redis/cluster-seal.js'
import type { CommandClient } from '../../redis/redis-client.js'
import { describeTarget, parseRedisUrl } from '../../redis/redis-url.js'
import type { AwarenessBus, AwarenessChannel, AwarenessSubscriber } from '../bus.js'
import { ExchangeBus } from './exchange.js'
import { checkRedis } from './redis-check.js'
import { RedisTransport } from './redis-transport.js'
import { SealedTransport } from './sealed-transport.js'

export interface RedisBusOptions {
  /** As `parseRedisUrl` takes it. */
  readonly url: string
  readonly nodeId: string
  /** A random id of this start of the process. */
  readonly boot: string
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly counters: Counters
  readonly seal: ClusterSeal
}

export interface RedisBus extends AwarenessBus {
  /** Whether cursors cross nodes now. */
  readonly isConnected: boolean
  /** For the presence registry. */
  readonly commands: CommandClient
  /** What the names of keys start with. */
  readonly prefix: string
  /** What vouches for the values of keys. */
  readonly seal: ClusterSeal
  /**
   * Resolves once Redis is connected and its rights are checked, or after 5 s without it: a node starts without Redis too, and finds it later (O4).
   * Rejects with `invalid-configuration` when Redis refuses us for a reason that waiting does not mend.
   */
  ready(): Promise<void>
  /** Idempotent. */
  close(): Promise<void>
}

/** Connects in the background. Throws `invalid-configuration` for a URL that cannot be one. */
export function createRedisBus(options: RedisBusOptions): RedisBus {
  const { url, nodeId, boot, clock, random, logger, counters, seal } = options
  const target = parseRedisUrl(url)
  const prefix = `${target.prefix}:${seal.tag}`
  const redis = new RedisTransport({ target, prefix, clock, random, counters, logger })
  const transport = new SealedTransport({ inner: redis, seal, counters, logger })
  const exchange = new ExchangeBus({ transport, self: { nodeId, boot }, clock, counters, logger })
  return {
    subscribe: (documentId: string, subscriber: AwarenessSubscriber): AwarenessChannel => exchange.subscribe(documentId, subscriber),
    messages: exchange.messages,
    removeNode: (removedId, removedBoot) => exchange.removeNode(removedId, removedBoot),
    get isConnected() {
      return redis.isConnected
    },
    commands: redis.commands,
    prefix,
    seal,
    async ready() {
      const outcome = await checkRedis({ target, prefix, transport: redis, clock, checkId: randomId(random, 8) })
      if (outcome === 'away') {
        logger.warn(
          { redis: describeTarget(target) },
          'Redis cannot be reached yet. Cursors do not cross nodes until it can; edits are not affected.',
        )
      }
    },
    close: () => exchange.close(),
  }
}

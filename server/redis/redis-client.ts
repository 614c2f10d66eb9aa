// Connections to Redis: how long they wait, how they come back, and which of its answers mean that somebody has to change a setting.
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { WeftError } from '../../core/errors.js'
import type { Random } from '../../core/random.js'
import { describeTarget, type RedisHost, type RedisTarget } from './redis-url.js'

/** A connection on which a command has been waiting this long for any data is dead, and is made anew. */
const SILENCE_MS_MAX = 2_000
const CONNECT_MS_MAX = 2_000
/** How often idle connections are asked for a sign of life, so that a dead one is found. */
export const PING_PERIOD_MS = 1_000

export type CommandClient = Redis | Cluster

/** Between attempts to reconnect, in milliseconds: together with the waits above, Redis is found again within 5 s of its return (O4). */
function retryDelayMs(attempt: number, random: Random): number {
  return Math.min(50 * 2 ** Math.min(attempt, 5), 400) + random.below(100)
}

type ConnectionOptions = RedisOptions & { readonly replyMapping: 'legacy' }

function connectionOptions(target: RedisTarget): ConnectionOptions {
  return {
    replyMapping: 'legacy',
    username: target.username ?? undefined,
    password: target.password ?? undefined,
    connectTimeout: CONNECT_MS_MAX,
    socketTimeout: SILENCE_MS_MAX,
    // Nothing waits for a Redis that is away: what cannot be sent now is dropped.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    disableClientInfo: true,
    connectionName: 'weft',
    // It takes INFO, which a user with few rights may not use. Only a Sentinel's master has to be asked whether it still is one.
    enableReadyCheck: target.kind === 'sentinel',
  }
}

function connectServer(target: Exclude<RedisTarget, { readonly kind: 'cluster' }>, random: Random): Redis {
  const options: ConnectionOptions = { ...connectionOptions(target), retryStrategy: (attempt) => retryDelayMs(attempt, random) }
  const tls = target.tls ? { tls: {} } : {}
  if (target.kind === 'server') return new Redis({ ...options, ...tls, host: target.host, port: target.port, db: target.database })
  return new Redis({
    ...options,
    ...tls,
    enableTLSForSentinelMode: target.tls,
    sentinels: [...target.sentinels],
    name: target.name,
    sentinelUsername: target.sentinelUsername ?? undefined,
    sentinelPassword: target.sentinelPassword ?? undefined,
    sentinelCommandTimeout: SILENCE_MS_MAX,
    sentinelRetryStrategy: (attempt) => retryDelayMs(attempt, random),
  })
}

/** A connection to one master of a Redis Cluster. It does not come back by itself: the cluster may have moved on meanwhile. */
export function connectMaster(target: RedisTarget, { host, port }: RedisHost): Redis {
  const tls = target.tls ? { tls: {} } : {}
  return new Redis({ ...connectionOptions(target), ...tls, host, port, retryStrategy: null })
}

export function connectSubscriber(target: Exclude<RedisTarget, { readonly kind: 'cluster' }>, random: Random): Redis {
  return connectServer(target, random)
}

/** The client for everything but subscriptions. */
export function connectCommands(target: RedisTarget, random: Random): CommandClient {
  if (target.kind !== 'cluster') return connectServer(target, random)
  const { username, password, connectTimeout, socketTimeout, connectionName, disableClientInfo } = connectionOptions(target)
  return new Cluster([...target.hosts], {
    redisOptions: {
      ...(target.tls ? { tls: {} } : {}),
      replyMapping: 'legacy',
      username,
      password,
      connectTimeout,
      socketTimeout,
      connectionName,
      disableClientInfo,
      maxRetriesPerRequest: 0,
    },
    enableOfflineQueue: false,
    enableReadyCheck: false,
    clusterRetryStrategy: (attempt) => retryDelayMs(attempt, random),
    slotsRefreshTimeout: SILENCE_MS_MAX,
    slotsRefreshInterval: 2_000,
    maxRedirections: 3,
  })
}

/** What Redis has to allow; said when it does not. */
function rightsFor({ username, prefix, kind }: RedisTarget): string {
  const user = username ?? 'default'
  const more = kind === 'sentinel' ? ' +info' : kind === 'cluster' ? ' +cluster' : ''
  return `ACL SETUSER ${user} &${prefix}:* ~${prefix}:* +@pubsub +@hash +@connection +set +exists +pexpire +del${more}`
}

/** The error to end with, if Redis refuses us for a reason that waiting does not mend; else null. */
export function refusalOf(error: unknown, target: RedisTarget): WeftError | null {
  const message = error instanceof Error ? error.message : ''
  const where = `Redis at ${describeTarget(target)}`
  const refused = (problem: string): WeftError =>
    new WeftError('invalid-configuration', `REDIS_URL (--redis-url): ${problem}`, { cause: error })
  if (message.includes('WRONGPASS')) return refused(`${where} refuses the user or the password; put the right ones into the URL.`)
  if (message.includes('NOAUTH')) return refused(`${where} wants a password; put it into the URL, as in redis://user:password@host:6379.`)
  if (message.includes('NOPERM'))
    return refused(`${where} does not grant the rights that cursors across nodes need; grant them: ${rightsFor(target)}`)
  if (message.includes('cluster support disabled'))
    return refused(`${where} is not a Redis Cluster; use redis:// instead of redis-cluster://.`)
  if (target.kind === 'server' && message.startsWith('MOVED'))
    return refused(`${where} is a Redis Cluster; use redis-cluster://host:port,… instead.`)
  if (message.includes('DB index is out of range')) return refused(`${where} has no database of that number; change the URL's path.`)
  if (message.includes('unknown command')) return refused(`${where} is too old: it needs Redis 6, or 7 as a Redis Cluster.`)
  return null
}

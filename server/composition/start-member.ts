// How a member of a cluster comes up: on PostgreSQL, for which it waits, and with Redis, for which nobody waits.
import { createHmac } from 'node:crypto'
import { hostname } from 'node:os'
import { sleep } from '../../core/clock.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import { joiningCluster, lookingForItself, waitingForDatabase } from '../../core/public-words.js'
import { randomId } from '../../core/random.js'
import { openPostgresStore, type PostgresStore } from '../../persistence/postgres/postgres-store.js'
import type { NodeGatekeeper } from '../access/node-credentials.js'
import { soloAwarenessBus } from '../awareness/bus.js'
import { createRedisBus, type RedisBus } from '../awareness/exchange/redis-bus.js'
import type { DocumentAwarenesses } from '../awareness/hub.js'
import { WsDialer } from '../cluster/links/ws-dialer.js'
import { defaultClusterSettings } from '../cluster/settings.js'
import { LocalPresenceRegistry, type PresenceRegistry } from '../presence/presence-registry.js'
import { RedisPresenceRegistry } from '../presence/redis-presence.js'
import { ClusterSeal } from '../redis/cluster-seal.js'
import { unlessCancelled } from './cancellation.js'
import { type Component, LifeCycle, Opened } from './life-cycle.js'
import { ServerNode } from './node.js'
import { accessComponent, type NodeBase, nodeOptionsOf, type StartedNode } from './started-node.js'

export interface ClusterConfig {
  readonly databaseUrl: string
  /** Null: cursors do not cross nodes. */
  readonly redisUrl: string | null
  /** Null: a random one for each start. */
  readonly nodeId: string | null
  /** host:port that other nodes can reach; null: the listening address. */
  readonly advertise: string | null
  /** The same on every node, and nowhere else; at least 16 characters. */
  readonly secret: string
  /** Whether to bring the database's schema up to date at the start. */
  readonly migrate: boolean
  /** Whether to refuse to start under an advertised address that does not lead to this node, as seen from itself. */
  readonly checkAdvertise: boolean
}

export interface MemberOptions {
  readonly config: ClusterConfig
  /** The address that this server listens on, such as `http://0.0.0.0:1234`. */
  readonly url: string
  readonly version: string
  /** Lets other nodes in, at that address. */
  readonly gatekeeper: NodeGatekeeper
  /** Told what the node waits for, in words for strangers. */
  readonly waiting: (reason: string) => void
  /** Ends the start, whatever it waits for; `startMember` then rejects. */
  readonly cancelled: AbortSignal
}

/**
 * Waits for the database, joins the cluster and serves. Rejects with `invalid-configuration` when a setting has to change, with `draining` when it was
 * cancelled; nothing is left of it then. Redis is not waited for (O4), but one that refuses us is an error.
 */
export function startMember(base: NodeBase, options: MemberOptions): Promise<StartedNode> {
  const { clock, random, logger, counters, limits } = base
  const { config } = options
  const self = { nodeId: config.nodeId ?? `node-${randomId(random, 6)}`, boot: randomId(random, 16) }
  const advertise = config.advertise ?? addressOthersReach(options.url)
  const lifeCycle = new LifeCycle({ clock, logger })

  function* components(): Generator<Component, StartedNode> {
    const database = new Opened(
      'the database',
      (cancelled) => waitForDatabase(base, options, cancelled),
      (opened) => opened.close(),
    )
    yield database
    const store = database.value
    // Its names follow from the cluster's identity, which is in the database.
    const seal = new ClusterSeal(config.secret, store.clusterId)
    const bus = config.redisUrl === null ? null : createRedisBus({ ...base, url: config.redisUrl, ...self, seal })
    if (bus !== null) yield { name: 'Redis', start: () => bus.ready(), stop: () => bus.close() }
    const dialer = new WsDialer({
      secret: config.secret,
      clock,
      random,
      limits,
      isOwn: (challenge) => options.gatekeeper.issued(challenge),
    })
    if (config.checkAdvertise)
      yield { name: 'the advertised address', start: (cancelled) => findSelf(advertise, dialer, base, options.waiting, cancelled) }
    yield accessComponent(base, store.keyedRecords, true)
    const node = new ServerNode({
      ...nodeOptionsOf(base),
      store,
      bus: bus ?? soloAwarenessBus,
      cluster: {
        self: { ...self, advertise, version: options.version },
        membership: store.membership,
        dialer,
        settings: defaultClusterSettings,
        onReplaced: base.onFatal,
      },
    })
    logger.info({ ...self, advertise, clusterId: store.clusterId }, 'joining the cluster')
    options.waiting(joiningCluster)
    yield* node.components
    const presence = presenceOf(node.awareness, bus, seal)
    node.presence = presence
    yield { name: 'presence', stop: () => presence.close() }
    return { node, presence, crossesNodes: () => bus?.isConnected ?? false, stop: (windowMs) => lifeCycle.end(windowMs) }
  }

  function presenceOf(hub: DocumentAwarenesses, bus: RedisBus | null, seal: ClusterSeal): PresenceRegistry {
    if (bus === null) return new LocalPresenceRegistry(hub, self.nodeId, false)
    return new RedisPresenceRegistry({ hub, commands: bus.commands, prefix: bus.prefix, seal, self, clock, counters })
  }

  return lifeCycle.start(components(), options.cancelled)
}

const DATABASE_RETRY_MS = 500

async function waitForDatabase(base: NodeBase, options: MemberOptions, cancelled: AbortSignal): Promise<PostgresStore> {
  const { clock, random, logger } = base
  const { config, waiting } = options
  let told = ''
  for (;;) {
    try {
      const opening = openPostgresStore({
        url: config.databaseUrl,
        logger,
        random,
        migrate: config.migrate,
        clusterName: clusterNameOf(config.secret),
      })
      return await unlessCancelled(cancelled, opening, (store) => void store.close())
    } catch (thrown) {
      const error = asWeftError(thrown)
      if (error.code !== 'store-unavailable') throw error
      waiting(waitingForDatabase)
      if (error.message !== told) logger.warn({ err: error }, 'the database does not answer; waiting for it')
      told = error.message
      await unlessCancelled(cancelled, sleep(clock, DATABASE_RETRY_MS))
    }
  }
}

const FIND_SELF_MS_MAX = 10_000
const FIND_SELF_RETRY_MS = 250

/** Others would find out only when somebody opens a document of this node, and nothing would say why it does not open. */
async function findSelf(
  advertise: string,
  dialer: WsDialer,
  { clock, logger }: NodeBase,
  waiting: MemberOptions['waiting'],
  cancelled: AbortSignal,
): Promise<void> {
  const deadline = clock.monotonic() + FIND_SELF_MS_MAX
  let told = ''
  for (;;) {
    try {
      return await unlessCancelled(cancelled, dialer.findSelf(advertise))
    } catch (thrown) {
      if (cancelled.aborted) throw thrown
      const reason = thrown instanceof Error ? thrown.message : String(thrown)
      waiting(lookingForItself)
      if (reason !== told) logger.info({ advertise, reason }, 'the advertised address does not lead to this node yet')
      told = reason
      if (clock.monotonic() >= deadline)
        throw new WeftError(
          'invalid-configuration',
          `This node cannot be reached at the address that the other nodes are told, ${advertise}: ${reason}. Set --advertise (ADVERTISE) to a host:port ` +
            'at which they reach it; if they do, and only the node itself does not, add --no-advertise-check.',
        )
      await unlessCancelled(cancelled, sleep(clock, FIND_SELF_RETRY_MS))
    }
  }
}

/** Nodes that share a secret are one cluster: its name in the database follows from the secret, and says nothing about it. */
export function clusterNameOf(secret: string): string {
  return createHmac('sha256', secret).update('weft cluster name').digest('hex').slice(0, 16)
}

/** A node that listens on every address is reachable under its host name, as far as it can know. */
function addressOthersReach(url: string): string {
  const { hostname: host, port } = new URL(url)
  return host === '0.0.0.0' || host === '[::]' ? `${hostname()}:${port}` : `${host}:${port}`
}

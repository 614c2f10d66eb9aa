// How a node comes up: alone on the embedded store, or as a member of a cluster on PostgreSQL, for which it waits.
import { createHmac } from 'node:crypto'
import { hostname } from 'node:os'
import { sleep } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import type { MemoryBudget } from '../../core/memory-budget.js'
import { joiningCluster, lookingForItself, waitingForDatabase } from '../../core/public-words.js'
import { randomId } from '../../core/random.js'
import { openLmdbStore } from '../../persistence/index.js'
import { MemoryAccessRecords } from '../../persistence/memory/memory-access-records.js'
import { openPostgresStore, type PostgresStore } from '../../persistence/postgres/postgres-store.js'
import type { DocumentStore } from '../../persistence/store.js'
import type { AccessControl } from '../access/access-control.js'
import { type AuditTrail, auditedAuthorize } from '../access/audit-trail.js'
import type { Authorization, AuthorizeRequest } from '../access/authorize.js'
import type { NodeGatekeeper } from '../access/node-credentials.js'
import { soloAwarenessBus } from '../awareness/bus.js'
import { createRedisBus, type RedisBus } from '../awareness/exchange/redis-bus.js'
import { WsDialer } from '../cluster/links/ws-dialer.js'
import { defaultClusterSettings } from '../cluster/settings.js'
import { ContainedCompactor } from '../document/compactor/contained-compactor.js'
import { LocalPresenceRegistry, type PresenceRegistry } from '../presence/presence-registry.js'
import { RedisPresenceRegistry } from '../presence/redis-presence.js'
import { ClusterSeal } from '../redis/cluster-seal.js'
import { unlessCancelled } from './cancellation.js'
import { type NodeOptions, ServerNode } from './node.js'

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

/** What every node is made of, before its store is known. */
export type NodeBase = Omit<NodeOptions, 'store' | 'compactor' | 'bus' | 'cluster' | 'authorize' | 'sessions'> & {
  readonly access: AccessControl
  /** Null: nobody asked for one. */
  readonly audit: AuditTrail | null
  readonly counters: Counters
  readonly budget: MemoryBudget
}

export interface StartedNode {
  readonly node: ServerNode
  readonly presence: PresenceRegistry
  /** Whether cursors cross to other nodes now. */
  readonly crossesNodes: () => boolean
  /** Stops the node, its clients' closes spread over up to `windowMs`, and then what it stands on. */
  stop(windowMs: number): Promise<void>
}

export interface AloneOptions {
  readonly dataDir: string
  /** A store instead of the embedded one; it stays open. */
  readonly store: DocumentStore | null
}

/** The node id of a server that is no member of a cluster, where presence names one. */
const ALONE = 'local'

/** Rejects with `data-folder-in-use`, `data-folder-unwritable`, `data-folder-newer` or a store error. */
export async function startAlone(base: NodeBase, options: AloneOptions): Promise<StartedNode> {
  const { clock, logger } = base
  const store = options.store ?? (await openLmdbStore({ folder: options.dataDir, clock, logger, onFatal: base.onFatal }))
  const closeStore = (): Promise<void> => (options.store === null ? store.close() : Promise.resolve())
  try {
    await base.access.start(store.accessRecords ?? new MemoryAccessRecords(clock), false)
    const node = await ServerNode.start({ ...base, ...accessOf(base), store, compactor: compactorOf(base) })
    const presence = new LocalPresenceRegistry(node.awareness, ALONE, true)
    return { node, presence, crossesNodes: () => false, stop: (windowMs) => inOrder([() => node.stop(windowMs), closeStore]) }
  } catch (thrown) {
    await closeStore()
    throw thrown
  }
}

function accessOf({ access, audit, clock }: NodeBase): Pick<NodeOptions, 'authorize' | 'sessions'> {
  const authorize = (request: AuthorizeRequest): Promise<Authorization> => access.authorize(request)
  return { authorize: audit === null ? authorize : auditedAuthorize(authorize, audit, clock), sessions: access.sessions }
}

function compactorOf({ clock, limits, budget }: NodeBase): ContainedCompactor {
  return new ContainedCompactor({ clock, compactionBytesMax: limits.compactionBytesMax, account: budget.account('compaction') })
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
 * cancelled. Redis is not waited for (O4), but one that refuses us is an error.
 */
export async function startMember(base: NodeBase, options: MemberOptions): Promise<StartedNode> {
  const { clock, random, logger, counters, limits } = base
  const { config, cancelled } = options
  const boot = randomId(random, 16)
  const nodeId = config.nodeId ?? `node-${randomId(random, 6)}`
  const advertise = config.advertise ?? addressOthersReach(options.url)
  let store: PostgresStore | null = null
  let node: ServerNode | null = null
  let redis: RedisBus | null = null
  try {
    const opened = await waitForDatabase(base, options)
    store = opened
    // Its names follow from the cluster's identity, which is in the database.
    const seal = new ClusterSeal(config.secret, opened.clusterId)
    const bus =
      config.redisUrl === null ? null : createRedisBus({ url: config.redisUrl, nodeId, boot, clock, random, logger, counters, seal })
    redis = bus
    if (bus !== null) await unlessCancelled(cancelled, bus.ready())
    const dialer = new WsDialer({
      secret: config.secret,
      clock,
      random,
      limits,
      isOwn: (challenge) => options.gatekeeper.issued(challenge),
    })
    if (config.checkAdvertise) await findSelf(advertise, dialer, base, options)
    await unlessCancelled(cancelled, base.access.start(opened.accessRecords, true))
    const made = new ServerNode({
      ...base,
      ...accessOf(base),
      store: opened,
      compactor: compactorOf(base),
      bus: bus ?? soloAwarenessBus,
      cluster: {
        self: { nodeId, boot, advertise, version: options.version },
        membership: opened.membership,
        dialer,
        settings: defaultClusterSettings,
        onReplaced: base.onFatal,
      },
    })
    node = made
    logger.info({ nodeId, boot, advertise, clusterId: opened.clusterId }, 'joining the cluster')
    options.waiting(joiningCluster)
    await unlessCancelled(cancelled, made.start())
    const presence =
      bus === null
        ? new LocalPresenceRegistry(made.awareness, nodeId, false)
        : new RedisPresenceRegistry({
            hub: made.awareness,
            commands: bus.commands,
            prefix: bus.prefix,
            seal,
            self: { nodeId, boot },
            clock,
            counters,
          })
    return {
      node: made,
      presence,
      crossesNodes: () => bus?.isConnected ?? false,
      stop: (windowMs) => inOrder([() => made.stop(windowMs), () => presence.close(), () => bus?.close(), () => opened.close()]),
    }
  } catch (thrown) {
    await inOrder([() => node?.stop(0), () => redis?.close(), () => store?.close()])
    throw thrown
  }
}

const DATABASE_RETRY_MS = 500

async function waitForDatabase(base: NodeBase, options: MemberOptions): Promise<PostgresStore> {
  const { clock, random, logger } = base
  const { config, waiting, cancelled } = options
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
  { waiting, cancelled }: MemberOptions,
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

/** Takes each step even if the one before it failed; rejects with the first failure. */
export async function inOrder(steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = []
  for (const step of steps) {
    try {
      await step()
    } catch (thrown) {
      failures.push(thrown)
    }
  }
  if (failures.length > 0) throw failures[0]
}

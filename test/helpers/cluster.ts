// Several nodes in the test's own process, over one store and one membership in memory, with real sockets on 127.0.0.1 between them and to clients.

import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { systemClock } from '../../core/clock.js'
import { Counters } from '../../core/counters.js'
import { SHARD_COUNT, shardOf } from '../../core/document-id.js'
import type { EditTraces } from '../../core/edit-traces.js'
import { defaultLimits, type Limits } from '../../core/limits.js'
import { type Logger, silentLogger } from '../../core/log.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import { randomId, systemRandom } from '../../core/random.js'
import { MemoryDisk, MemoryStore } from '../../persistence/index.js'
import type { Heartbeat, MembershipStore, NodeSelf } from '../../persistence/membership.js'
import { MemoryMembership, MemoryMembershipTable } from '../../persistence/memory/memory-membership.js'
import { type Authorize, allowEverybody, guardedAuthorize } from '../../server/access/authorize.js'
import { NodeGatekeeper } from '../../server/access/node-credentials.js'
import { SessionRegistry } from '../../server/access/session-registry.js'
import { soloAwarenessBus } from '../../server/awareness/bus.js'
import { DocumentAwarenesses } from '../../server/awareness/hub.js'
import { ClusterDirectory, defaultDirectoryTimes } from '../../server/cluster/cluster-directory.js'
import { HttpRelays } from '../../server/cluster/links/http-relays.js'
import { NodeLinks } from '../../server/cluster/links/node-links.js'
import { WsDialer } from '../../server/cluster/links/ws-dialer.js'
import { NodeMembership } from '../../server/cluster/node-membership.js'
import { rendezvousWinner } from '../../server/cluster/rendezvous.js'
import { type ClusterSettings, defaultClusterSettings } from '../../server/cluster/settings.js'
import { ShardManager } from '../../server/cluster/shard-manager.js'
import { dialects } from '../../server/composition/dialects.js'
import { InProcessCompactor } from '../../server/document/compaction.js'
import { LocalDirectory } from '../../server/document/local-directory.js'
import { type DocumentTuning, defaultTuning } from '../../server/document/tuning.js'
import { Gateway } from '../../server/gateway/gateway.js'
import { httpTransport } from '../../server/gateway/http-transport.js'
import { serveUpgrades } from '../../server/gateway/upgrade.js'
import { HttpSockets } from '../../server/transport/http/http-sockets.js'
import { FaultyStore } from './faulty-store.js'
import { eventually } from './states.js'

export interface ClusterOptions {
  readonly nodes: number
  readonly limits?: Partial<Limits>
  readonly tuning?: Partial<DocumentTuning>
  readonly authorize?: Authorize
  readonly bindClientIds?: boolean
  /** What follows edits on a node. Default: nothing. */
  readonly traces?: (nodeId: string) => EditTraces
}

export interface NodeOptions {
  readonly secret?: string
  readonly logger?: Logger
  /** The address that the other nodes are told, for a node that listens on this port. Default: the port itself. */
  readonly advertise?: (port: number) => Promise<string>
}

/** Several times faster than in production, and in the same proportions. */
const settings: ClusterSettings = {
  ...defaultClusterSettings,
  heartbeatPeriodMs: 100,
  deadAfterMs: 1_000,
  quarantineAfterMs: 700,
  returnGraceMs: 250,
  settledTickMs: 200,
  movingTickMs: 25,
  releasesPerTick: 512,
}

/** A node's own way to the shared membership table, which can be cut. */
class OwnMembership implements MembershipStore {
  readonly #inner: MembershipStore
  #cut = false

  constructor(inner: MembershipStore) {
    this.#inner = inner
  }

  /** From here on heartbeats fail, and the row stays and grows old. */
  cut(): void {
    this.#cut = true
  }

  async heartbeat(self: NodeSelf): Promise<Heartbeat> {
    if (this.#cut) throw new Error('The membership is out of reach.')
    return this.#inner.heartbeat(self)
  }

  async leave(self: NodeSelf): Promise<void> {
    if (!this.#cut) await this.#inner.leave(self)
  }

  reconnect(): void {
    this.#inner.reconnect()
  }
}

export class ClusterNode {
  readonly nodeId: string
  readonly port: number
  readonly counters = new Counters()
  readonly memory: MemoryStore
  readonly store: FaultyStore
  readonly local: LocalDirectory
  readonly directory: ClusterDirectory
  readonly links: NodeLinks
  readonly relay: HttpRelays
  readonly httpSockets: HttpSockets
  readonly manager: ShardManager
  readonly gateway: Gateway
  readonly #membershipStore: OwnMembership
  readonly #membership: NodeMembership
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #awareness: DocumentAwarenesses
  #state: 'running' | 'over' = 'running'

  static async listen(nodeId: string, cluster: TestCluster, options: NodeOptions): Promise<ClusterNode> {
    const server = createServer()
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const advertise = (await options.advertise?.(port)) ?? `127.0.0.1:${port}`
    return new ClusterNode(nodeId, cluster, server, advertise, options)
  }

  private constructor(nodeId: string, cluster: TestCluster, server: Server, advertise: string, options: NodeOptions) {
    this.nodeId = nodeId
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    const boot = randomId(systemRandom, 8)
    const { counters } = this
    const logger = options.logger ?? silentLogger
    const limits: Limits = { ...defaultLimits, ...cluster.options.limits }
    const { authorize: hook = allowEverybody } = cluster.options
    const authorize = guardedAuthorize(hook, { clock: systemClock, logger, limits })
    const budget = new MemoryBudget(limits.memoryBytesMax)
    const traces = cluster.options.traces?.(nodeId) ?? null
    const common = { clock: systemClock, random: systemRandom, logger, counters, limits, budget, traces }
    this.memory = new MemoryStore({ clock: systemClock, disk: cluster.disk })
    this.store = new FaultyStore(this.memory)
    const { store } = this
    this.#membershipStore = new OwnMembership(new MemoryMembership({ clock: systemClock, table: cluster.table }))
    const membership = new NodeMembership({
      ...common,
      store: this.#membershipStore,
      self: { nodeId, boot, advertise, version: 'test' },
      settings,
      onView: () => void this.manager.look(),
      onQuarantined: () => this.manager.drop('all'),
      onReplaced: () => {},
    })
    this.#membership = membership
    this.local = new LocalDirectory({
      ...common,
      store,
      fenceOf: (documentId) => this.manager.fenceOf(documentId),
      compactor: new InProcessCompactor(),
      broadcast: 'after-commit',
      onFenced: (shards) => this.manager.drop(shards),
      onFatal: () => {},
      tuning: { ...defaultTuning, ...cluster.options.tuning },
      busyness: () => 1,
      keepDeleted: () => false,
      bindClientIds: cluster.options.bindClientIds ?? false,
    })
    this.manager = new ShardManager({
      ...common,
      store,
      membership,
      claimant: { nodeId, boot },
      settings,
      handOver: (shards) => this.local.release(shards),
      abandon: (shards) => this.local.abandon(shards),
      onLooked: () => this.directory.looked(membership.view.filter((node) => node.boot !== boot)),
    })
    const secret = options.secret ?? 'a secret of this test'
    const gatekeeper = new NodeGatekeeper({ secret, clock: systemClock, random: systemRandom })
    const dialer = new WsDialer({
      secret,
      clock: systemClock,
      random: systemRandom,
      limits,
      isOwn: (challenge) => gatekeeper.issued(challenge),
    })
    this.links = new NodeLinks({ ...common, dialer, agent: nodeId, waitingBytesHigh: limits.pendingBytesPerDocumentMax })
    const others = () => membership.view.filter((node) => node.boot !== boot)
    this.relay = new HttpRelays({ ...common, dialer, others, carries: 'connections' })
    this.httpSockets = new HttpSockets({ ...common, boot })
    this.directory = new ClusterDirectory({
      ...common,
      local: this.local,
      locate: (shard) => this.manager.locate(shard),
      disowned: (shard, { boot }) => this.manager.disowned(shard, boot),
      lookSoon: () => void this.manager.look(),
      links: this.links,
      store,
      pace: defaultTuning,
      busyness: () => 1,
      times: { ...defaultDirectoryTimes, remoteIdleMs: 200, lookPeriodMs: 20 },
    })
    this.#awareness = new DocumentAwarenesses({ ...common, bus: soloAwarenessBus })
    this.gateway = new Gateway(
      {
        ...common,
        directory: this.directory,
        awareness: this.#awareness,
        authorize,
        sessions: new SessionRegistry(),
        serverId: boot,
        httpSockets: this.httpSockets,
      },
      this.local,
    )
    serveUpgrades(server, { dialects, gateway: () => this.gateway, limits, counters, nodes: { gatekeeper, logger } })
    const overHttp = httpTransport({
      ...common,
      node: () => this,
      dialects,
      transports: ['sse', 'poll'],
      basePath: '',
      trustedProxies: () => false,
      refusalOf: () => null,
    })
    server.on('request', (request, response) => {
      if (!overHttp(request, response)) response.writeHead(404).end()
    })
  }

  get running(): boolean {
    return this.#state === 'running'
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`
  }

  owns(documentId: string): boolean {
    return this.manager.fenceOf(documentId) !== null
  }

  async join(): Promise<void> {
    await this.#membership.start()
    await this.manager.look()
  }

  /** As on SIGTERM: ownership first, then the clients (G4). */
  async leave(): Promise<void> {
    if (this.#state === 'over') return
    this.#state = 'over'
    await this.#membership.drain()
    await this.manager.drain()
    await this.gateway.drain(0)
    await this.#stop()
    await this.#membership.leave()
  }

  /** As by kill -9: sockets are cut, nothing is flushed, and nobody is told. */
  async kill(): Promise<void> {
    if (this.#state === 'over') return
    this.#state = 'over'
    for (const socket of this.#sockets) socket.destroy()
    this.#membershipStore.cut()
    await this.memory.close()
    await this.#membership.leave()
    await this.#stop()
  }

  async #stop(): Promise<void> {
    this.manager.stop()
    this.directory.close()
    this.relay.close()
    this.gateway.close()
    await this.local.close()
    this.#awareness.close()
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

export class TestCluster {
  readonly options: ClusterOptions
  readonly disk = new MemoryDisk()
  readonly table = new MemoryMembershipTable()
  readonly nodes: ClusterNode[] = []

  /** Stops everything after the test. Resolves when every shard has an owner that all nodes know. */
  static async start(context: TestContext, options: ClusterOptions): Promise<TestCluster> {
    const cluster = new TestCluster(options)
    context.after(() => cluster.stop())
    for (let index = 0; index < options.nodes; index++) await cluster.add()
    await cluster.settled()
    return cluster
  }

  private constructor(options: ClusterOptions) {
    this.options = options
  }

  get running(): readonly ClusterNode[] {
    return this.nodes.filter((node) => node.running)
  }

  /** A further node, which has joined but may not have its shards yet. */
  async add(options: NodeOptions = {}): Promise<ClusterNode> {
    const node = await ClusterNode.listen(`node-${this.nodes.length + 1}`, this, options)
    this.nodes.push(node)
    await node.join()
    return node
  }

  /** Resolves when the running nodes share all shards as they should. */
  async settled(): Promise<void> {
    const ids = this.running.map((node) => node.nodeId)
    await eventually('every shard has the owner it should have', () =>
      this.running.every((node) =>
        Array.from({ length: SHARD_COUNT }, (_, shard) => shard).every((shard) => {
          const winner = rendezvousWinner(shard, ids)
          const location = node.manager.locate(shard)
          return location.kind === 'here' ? winner === node.nodeId : location.kind === 'node' && location.node.nodeId === winner
        }),
      ),
    )
  }

  /** The node that owns a document, and the others. */
  around(documentId: string): { readonly owner: ClusterNode; readonly others: readonly ClusterNode[] } {
    const owner = this.running.find((node) => node.owns(documentId))
    if (owner === undefined) throw new Error(`Nobody owns ${documentId}.`)
    return { owner, others: this.running.filter((node) => node !== owner) }
  }

  /** An id of a document that falls to this node when `nodeIds` are alive. */
  documentOf(nodeId: string, nodeIds = this.running.map((node) => node.nodeId)): string {
    for (let number = 1; ; number++) {
      const documentId = `document-${number}`
      if (rendezvousWinner(shardOf(documentId), nodeIds) === nodeId) return documentId
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()))
  }
}

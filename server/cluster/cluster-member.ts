// This node as a member of a cluster: membership, its share of the shards, links to the other nodes, and a directory that reaches every
// document.
import { settlesWithin } from '../../core/clock.js'
import type { WeftError } from '../../core/errors.js'
import { failureInWords, waitingForDatabase } from '../../core/public-words.js'
import type { MembershipStore, NodeRow, NodeSelf } from '../../persistence/membership.js'
import type { DocumentStore, Fence } from '../../persistence/store.js'
import type { DocumentCommands } from '../document/commands.js'
import type { DocumentDirectory } from '../document/port.js'
import { ClusterDirectory, defaultDirectoryTimes } from './cluster-directory.js'
import { HttpRelays } from './links/http-relays.js'
import type { NodeDialer } from './links/node-dialer.js'
import { NodeLinks } from './links/node-links.js'
import { type ClusterView, NodeMembership } from './node-membership.js'
import type { ClusterServices } from './services.js'
import type { ClusterSettings } from './settings.js'
import { ShardManager } from './shard-manager.js'

/** The documents of this process, and the two ways in which it loses some. */
export interface OwnDocuments extends DocumentDirectory, DocumentCommands {
  /** Flushes the documents of these shards and detaches their sessions with `owner-moved`. */
  release(shards: ReadonlySet<number>): Promise<void>
  /** Stops the documents of these shards at once. */
  abandon(shards: ReadonlySet<number>): void
}

export interface ClusterMemberOptions {
  readonly self: Omit<NodeSelf, 'draining'>
  readonly membership: MembershipStore
  readonly dialer: NodeDialer
  readonly settings: ClusterSettings
  /** This process must end: another one has its node id. */
  readonly onReplaced: (error: WeftError) => void
}

export interface ClusterMemberServices extends ClusterServices {
  /** A node that was alive is not any more. */
  readonly onNodeGone: (nodeId: string, boot: string) => void
  readonly local: OwnDocuments
  readonly store: DocumentStore
}

/** How long a node that leaves tries to flush and hand over while the store fails. */
const HAND_OVER_MS_MAX = 10_000
/** How long it waits for other nodes to answer what clients that have gone had submitted: the time in which a lost owner is replaced. */
const LAST_ANSWERS_MS_MAX = 5_000

export class ClusterMember {
  readonly boot: string
  readonly nodeId: string
  readonly directory: ClusterDirectory
  readonly relay: HttpRelays
  /** Asks other nodes what operators want to see of them. */
  readonly desks: HttpRelays
  readonly #membership: NodeMembership
  readonly #shards: ShardManager
  readonly #services: ClusterMemberServices
  #seen: ClusterView = []
  #failure: WeftError | null = null

  constructor(options: ClusterMemberOptions, services: ClusterMemberServices) {
    const { self, settings, dialer } = options
    const { local, limits } = services
    this.boot = self.boot
    this.nodeId = self.nodeId
    this.#services = services
    this.#membership = new NodeMembership({
      ...services,
      store: options.membership,
      self,
      settings,
      onView: (view) => this.#viewed(view),
      onQuarantined: () => {
        this.#shards.drop('all')
        // Or what this process asked for before it lost the store would be in the way once it is back.
        options.membership.reconnect()
      },
      onReplaced: options.onReplaced,
    })
    this.#shards = new ShardManager({
      ...services,
      membership: this.#membership,
      claimant: { nodeId: self.nodeId, boot: self.boot },
      settings,
      handOver: (shards) => local.release(shards),
      abandon: (shards) => local.abandon(shards),
      onLooked: () => this.directory.looked(this.#others()),
    })
    this.directory = new ClusterDirectory({
      ...services,
      locate: (shard) => this.#shards.locate(shard),
      disowned: (shard, { boot }) => this.#shards.disowned(shard, boot),
      lookSoon: () => void this.#shards.look(),
      links: new NodeLinks({ ...services, dialer, agent: self.nodeId, waitingBytesHigh: limits.pendingBytesPerDocumentMax }),
      times: defaultDirectoryTimes,
    })
    const others = () => this.#others()
    this.relay = new HttpRelays({ ...services, dialer, others, carries: 'connections' })
    this.desks = new HttpRelays({ ...services, dialer, others, carries: 'questions' })
  }

  /** Shards that this node owns. */
  get ownedShards(): number {
    return this.#shards.owned
  }

  /** Nodes that are alive, this one included. */
  get nodesAlive(): number {
    return this.#membership.view.length
  }

  /** Those that are alive, this one included, and what each owns. */
  nodes(): readonly (Omit<NodeRow, 'ageMs'> & { readonly heartbeatAgeMs: number; readonly ownedShards: number })[] {
    const owned = this.#shards.countByOwner()
    return this.#membership.view.map(({ ageMs, ...node }) => ({ ...node, heartbeatAgeMs: ageMs, ownedShards: owned.get(node.boot) ?? 0 }))
  }

  /** Joins: resolves at the first confirmed heartbeat and a first look at who owns what. */
  async start(): Promise<void> {
    await this.#membership.start()
    await this.#shards.look()
  }

  fenceOf(documentId: string): Fence | null {
    return this.#shards.fenceOf(documentId)
  }

  fenced(shards: ReadonlySet<number>): void {
    this.#shards.drop(shards)
    // Another node owns these shards now: which one is asked at once, since sessions have to go there.
    void this.#shards.look()
  }

  fail(error: WeftError): void {
    this.#failure = error
    // Before they are dropped, as the others can take them at once if the store still knows ownership.
    void this.#shards.letGo()
    this.#shards.stop()
    this.#shards.drop('all')
    this.directory.close()
    this.relay.close()
    this.desks.close()
    void this.#membership.leave()
  }

  impediment(): string | null {
    if (this.#failure !== null) return failureInWords(this.#failure)
    const { state } = this.#membership
    if (state.kind === 'joining' || state.kind === 'quarantined') return waitingForDatabase
    if (!this.#membership.mayOwn) return state.kind === 'replaced' ? 'replaced by another node of the same name' : 'leaving the cluster'
    return this.#shards.settled ? null : 'some documents have no owner yet'
  }

  /** Tells the others, flushes, and gives up its shards, in bounded time. */
  async handOver(): Promise<void> {
    const { clock, logger } = this.#services
    const handedOver = this.#membership.drain().then(() => this.#shards.drain())
    if (!(await settlesWithin(clock, HAND_OVER_MS_MAX, handedOver)))
      logger.warn({}, 'the hand-over took too long; the other nodes take these documents when this one is gone')
  }

  async end(): Promise<void> {
    // What clients sent and did not stay for is on its way to other nodes (G4).
    await this.directory.emptied(LAST_ANSWERS_MS_MAX)
    await this.#shards.letGo()
    this.#shards.stop()
    this.directory.close()
    this.relay.close()
    this.desks.close()
    await this.#membership.leave()
  }

  #others(): ClusterView {
    return this.#membership.view.filter(({ boot }) => boot !== this.boot)
  }

  #viewed(view: ClusterView): void {
    for (const { nodeId, boot } of this.#seen) if (!view.some((node) => node.boot === boot)) this.#services.onNodeGone(nodeId, boot)
    this.#seen = view
    void this.#shards.look()
  }
}

// A node without its HTTP side: everything between a socket and the store, constructed, and in what order it comes up. The server puts a listener in
// front of it; a simulation hands it sockets of its own.
import { type Clock, settlesWithin } from '../../core/clock.js'
import { Counters } from '../../core/counters.js'
import type { EditTraces } from '../../core/edit-traces.js'
import type { WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import type { Random } from '../../core/random.js'
import type { DocumentStore } from '../../persistence/store.js'
import type { Authorization, AuthorizeRequest } from '../access/authorize.js'
import type { Resumptions } from '../access/resumptions.js'
import { SessionRegistry } from '../access/session-registry.js'
import { type AwarenessBus, soloAwarenessBus } from '../awareness/bus.js'
import type { AwarenessEnvironment } from '../awareness/document-awareness.js'
import { DocumentAwarenesses } from '../awareness/hub.js'
import { ClusterMember, type ClusterMemberOptions } from '../cluster/cluster-member.js'
import type { Compactor } from '../document/compaction.js'
import { LocalDirectory } from '../document/local-directory.js'
import type { DocumentObserver } from '../document/observer.js'
import type { QuotaRule } from '../document/quota-rule.js'
import type { DocumentTuning } from '../document/tuning.js'
import type { Busyness } from '../document/view/pace.js'
import type { EditGuard } from '../events/hooks.js'
import { Gateway } from '../gateway/gateway.js'
import type { HttpRelay } from '../gateway/http-transport.js'
import type { ConnectGuard, GatewayServices } from '../gateway/services.js'
import { History } from '../history/history.js'
import { Workshop } from '../history/workshop/workshop.js'
import { AppMessages, type AppMessagesOptions } from '../messages/app-messages.js'
import type { PresenceRegistry } from '../presence/presence-registry.js'
import { ProgramDocuments } from '../program/server-document.js'
import { HttpSockets } from '../transport/http/http-sockets.js'
import type { AskedWebhooks } from '../webhooks/webhook-feeds.js'
import { Webhooks } from '../webhooks/webhooks.js'
import type { Component } from './life-cycle.js'
import type { Ownership } from './ownership.js'
import { SoleOwnership } from './sole-ownership.js'

export interface NodeOptions {
  /** Not closed with the node. */
  readonly store: DocumentStore
  /** Closed with the node. */
  readonly compactor: Compactor
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly logger: Logger
  /** Answers or rejects with a WeftError, within bounded time. */
  readonly authorize: (request: AuthorizeRequest) => Promise<Authorization>
  /** Where sessions are found by who has them. Default: nobody looks. */
  readonly sessions?: SessionRegistry
  /** Closes all sessions of a document, on all nodes. */
  readonly closeSessions: (documentId: string) => Promise<void>
  /** What clients show that come back. Default: nothing. */
  readonly resumptions?: Resumptions | null
  readonly broadcast: 'after-commit' | 'before-commit'
  /** The store can never commit again (D7). The node has let go of everything and serves nobody; its process has to end. */
  readonly onFatal: (error: WeftError) => void
  readonly tuning: DocumentTuning
  /** By what beats lengthen. Default: as if there were never time to spare, which depends on no machine. */
  readonly busyness?: Busyness
  /** Whether compaction keeps deleted content. Default: it does not. */
  readonly keepDeleted?: (documentId: string) => boolean
  /** Whether an edit may bear only client ids of its own user. Default: false. */
  readonly bindClientIds?: boolean
  /** How much documents may have. Default: no bounds but the limits. */
  readonly quotas?: readonly QuotaRule[]
  /** Hooks of the program. Default: none. */
  readonly editGuard?: EditGuard | null
  readonly connectGuard?: ConnectGuard | null
  readonly observer?: DocumentObserver | null
  readonly mayPass?: AppMessagesOptions['mayPass']
  readonly heard?: AwarenessEnvironment['heard']
  /** Told of sessions that are refused or ended. Default: nobody is. */
  readonly refused?: GatewayServices['refused']
  /** Answers what operators ask over another node. Default: nobody does. */
  readonly desk?: (question: Uint8Array) => Uint8Array
  /** Follows some edits. Default: none. */
  readonly traces?: EditTraces | null
  /** Addresses that are told of changes. Default: none. */
  readonly webhooks?: AskedWebhooks
  /** Runs when everything is committed that will be, before what documents can be read from goes. */
  readonly beforeClose?: () => Promise<void>
  readonly counters?: Counters
  /** What this process holds in memory. Default: nothing yet, bounded by `memoryBytesMax`. */
  readonly budget?: MemoryBudget
  /** Carries cursors to other nodes. Default: there are none. */
  readonly bus?: AwarenessBus
  /** The field of awareness states in which the server says who they are of. Default: none. */
  readonly stampUser?: string | null
  /** Makes the node a member of a cluster. Default: it is alone and owns everything. */
  readonly cluster?: ClusterMemberOptions
}

/** How long a node that stops tries to commit what the clients wrote that have been closed, while the store fails. */
const LAST_COMMITS_MS_MAX = 5_000

export class ServerNode {
  readonly counters: Counters
  readonly budget: MemoryBudget
  readonly gateway: Gateway
  /** Connections of clients that no WebSocket reaches. */
  readonly httpSockets: HttpSockets
  /** The documents that this process owns. */
  readonly documents: LocalDirectory
  readonly awareness: DocumentAwarenesses
  readonly ownership: Ownership
  readonly history: History
  readonly program: ProgramDocuments
  readonly messages: AppMessages
  readonly store: DocumentStore
  readonly webhooks: Webhooks
  /** Who is on documents, through other nodes too; null before it is there. */
  presence: Pick<PresenceRegistry, 'documentPresence'> | null = null
  readonly #workshop: Workshop
  readonly #options: NodeOptions

  /** Constructs it; its `components` bring it up. */
  constructor(options: NodeOptions) {
    const { store, compactor, clock, random, limits, logger, authorize, broadcast, tuning, bus = soloAwarenessBus, cluster } = options
    const { busyness = () => 1 } = options
    const counters = options.counters ?? new Counters()
    const { traces = null } = options
    const budget = options.budget ?? new MemoryBudget(limits.memoryBytesMax)
    this.counters = counters
    this.budget = budget
    this.store = store
    this.#options = options
    this.documents = new LocalDirectory({
      store,
      fenceOf: (documentId) => this.ownership.fenceOf(documentId),
      clock,
      random,
      logger,
      counters,
      limits,
      budget,
      compactor,
      broadcast,
      busyness,
      storeIsShared: cluster !== undefined,
      onFenced: (shards) => this.ownership.fenced(shards),
      onFatal: (error) => {
        this.ownership.fail(error)
        options.onFatal(error)
      },
      tuning,
      traces,
      keepDeleted: options.keepDeleted ?? (() => false),
      quotas: options.quotas ?? [],
      bindClientIds: options.bindClientIds ?? false,
      observer: this.#observer(options.observer ?? null),
    })
    const { stampUser = null, heard = null, closeSessions } = options
    this.awareness = new DocumentAwarenesses({ clock, limits, counters, logger, bus, stampUser, heard })
    const { documents, awareness } = this
    this.ownership =
      cluster === undefined
        ? new SoleOwnership({ store, random, local: documents })
        : new ClusterMember(cluster, {
            local: documents,
            store,
            clock,
            random,
            logger,
            counters,
            limits,
            budget,
            pace: tuning,
            busyness,
            traces,
            onNodeGone: (nodeId, boot) => awareness.removeNode(nodeId, boot),
          })
    const { ownership } = this
    this.#workshop = new Workshop({ clock, memoryBytesMax: limits.compactionBytesMax, account: budget.account('history') })
    this.history = new History({
      store,
      documents: ownership.directory,
      workshop: this.#workshop,
      clock,
      random,
      account: budget.account('history'),
      limits,
      counters,
      traces,
      bindClientIds: options.bindClientIds ?? false,
      versionsServing: () => new Set(this.ownership.nodes().map(({ version }) => version)),
      happened: (happening) => this.webhooks.happened(happening),
      editGuard: options.editGuard ?? null,
    })
    const sessions = options.sessions ?? new SessionRegistry()
    const { mayPass = null } = options
    this.messages = new AppMessages({ sessions, bus: bus.messages, clock, counters, logger, limits, mayPass })
    const { history, messages } = this
    this.program = new ProgramDocuments({ directory: ownership.directory, history, messages, closeSessions, random })
    this.webhooks = new Webhooks({
      store,
      owns: (documentId) => this.ownership.fenceOf(documentId) !== null,
      shardsClaimed: () => counters.get('shards_claimed'),
      present: (documentId) => this.#present(documentId),
      clock,
      random,
      logger,
      counters,
    })
    this.httpSockets = new HttpSockets({ clock, random, limits, boot: ownership.boot })
    this.gateway = new Gateway(
      {
        clock,
        random,
        limits,
        budget,
        counters,
        logger,
        directory: ownership.directory,
        commands: documents,
        awareness,
        authorize,
        editGuard: options.editGuard ?? null,
        messages: this.messages,
        sessions,
        connectGuard: options.connectGuard ?? null,
        resumptions: options.resumptions ?? null,
        traces,
        desk: options.desk ?? null,
        ...(options.refused === undefined ? {} : { refused: options.refused }),
        serverId: ownership.boot,
        httpSockets: this.httpSockets,
      },
      documents,
    )
  }

  /** The one that looks on for the program, and the addresses that are told of changes beside it. */
  #observer(observer: DocumentObserver | null): DocumentObserver {
    return {
      firstContent: observer?.firstContent ?? null,
      committed: (documentId, seq, users, bytes) => {
        observer?.committed(documentId, seq, users, bytes)
        this.webhooks.committed(documentId, seq)
      },
      becameIdle: (documentId) => {
        observer?.becameIdle(documentId)
        void this.webhooks.happened({ type: 'document.idle', data: { documentId } })
      },
    }
  }

  async #startWebhooks(): Promise<void> {
    const { webhooks } = this.#options
    // Whoever runs a node without them does not want the store to be asked for addresses.
    if (webhooks !== undefined) await this.webhooks.start(webhooks)
  }

  /** Passes on requests for connections over HTTP that another node has. */
  get relay(): HttpRelay {
    return this.ownership.relay
  }

  /** Users on a document. */
  async #present(documentId: string): Promise<ReadonlySet<string>> {
    const users = new Set<string>()
    for (const session of this.#options.sessions?.all ?? [])
      if (session.documentId === documentId && session.user !== null) users.add(session.user)
    for (const { user } of (await this.presence?.documentPresence(documentId))?.clients ?? []) if (user !== null) users.add(user)
    return users
  }

  /** Serves nobody any more and lets go of everything, at once: the process has to end, and whoever stayed would wait without end. Idempotent. */
  fail(error: WeftError): void {
    this.documents.fail(error)
  }

  /**
   * In the order in which they come up: what is worked with, ownership of everything or of a share, what becomes of edits, and those who bring them. So ownership is
   * handed over first of all (G4), while clients are still there; then the clients go; then what they wrote is committed, told of, and let go of.
   */
  get components(): readonly Component[] {
    const { gateway, documents, awareness, ownership } = this
    const { compactor, clock, beforeClose } = this.#options
    return [
      { name: 'the workshop', stop: () => this.#workshop.close() },
      { name: 'the compactor', stop: () => compactor.close() },
      { name: 'ownership', start: () => ownership.start(), stop: () => ownership.end() },
      { name: 'awareness', stop: () => awareness.close() },
      {
        name: 'webhooks',
        start: () => this.#startWebhooks(),
        drain: () => this.webhooks.close(),
        stop: () => this.webhooks.close(),
      },
      { name: 'the hooks of the program', drain: () => beforeClose?.() },
      { name: 'the documents', drain: () => this.#lastCommits(), stop: () => documents.close() },
      {
        name: 'the gateway',
        drain: async (deadlineMs) => {
          await gateway.drain(Math.max(0, deadlineMs - clock.monotonic()))
          gateway.close()
        },
        stop: () => gateway.close(),
      },
      { name: 'the hand-over', drain: () => ownership.handOver() },
    ]
  }

  async #lastCommits(): Promise<void> {
    const { clock, logger } = this.#options
    if (!(await settlesWithin(clock, LAST_COMMITS_MS_MAX, this.documents.drain())))
      logger.error({}, 'the store did not take the last edits; none of them was acknowledged, and their clients still have them')
  }
}

// The composition root: puts the HTTP side in front of a node, and takes everything apart again, in order.
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { unreachable } from '../../core/assert.js'
import { type Clock, systemClock } from '../../core/clock.js'
import { Counters } from '../../core/counters.js'
import { checkDocumentId } from '../../core/document-id.js'
import { behindBasePath } from '../../core/document-path.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import { MemoryBudget, memoryAccountNames } from '../../core/memory-budget.js'
import { failureInWords, joiningCluster } from '../../core/public-words.js'
import { type Random, systemRandom } from '../../core/random.js'
import type { DocumentStore } from '../../persistence/store.js'
import type { AccessControl } from '../access/access-control.js'
import { trustedProxiesOf } from '../access/addresses.js'
import { auditedSessions } from '../access/audit-trail.js'
import type { Authorize } from '../access/authorize.js'
import type { IdentityOfClaims } from '../access/json-web-tokens.js'
import type { LocalIdentity } from '../access/local-identities.js'
import { NodeGatekeeper } from '../access/node-credentials.js'
import { type Application, createApplication } from '../api/application.js'
import type { NodeBindings } from '../api/framework/environment.js'
import { HttpListener } from '../api/listener.js'
import { createRequestListener } from '../api/request-listener.js'
import type { Gauge } from '../api/routes/metrics.js'
import { probePaths, type Readiness } from '../api/routes/probes.js'
import { readStaticFiles, type StaticFile } from '../api/routes/static-files.js'
import { settingsFromOptions, settingsUnder, tuningIn } from '../config/program-options.js'
import type { Settings } from '../config/settings.js'
import { type DocumentTuning, defaultTuning } from '../document/tuning.js'
import type { Hooks } from '../events/hooks.js'
import { chooseDialect } from '../gateway/dialect.js'
import { serveUpgrades } from '../gateway/upgrade.js'
import type { History } from '../history/history.js'
import { AuditLog } from '../logging/audit-log.js'
import { LimitedLogger } from '../logging/limited-logger.js'
import { createLogger } from '../logging/logger.js'
import type { PresenceRegistry } from '../presence/presence-registry.js'
import { type AcceptInProcess, type InProcessWebSocket, inProcessWebSocket } from '../program/in-process-socket.js'
import type { ServerDocument } from '../program/server-document.js'
import { Webhook } from '../webhooks/webhook.js'
import { type AccessSettings, accessControlOf, checkExposure, type Exposure } from './access.js'
import { dialects } from './dialects.js'
import { garbageCollector, MemoryReturn } from './memory-return.js'
import type { ServerNode } from './node.js'
import { ProgramHooks } from './program-hooks.js'
import { type ClusterConfig, inOrder, type NodeBase, type StartedNode, startAlone, startMember } from './start-node.js'
import { packageVersion } from './version.js'

export interface ServerOptions {
  /** The folder of the embedded store; created if it is missing. Default `./data`. Unused with `store` and `cluster`. */
  readonly dataDir?: string
  /** A store instead of the embedded one. It stays open when the server closes. Not with `cluster`. */
  readonly store?: DocumentStore
  /** Makes the server a node of a cluster, on PostgreSQL instead of the embedded store. What is left out is as on the command line. */
  readonly cluster?: ClusterOptions
  readonly clock?: Clock
  readonly random?: Random
  /** Overrides of single limits. */
  readonly limits?: Partial<Limits>
  /** Default: warnings and errors as JSON lines on stderr. */
  readonly logger?: Logger
  /** Who may do what, as tokens, tickets and API keys say; see docs/security.md. */
  readonly access?: AccessOptions
  /**
   * Who may do what, as the program says: asked for each session whose token is none of `access`. Without it, and without `access`, the server listens on loopback and
   * serves its own machine only.
   */
  readonly authorize?: Authorize
  /** Addresses that get a signed POST when documents have changed; see docs/webhooks.md. */
  readonly webhooks?: Partial<ReturnType<typeof settingsUnder<'webhooks'>>>
  /** What the program wants to be asked and told. */
  readonly hooks?: Hooks
  /** `after-commit` (default): nobody sees an edit that a crash can take back. Acknowledgements mean committed either way. */
  readonly broadcast?: 'after-commit' | 'before-commit'
  /**
   * Documents of which deleted content is kept, for `Y.createDocFromSnapshot` and what else needs it; they only grow. Asked at each compaction, and
   * the same on all nodes. What was deleted before it said so is gone. Default: none.
   */
  readonly keepDeleted?: (documentId: string) => boolean
  /** The folder of the demo served at `/`, or false for none. Default: the one that comes with Weft. */
  readonly demo?: string | false
  /** The path that everything is under, such as `/collab`, behind a proxy that passes paths through unchanged. Default: none. */
  readonly basePath?: string
  /**
   * Proxies in front of this server, which say in `X-Forwarded-For` whom they speak for: addresses, networks such as `10.0.0.0/8`, or `loopback`, `linklocal`,
   * `uniquelocal`. The limits for each client address follow it. Default: none is believed.
   */
  readonly trustedProxies?: readonly string[]
  /** A port of its own for `/metrics` and the probes, opened by `listen`. Default: they are where everything is. */
  readonly metricsPort?: number | null
  /** Where that port listens. Default 127.0.0.1. */
  readonly metricsHost?: string
  /** A file that gets a line of JSON for each change over the API, each export, and each refusal. Default: none. */
  readonly auditLog?: string | null
  readonly tuning?: Partial<DocumentTuning>
  /** The longest time over which a drain spreads the closes. Default 5 s; with few connections it takes much less. */
  readonly drainWindowMs?: number
  /**
   * The server has stopped acting and must end: the store can no longer be trusted (D7), or another process has this node's id. Default: ends the
   * process with exit code 1.
   */
  readonly onFatal?: (error: WeftError) => void
}

export type ClusterOptions = Pick<ClusterConfig, 'databaseUrl' | 'secret'> & Partial<ClusterConfig>

/** As `weft-sync/client` takes it. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => InProcessWebSocket

/** What is left out is as on the command line. */
export type AccessOptions = Partial<AccessSettings> & {
  /** Who somebody is by the claims of their token, where the application has claims of its own. Default: `sub`, `name`, and `weft.documents`. */
  readonly identityOf?: IdentityOfClaims
}

export interface WeftServer {
  /**
   * Listens. Rejects with `invalid-configuration` on an address that others reach, while nobody configured who may do what. Resolves when clients can connect; a node of a cluster may still be waiting for its database then, see `ready`. Port 0 takes any free
   * one. Rejects with `address-in-use`. Default host 127.0.0.1.
   */
  listen(port: number, host?: string): Promise<void>
  /** Of the port of its own for metrics, such as `http://127.0.0.1:9464`; null without one, and before `listen`. */
  readonly metricsUrl: string | null
  /** Resolves when the server serves. Rejects with `invalid-configuration` when a setting has to change first. */
  readonly ready: Promise<void>
  /** Such as `http://127.0.0.1:1234`. Throws before `listen`. */
  readonly url: string
  readonly counters: Counters
  /** Who is where, on all nodes; see `PresenceRegistry`. Null while the server does not serve. Nobody's rights are asked for: that is for the caller. */
  readonly presence: Pick<PresenceRegistry, 'documentPresence' | 'connectionsOf'> | null
  /** Earlier moments of documents, and their versions; see `History`. Null while the server does not serve. Nobody's rights are asked for. */
  readonly history: History | null
  /** A document as this program reads and edits it, by the same path as a client's edit. Throws `overloaded` while the server does not serve. */
  document(documentId: string): ServerDocument
  /**
   * What to pass to `connect` of `weft-sync/client`, with any address, for a client in this process that takes part like any other, such as an agent: it has sessions, a
   * cursor, and no socket.
   */
  asClient(identity?: LocalIdentity): { readonly WebSocket: WebSocketConstructor; readonly token: string }
  /**
   * Serves WebSockets under the base path on a server of the program's own; other upgrades are left alone. Its requests are for `handle` or `fetch`. A node of a cluster
   * begins to serve once that server listens.
   */
  attach(httpServer: HttpServer): void
  /** Answers a request of node:http; `next`, as in Express, is called for what is not under the base path. */
  handle(request: IncomingMessage, response: ServerResponse, next?: () => void): void
  /** API keys, one-time tickets, revocations, and the sessions of this node. */
  readonly access: Pick<AccessControl, 'keys' | 'tickets' | 'revocations' | 'sessions'>
  /**
   * The HTTP application as a fetch handler, as another program mounts it. `bindings` hold the request of node:http that it came by, so that it is known from where;
   * without them whoever calls it answers for who asks, while nobody configured who may do what.
   */
  fetch(request: Request, bindings?: NodeBindings): Promise<Response>
  /** Takes no new clients, commits and acknowledges what was received, closes everybody with 1012 over the drain window, and stops. Idempotent. */
  drain(): Promise<void>
  /** As `drain`, without spreading the closes. Idempotent. */
  close(): Promise<void>
  /** Resolves when the server has stopped. */
  readonly closed: Promise<void>
}

const demoFolder = fileURLToPath(new URL('../../demo', import.meta.url))

/**
 * Opens the embedded store and takes ownership; a node of a cluster does that once it listens. Rejects with `data-folder-in-use`,
 * `data-folder-unwritable`, `data-folder-newer`, `data-folder-damaged` or a store error, and with `invalid-configuration` for settings that cannot be, or contradict
 * each other.
 */
export async function createServer(options: ServerOptions = {}): Promise<WeftServer> {
  const settings = settingsFromOptions({ ...options })
  const cluster = clusterOf(settings, options)
  const files = options.demo === false ? new Map() : await readStaticFiles(options.demo ?? demoFolder)
  const limits = settingsUnder(settings, 'limits')
  const clock = options.clock ?? systemClock
  const random = options.random ?? systemRandom
  const logger = new LimitedLogger({ logger: options.logger ?? createLogger('warn'), clock, limits })
  const counters = new Counters()
  const hooks = new ProgramHooks(options.hooks ?? {}, { clock, random, logger, limits }, () => server.node?.history ?? null)
  const audit = settings.auditLog === null ? null : new AuditLog(settings.auditLog, logger, clock)
  const sessionEvents = [hooks.sessionEvents, audit === null ? null : auditedSessions(audit, clock)].filter((events) => events !== null)
  const base: NodeBase = {
    clock,
    random,
    logger,
    limits,
    counters,
    budget: new MemoryBudget(limits.memoryBytesMax),
    audit,
    access: await accessControlOf(settings, options, { clock, random, logger, counters, limits }, sessionEvents),
    editGuard: hooks.editGuard,
    observer: hooks.observer,
    beforeClose: () => hooks.close(),
    webhooks: webhooksOf(settings, clock),
    webhookPace: { quietMs: settings['webhooks.quietMs'], waitMsMax: settings['webhooks.waitMsMax'] },
    broadcast: settings.broadcast,
    stampUser: settings['access.stampUser'],
    keepDeleted: options.keepDeleted ?? (() => false),
    tuning: { ...defaultTuning, ...options.tuning, ...tuningIn(settings) },
    onFatal: (error) => server.fail(error),
  }
  const gatekeeper = cluster === null ? null : new NodeGatekeeper({ secret: cluster.secret, clock: base.clock, random: base.random })
  const version = await packageVersion()
  const server = new Server(options, settings, base, audit, files, gatekeeper, version)
  if (cluster === null || gatekeeper === null) {
    server.serve(await startAlone(base, { dataDir: settings.dataDir, store: options.store ?? null }))
    return server
  }
  server.startWhenListening(async (url, waiting, cancelled) => {
    return startMember(base, { config: cluster, url, version, gatekeeper, waiting, cancelled })
  })
  return server
}

/** Throws `invalid-configuration`. */
function webhooksOf(settings: Settings, clock: Clock): readonly Webhook[] {
  const { urls, secret } = settingsUnder(settings, 'webhooks')
  return secret === null ? [] : urls.map((url) => new Webhook({ url, secret, clock }))
}

/** Null: a server that is alone. Throws `invalid-configuration`. */
function clusterOf(settings: Settings, { store, cluster }: ServerOptions): ClusterConfig | null {
  if (cluster === undefined) return null
  if (store !== undefined)
    throw new WeftError(
      'invalid-configuration',
      'cluster and store are both set: the documents of a cluster are in its database. Leave one of them out.',
    )
  const { databaseUrl, secret, ...rest } = settingsUnder(settings, 'cluster')
  if (databaseUrl === null || secret === null)
    throw new WeftError('invalid-configuration', 'cluster is without databaseUrl or secret; it needs both.')
  return { databaseUrl, secret, ...rest }
}

type Start = (url: string, waiting: (reason: string) => void, cancelled: AbortSignal) => Promise<StartedNode>

type ServerState =
  | { readonly kind: 'created'; readonly start: Start | null }
  | { readonly kind: 'starting'; readonly reason: string; readonly ended: Promise<unknown>; readonly cancel: AbortController }
  | { readonly kind: 'serving'; readonly started: StartedNode }
  /** It could not start, or cannot go on; its process has to end. */
  | { readonly kind: 'failed'; readonly error: WeftError; readonly started: StartedNode | null }
  /** A node that is being stopped still answers its clients. */
  | { readonly kind: 'stopping'; readonly stopped: Promise<void>; readonly node: ServerNode | null }

class Server implements WeftServer {
  readonly counters: Counters
  readonly access: AccessControl
  readonly ready: Promise<void>
  readonly closed: Promise<void>
  readonly #exposure: Exposure
  readonly #listener: HttpListener
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #basePath: string
  readonly #requestListener: (request: IncomingMessage, response: ServerResponse) => void
  readonly #serveUpgrades: (server: HttpServer, others: 'refused' | 'ignored') => () => void
  /** What is only for those who watch; null where that is with everything else. */
  readonly #metrics: { readonly listener: HttpListener; readonly port: number; readonly host: string } | null
  /** Takes what was attached off the program's own servers. */
  readonly #attached: (() => void)[] = []
  readonly #application: Application
  readonly #audit: AuditLog | null
  readonly #logger: Logger
  readonly #drainWindowMs: number
  readonly #memoryReturn: MemoryReturn | null
  readonly #onFatal: (error: WeftError) => void
  #markReady: () => void = () => {}
  #markUnready: (reason: unknown) => void = () => {}
  #markClosed: () => void = () => {}
  #state: ServerState = { kind: 'created', start: null }

  /** `gatekeeper` lets other nodes in; null for a server that is alone. */
  constructor(
    options: ServerOptions,
    settings: Settings,
    base: NodeBase,
    audit: AuditLog | null,
    files: ReadonlyMap<string, StaticFile>,
    gatekeeper: NodeGatekeeper | null,
    version: string,
  ) {
    const { counters, logger, limits, budget, access } = base
    this.access = access
    this.#exposure = { access, settings: settingsUnder(settings, 'access'), clusterSecret: settings['cluster.secret'] }
    this.counters = counters
    this.#logger = logger
    const collect = garbageCollector()
    this.#memoryReturn = collect === null ? null : new MemoryReturn(base.clock, budget, collect)
    this.#drainWindowMs = settings.drainWindowMs
    const { basePath } = settings
    const trustedProxies = trustedProxiesOf(settings.trustedProxies, 'trustedProxies')
    this.#onFatal = options.onFatal ?? (() => process.exit(1))
    const nodes = gatekeeper === null ? null : { gatekeeper, logger }
    this.#audit = audit
    this.#application = createApplication({
      logger,
      audit: this.#audit,
      counters,
      gauges: [
        ...gaugesOf(
          () => this.node,
          () => this.#started,
        ),
        ...memoryGauges(budget),
        {
          name: 'sessions',
          help: 'Clients on documents: one for each document that a connection has open.',
          read: () => access.sessions.size,
        },
      ],
      clock: base.clock,
      limits,
      files,
      basePath,
      access: {
        authorize: (request) => access.authorize(request),
        refusalOf: (visit, request) => access.refusalOf(visit, request),
        isAllowedOrigin: (origin) => access.isAllowedOrigin(origin),
        trustedProxies,
      },
      accessControl: access,
      drain: () => this.drain(),
      version,
      presence: () => this.#started?.presence ?? null,
      history: () => this.#started?.node.history ?? null,
      store: () => this.#started?.node.store ?? null,
      readiness: () => this.#readiness(),
    })
    this.#clock = base.clock
    this.#limits = limits
    this.#basePath = basePath
    const answers = { clock: base.clock, limits, memory: budget.account('answers') }
    const { metricsPort, metricsHost } = settings
    const withoutMetrics: Application = (request, bindings) =>
      this.#application(
        metricsPort !== null && ['/metrics', `${basePath}/metrics`].includes(new URL(request.url).pathname)
          ? new Request(new URL('/nothing', request.url), request)
          : request,
        bindings,
      )
    this.#requestListener = createRequestListener(withoutMetrics, answers)
    const onlyProbes: Application = async (request, bindings) =>
      probePaths.has(new URL(request.url).pathname)
        ? this.#application(request, bindings)
        : new Response('Only /metrics, /healthz and /readyz are here.\n', { status: 404 })
    this.#metrics =
      metricsPort === null
        ? null
        : {
            listener: new HttpListener(createRequestListener(onlyProbes, answers), () => {}, {
              clock: base.clock,
              idleSocketsMax: limits.idleSocketsMax,
            }),
            port: metricsPort,
            host: metricsHost,
          }
    this.#serveUpgrades = (server, others) =>
      serveUpgrades(server, {
        dialects,
        gateway: () => this.node?.gateway ?? null,
        limits,
        counters,
        basePath,
        nodes,
        trustedProxies,
        logger,
        random: base.random,
        refusalOf: (visit, request) => access.refusalOf(visit, request),
        others,
      })
    this.#listener = new HttpListener(this.#requestListener, (server) => void this.#serveUpgrades(server, 'refused'), {
      clock: base.clock,
      idleSocketsMax: limits.idleSocketsMax,
    })
    this.ready = new Promise((resolve, reject) => {
      this.#markReady = resolve
      this.#markUnready = reject
    })
    // Whoever does not ask whether it became ready need not hear that it did not.
    this.ready.catch(() => {})
    this.closed = new Promise((resolve) => {
      this.#markClosed = resolve
    })
  }

  get url(): string {
    return this.#listener.url
  }

  get metricsUrl(): string | null {
    return this.#metrics?.listener.urlIfListening ?? null
  }

  get presence(): WeftServer['presence'] {
    return this.#started?.presence ?? null
  }

  get history(): History | null {
    return this.#started?.node.history ?? null
  }

  fetch(request: Request, bindings: NodeBindings = {}): Promise<Response> {
    return this.#application(request, bindings)
  }

  /** The node is there. */
  serve(started: StartedNode): void {
    this.#state = { kind: 'serving', started }
    this.#markReady()
  }

  /** The node comes up once the address is known. */
  startWhenListening(start: Start): void {
    this.#state = { kind: 'created', start }
  }

  document(documentId: string): ServerDocument {
    const node = this.node
    if (node === null) throw new WeftError('overloaded', 'This node is not serving yet; wait for `ready`.')
    return node.program.document(checkDocumentId(documentId, this.#limits.documentIdBytesMax))
  }

  asClient(identity: LocalIdentity = {}): { readonly WebSocket: WebSocketConstructor; readonly token: string } {
    const accept: AcceptInProcess = (socket, protocols) => {
      const gateway = this.node?.gateway ?? null
      const chosen = chooseDialect(dialects, protocols, null)?.dialect
      if (gateway === null || chosen === undefined || chosen.speaker === 'node' || gateway.admission(null) !== 'admitted') return null
      return gateway.accept(socket, { dialect: chosen, target: '/', origin: null, address: null, protocols, headers: {} })
    }
    return { WebSocket: inProcessWebSocket(accept, this.#clock), token: this.access.locals.admit(identity) }
  }

  attach(httpServer: HttpServer): void {
    this.#attached.push(this.#serveUpgrades(httpServer, 'ignored'))
    const begin = (): void => {
      const address = httpServer.address()
      if (address === null || typeof address === 'string') return
      this.#beginOnce(`http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`)
    }
    if (httpServer.listening) begin()
    else httpServer.once('listening', begin)
  }

  handle(request: IncomingMessage, response: ServerResponse, next?: () => void): void {
    // Frameworks that mount a handler under a path take that off.
    const url = (request as IncomingMessage & { readonly originalUrl?: string }).originalUrl ?? request.url ?? '/'
    if (next !== undefined && behindBasePath(url, this.#basePath) === null) next()
    else {
      request.url = url
      this.#requestListener(request, response)
    }
  }

  async listen(port: number, host = '127.0.0.1'): Promise<void> {
    checkExposure(host, this.#exposure, this.#logger)
    await this.#listener.listen(port, host)
    if (this.#metrics !== null) {
      await this.#metrics.listener.listen(this.#metrics.port, this.#metrics.host)
      this.#logger.info({ url: this.#metrics.listener.url }, 'metrics are there')
    }
    this.#logger.info({ url: this.url }, 'listening')
    this.#beginOnce(this.url)
  }

  #beginOnce(url: string): void {
    if (this.#state.kind === 'created' && this.#state.start !== null) this.#begin(this.#state.start, url)
  }

  drain(): Promise<void> {
    return this.#stop(this.#drainWindowMs)
  }

  close(): Promise<void> {
    return this.#stop(0)
  }

  get #started(): StartedNode | null {
    return this.#state.kind === 'serving' ? this.#state.started : null
  }

  /** Null while there is none. */
  get node(): ServerNode | null {
    switch (this.#state.kind) {
      case 'created':
      case 'starting':
        return null
      case 'serving':
        return this.#state.started.node
      case 'failed':
        return this.#state.started?.node ?? null
      case 'stopping':
        return this.#state.node
      default:
        return unreachable(this.#state)
    }
  }

  #begin(start: Start, url: string): void {
    const waiting = (reason: string): void => {
      if (this.#state.kind === 'starting') this.#state = { ...this.#state, reason }
    }
    const cancel = new AbortController()
    const ended = start(url, waiting, cancel.signal).then(
      async (started) => {
        // Stopped, or failed, while it came up.
        if (this.#state.kind === 'starting') this.serve(started)
        else await started.stop(0)
      },
      (thrown) => {
        if (this.#state.kind === 'starting') this.#state = { kind: 'failed', error: asWeftError(thrown), started: null }
        this.#markUnready(thrown)
      },
    )
    this.#state = { kind: 'starting', reason: joiningCluster, ended, cancel }
  }

  /** The node can serve no more: nobody is served from here on, and the process has to end. Idempotent. */
  fail(error: WeftError): void {
    const before = this.#state
    if (before.kind === 'failed') return
    if (before.kind !== 'stopping') {
      const started = before.kind === 'serving' ? before.started : null
      this.#state = { kind: 'failed', error, started }
      if (before.kind === 'starting') before.cancel.abort()
      started?.node.fail(error)
    }
    this.#onFatal(error)
  }

  #readiness(): Readiness {
    const state = this.#state
    switch (state.kind) {
      case 'created':
        return { ready: false, text: 'starting' }
      case 'starting':
        return { ready: false, text: `starting: ${state.reason}` }
      case 'serving': {
        const impediment = state.started.node.ownership.impediment()
        return impediment === null ? { ready: true, text: 'serving' } : { ready: false, text: impediment }
      }
      case 'failed':
        return { ready: false, text: failureInWords(state.error) }
      case 'stopping':
        return { ready: false, text: 'draining' }
      default:
        return unreachable(state)
    }
  }

  #stop(windowMs: number): Promise<void> {
    if (this.#state.kind === 'stopping') return this.#state.stopped
    const before = this.#state
    // Not in this turn: the state changes first, since what is coming up looks at it.
    const stopped = Promise.resolve().then(() => this.#takeApart(before, windowMs))
    this.#state = { kind: 'stopping', stopped, node: this.node }
    if (before.kind === 'starting') before.cancel.abort()
    return stopped
  }

  async #takeApart(before: ServerState, windowMs: number): Promise<void> {
    const stopNode = async (): Promise<void> => {
      if (before.kind === 'starting') await before.ended
      if (before.kind === 'serving' || before.kind === 'failed') await before.started?.stop(windowMs)
    }
    try {
      await inOrder([
        stopNode,
        ...this.#attached,
        () => this.#listener.close(),
        () => this.#metrics?.listener.close(),
        () => this.#audit?.close(),
      ])
    } catch (thrown) {
      this.#logger.error({ err: thrown }, 'a step of stopping failed')
      throw thrown
    } finally {
      this.#memoryReturn?.stop()
      this.access.stop()
      this.#markClosed()
    }
  }
}

function gaugesOf(node: () => ServerNode | null, started: () => StartedNode | null): readonly Gauge[] {
  return [
    { name: 'connections', help: 'Open connections.', read: () => node()?.gateway.connectionCount ?? 0 },
    { name: 'waiting_bytes', help: 'Bytes that wait for clients to take them.', read: () => node()?.gateway.waitingBytes ?? 0 },
    { name: 'open_documents', help: 'Documents in memory that this node owns.', read: () => node()?.documents.openDocuments ?? 0 },
    { name: 'redis_connected', help: 'Whether cursors cross to other nodes.', read: () => (started()?.crossesNodes() === true ? 1 : 0) },
    { name: 'owned_shards', help: 'Shards that this node owns, of 1024.', read: () => node()?.ownership.ownedShards ?? 0 },
    { name: 'webhooks_waiting', help: 'Documents of which an address is still to be told.', read: () => node()?.webhooksWaiting ?? 0 },
    { name: 'nodes_alive', help: 'Nodes of the cluster that are alive, this one included.', read: () => node()?.ownership.nodesAlive ?? 0 },
  ]
}

const accountHelp = {
  documents: 'open documents and their indexes',
  pending: 'edits that are not committed yet',
  outboxes: 'what clients have yet to take',
  received: 'frames that are not handled yet',
  answers: 'HTTP answers that are not taken yet',
  compaction: 'compactions that wait or run',
  history: 'documents of earlier moments that are put together',
} as const

function memoryGauges(budget: MemoryBudget): readonly Gauge[] {
  return [
    ...memoryAccountNames.map((name) => ({
      name: `memory_${name}_bytes`,
      help: `Counted against the memory budget: ${accountHelp[name]}.`,
      read: () => budget.account(name).bytes,
    })),
    { name: 'memory_counted_bytes', help: 'All that is counted against the memory budget.', read: () => budget.bytes },
    { name: 'memory_budget_bytes', help: 'The memory budget, memoryBytesMax.', read: () => budget.bytesMax },
  ]
}

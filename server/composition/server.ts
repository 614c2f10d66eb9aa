// A server and the states of its life: its HTTP side stands before the node comes up, and until after the node has stopped, so that it can say why it does not serve.
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import { unreachable } from '../../core/assert.js'
import type { Counters } from '../../core/counters.js'
import { checkDocumentId } from '../../core/document-id.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import { failureInWords, joiningCluster } from '../../core/public-words.js'
import type { AccessControl } from '../access/access-control.js'
import type { LocalIdentity } from '../access/local-identities.js'
import type { NodeBindings } from '../api/framework/environment.js'
import type { Readiness } from '../api/routes/probes.js'
import { settingsFromOptions, settingsUnder } from '../config/program-options.js'
import { settingOf } from '../config/settings.js'
import { chooseDialect } from '../gateway/dialect.js'
import type { History } from '../history/history.js'
import { type AcceptInProcess, inProcessWebSocket } from '../program/in-process-socket.js'
import type { Reachable, ServerDocument } from '../program/server-document.js'
import { checkExposure } from './access.js'
import { dialects } from './dialects.js'
import { HttpFront } from './http-front.js'
import { type Component, inOrder, LifeCycle } from './life-cycle.js'
import { MemoryReturn, processMemory } from './memory-return.js'
import type { ServerNode } from './node.js'
import { OperatorDesk } from './operator-desk.js'
import type { ServerParts } from './server-parts.js'
import type { StartedNode } from './started-node.js'
import type { ReloadedSettings, ReloadOptions, WebSocketConstructor, WeftServer } from './weft-server.js'

type ServerState =
  | { readonly kind: 'created' }
  | { readonly kind: 'starting'; readonly reason: string; readonly ended: Promise<unknown>; readonly cancel: AbortController }
  | { readonly kind: 'serving'; readonly started: StartedNode }
  /** It could not start, or cannot go on; its process has to end. */
  | { readonly kind: 'failed'; readonly error: WeftError; readonly started: StartedNode | null }
  /** A node that is being stopped still answers its clients. */
  | { readonly kind: 'stopping'; readonly stopped: Promise<void>; readonly node: ServerNode | null }

export class Server implements WeftServer {
  readonly counters: Counters
  readonly access: AccessControl
  readonly ready: Promise<void>
  readonly closed: Promise<void>
  readonly #parts: ServerParts
  readonly #http: HttpFront
  readonly #desk: OperatorDesk
  /** Of what is around the node. */
  readonly #lifeCycle: LifeCycle
  #markReady: () => void = () => {}
  #markUnready: (reason: unknown) => void = () => {}
  #markClosed: () => void = () => {}
  #state: ServerState = { kind: 'created' }

  constructor(parts: ServerParts) {
    const { live, base, files, adminFiles, notes, gatekeeper, version } = parts
    this.#parts = parts
    this.access = base.access
    this.counters = base.counters
    this.#lifeCycle = new LifeCycle(base)
    const state = { node: () => this.node, started: () => this.#started, readiness: () => this.#readiness() }
    this.#desk = new OperatorDesk(base, notes, {
      ...state,
      version,
      isCluster: gatekeeper !== null,
      hasRedis: live.current['cluster.redisUrl'] !== null,
      drain: () => this.drain(),
    })
    this.#http = new HttpFront({
      ...state,
      live,
      base,
      files,
      adminFiles,
      desk: this.#desk,
      notes,
      gatekeeper,
      version,
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

  /** What operators ask of this node over another one. */
  answerDesk(question: Uint8Array): Uint8Array {
    return this.#desk.answer(question)
  }

  /** Puts up what is around the node. */
  async open(): Promise<void> {
    const { base, audit } = this.#parts
    const memory = processMemory()
    const memoryReturn = memory === null ? null : new MemoryReturn(base.clock, base.budget, memory)
    const around: readonly Component[] = [
      { name: 'the return of memory', stop: () => memoryReturn?.stop() },
      { name: 'the audit log', stop: () => audit?.close() },
      this.#desk.component,
      ...this.#http.components,
    ]
    await this.#lifeCycle.start(around)
  }

  /** Brings up the node, unless that was begun. Does not wait for it: see `ready`. */
  begin(url: string, reason: string): void {
    if (this.#state.kind !== 'created') return
    const waiting = (other: string): void => {
      if (this.#state.kind === 'starting') this.#state = { ...this.#state, reason: other }
    }
    const cancel = new AbortController()
    const ended = this.#parts.startNode(url, waiting, cancel.signal).then(
      async (started) => {
        // Stopped, or failed, while it came up.
        if (this.#state.kind !== 'starting') return started.stop(0)
        this.#state = { kind: 'serving', started }
        // They may have changed while it came up.
        void started.node.webhooks.change(this.#parts.live.webhooks)
        this.#markReady()
      },
      (thrown) => {
        if (this.#state.kind === 'starting') this.#state = { kind: 'failed', error: asWeftError(thrown), started: null }
        this.#markUnready(this.#state.kind === 'failed' ? this.#state.error : thrown)
      },
    )
    this.#state = { kind: 'starting', reason, ended, cancel }
  }

  get url(): string {
    return this.#http.url
  }

  get metricsUrl(): string | null {
    return this.#http.metricsUrl
  }

  get adminUrl(): string | null {
    return this.#http.adminUrl
  }

  get presence(): WeftServer['presence'] {
    return this.#started?.presence ?? null
  }

  get history(): History | null {
    return this.#started?.node.history ?? null
  }

  fetch(request: Request, bindings: NodeBindings = {}): Promise<Response> {
    return this.#http.fetch(request, bindings)
  }

  handle(request: IncomingMessage, response: ServerResponse, next?: () => void): void {
    this.#http.handle(request, response, next)
  }

  attach(httpServer: HttpServer): void {
    this.#http.attach(httpServer, (url) => this.begin(url, joiningCluster))
  }

  async listen(port: number, host = '127.0.0.1'): Promise<void> {
    const { live, base } = this.#parts
    const { access } = base
    // What is no number would be the path of a socket to Node.
    settingOf('port').kind.check(port, 'port')
    settingOf('host').kind.check(host, 'host')
    const settings = live.current
    const exposed = { access, settings: settingsUnder(settings, 'access'), clusterSecret: settings['cluster.secret'] }
    checkExposure(host, exposed, base.logger)
    if (settings.adminPort !== null) checkExposure(settings.adminHost, exposed, base.logger)
    await this.#http.listen(port, host)
    this.begin(this.url, joiningCluster)
  }

  document(documentId: string): ServerDocument {
    return this.#program.document(checkDocumentId(documentId, this.#parts.base.limits.documentIdBytesMax))
  }

  users(id: string): Reachable {
    return this.#program.user(id)
  }

  sessions(sessionId: string): Reachable {
    return this.#program.session(sessionId)
  }

  get #program(): ServerNode['program'] {
    const { node } = this
    if (node === null) throw new WeftError('overloaded', 'This node is not serving yet; wait for `ready`.')
    return node.program
  }

  asClient(identity: LocalIdentity = {}): { readonly WebSocket: WebSocketConstructor; readonly token: string } {
    const accept: AcceptInProcess = (socket, protocols) => {
      const gateway = this.node?.gateway ?? null
      const chosen = chooseDialect(dialects, protocols, null)?.dialect
      if (gateway === null || chosen === undefined || chosen.speaker === 'node' || gateway.admission(null) !== 'admitted') return null
      return gateway.accept(socket, { dialect: chosen, target: '/', origin: null, address: null, protocols, headers: {} }, 'program')
    }
    return { WebSocket: inProcessWebSocket(accept, this.#parts.base.clock), token: this.access.locals.admit(identity) }
  }

  async reload(options: ReloadOptions): Promise<ReloadedSettings> {
    const { live } = this.#parts
    const next = settingsFromOptions({ ...options }, live.current)
    const { reloaded, needRestart } = live.change(next, (asked) => this.node?.webhooks.check(asked))
    await this.#started?.node.webhooks.change(live.webhooks)
    return { reloaded, needRestart }
  }

  drain(): Promise<void> {
    return this.#stop(this.#parts.live.current.drainWindowMs)
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
    this.#parts.onFatal(error)
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
      await inOrder([stopNode, () => this.#lifeCycle.stop()])
    } finally {
      this.#markClosed()
    }
  }
}

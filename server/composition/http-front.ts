// The HTTP side of a server: the application and the upgrades to WebSockets, on ports of its own, on the program's servers, or as handlers.
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import { behindBasePath } from '../../core/document-path.js'
import type { NodeGatekeeper } from '../access/node-credentials.js'
import { type Application, createApplication } from '../api/application.js'
import type { NodeBindings } from '../api/framework/environment.js'
import { HttpListener } from '../api/listener.js'
import { createRequestListener } from '../api/request-listener.js'
import { probePaths, type Readiness } from '../api/routes/probes.js'
import type { StaticFile } from '../api/routes/static-files.js'
import { fetchTransport } from '../gateway/fetch-transport.js'
import { type HttpTransportOptions, httpTransport } from '../gateway/http-transport.js'
import { answerUpgrades, serveUpgrades } from '../gateway/upgrade.js'
import { dialects } from './dialects.js'
import { serverGauges } from './gauges.js'
import type { Component } from './life-cycle.js'
import type { LiveSettings } from './live-settings.js'
import type { ServerNode } from './node.js'
import type { OperatorDesk, OperatorNotes } from './operator-desk.js'
import type { NodeBase, StartedNode } from './started-node.js'

export interface HttpFrontOptions {
  readonly live: LiveSettings
  readonly base: NodeBase
  readonly files: ReadonlyMap<string, StaticFile>
  /** Lets other nodes in; null for a server that is alone. */
  readonly gatekeeper: NodeGatekeeper | null
  readonly version: string
  /** What operators see. */
  readonly desk: OperatorDesk
  readonly notes: OperatorNotes
  readonly adminFiles: ReadonlyMap<string, StaticFile>
  /** Null while there is none. */
  readonly node: () => ServerNode | null
  /** Null while it does not serve. */
  readonly started: () => StartedNode | null
  readonly readiness: () => Readiness
}

export class HttpFront {
  readonly #options: HttpFrontOptions
  readonly #application: Application
  readonly #connections: (request: IncomingMessage, response: ServerResponse) => boolean
  readonly #connectionsByFetch: ReturnType<typeof fetchTransport>
  readonly #requestListener: (request: IncomingMessage, response: ServerResponse) => void
  readonly #listener: HttpListener
  /** What is only for those who watch; null where that is with everything else. */
  readonly #metrics: OwnPort | null
  /** What is only for operators; null where that is with everything else. */
  readonly #admin: OwnPort | null
  /** Takes what was attached off the program's own servers. */
  readonly #attached: (() => void)[] = []

  constructor(options: HttpFrontOptions) {
    this.#options = options
    const { base, live } = options
    const { clock, limits, budget } = base
    const { basePath, metricsPort, metricsHost, adminPort, adminHost } = live.current
    const application = applicationOf(options)
    const pathIn = (request: Request): string => behindBasePath(new URL(request.url).pathname, basePath) ?? new URL(request.url).pathname
    this.#application = adminPort === null ? application : without(application, (request) => isForOperators(pathIn(request)))
    const answers = { clock, limits, memory: budget.account('answers') }
    const idle = { clock, idleSocketsMax: limits.idleSocketsMax }
    const withoutMetrics =
      metricsPort === null ? this.#application : without(this.#application, (request) => pathIn(request) === '/metrics')
    const api = createRequestListener(withoutMetrics, answers)
    const transport = this.#transport()
    this.#connections = httpTransport(transport)
    this.#connectionsByFetch = fetchTransport(transport)
    this.#requestListener = (request, response) => {
      if (!this.#connections(request, response)) api(request, response)
    }
    this.#listener = new HttpListener(this.#requestListener, (server) => void this.#serveUpgrades(server, 'refused'), idle)
    const portOf = (port: number | null, host: string, isHere: (request: Request) => boolean, elsewhere: string): OwnPort | null => {
      if (port === null) return null
      const only: Application = async (request, bindings) =>
        isHere(request) ? application(request, bindings) : new Response(`${elsewhere}\n`, { status: 404 })
      return { listener: new HttpListener(createRequestListener(only, answers), answerUpgrades, idle), port, host }
    }
    const isProbe = (request: Request): boolean => probePaths.has(new URL(request.url).pathname)
    this.#metrics = portOf(metricsPort, metricsHost, isProbe, 'Only /metrics, /healthz and /readyz are here.')
    const isOfAdmin = (request: Request): boolean => {
      const path = pathIn(request)
      return isForOperators(path) || path.startsWith('/api/') || (isProbe(request) && !(path === '/metrics' && metricsPort !== null))
    }
    this.#admin = portOf(adminPort, adminHost, isOfAdmin, 'Only the admin page, at /admin/, and the API are here.')
  }

  /** Such as `http://127.0.0.1:1234`. Throws before `listen`. */
  get url(): string {
    return this.#listener.url
  }

  /** Of the port of its own for metrics; null without one, and before `listen`. */
  get metricsUrl(): string | null {
    return this.#metrics?.listener.urlIfListening ?? null
  }

  /** Of the port of its own for the admin page; null without one, and before `listen`. */
  get adminUrl(): string | null {
    return this.#admin?.listener.urlIfListening ?? null
  }

  /** Listens, on all ports or on none. Rejects with `address-in-use`, or with `invalid-configuration` when the address is not this machine's or not allowed. */
  async listen(port: number, host: string): Promise<void> {
    const { logger } = this.#options.base
    const own = [this.#metrics, this.#admin].filter((one) => one !== null)
    try {
      for (const one of own) await one.listener.listen(one.port, one.host)
      await this.#listener.listen(port, host)
    } catch (thrown) {
      for (const one of own) if (one.listener.urlIfListening !== null) await one.listener.close()
      throw thrown
    }
    if (this.metricsUrl !== null) logger.info({ url: this.metricsUrl }, 'metrics are there')
    if (this.adminUrl !== null) logger.info({ url: this.adminUrl }, 'the admin page is there')
    logger.info({ url: this.url }, 'listening')
  }

  fetch(request: Request, bindings: NodeBindings): Promise<Response> {
    return this.#connectionsByFetch(request, bindings.incoming) ?? this.#application(request, bindings)
  }

  /** `next`, as in Express, is called for what is not under the base path. */
  handle(request: IncomingMessage, response: ServerResponse, next: (() => void) | undefined): void {
    // Frameworks that mount a handler under a path take that off.
    const url = (request as IncomingMessage & { readonly originalUrl?: string }).originalUrl ?? request.url ?? '/'
    if (next !== undefined && behindBasePath(url, this.#options.live.current.basePath) === null) next()
    else {
      request.url = url
      this.#requestListener(request, response)
    }
  }

  /** Serves clients, by WebSockets and over HTTP, on a server of the program's own. `listens` is told its address, such as `http://127.0.0.1:1234`, once it listens. */
  attach(httpServer: HttpServer, listens: (url: string) => void): void {
    this.#attached.push(this.#serveUpgrades(httpServer, 'ignored'), answerFirst(httpServer, this.#connections))
    const begin = (): void => {
      const address = httpServer.address()
      if (address === null || typeof address === 'string') return
      listens(`http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`)
    }
    if (httpServer.listening) begin()
    else httpServer.once('listening', begin)
  }

  /** What there is to close. */
  get components(): readonly Component[] {
    const own = [
      { name: 'the port for metrics', port: this.#metrics },
      { name: 'the port for the admin page', port: this.#admin },
    ]
    return [
      ...own.flatMap(({ name, port }) => (port === null ? [] : [{ name, stop: () => port.listener.close() }])),
      { name: 'the port', stop: () => this.#listener.close() },
      {
        name: 'what is attached to the servers of the program',
        stop: () => {
          for (const detach of this.#attached.splice(0)) detach()
        },
      },
    ]
  }

  #transport(): HttpTransportOptions {
    const { base, live, node } = this.#options
    const { basePath, transports } = live.current
    return {
      ...base,
      node,
      dialects,
      transports,
      basePath,
      trustedProxies: live.trustedProxies,
      refusalOf: (visit, request) => base.access.refusalOf(visit, request),
      refused: (address, code) => this.#options.notes.refused({ act: 'connection', code, user: null, address, documentId: null }),
    }
  }

  #serveUpgrades(server: HttpServer, others: 'refused' | 'ignored'): () => void {
    const { base, live, gatekeeper, node } = this.#options
    const { limits, counters, logger, random, clock, access } = base
    return serveUpgrades(server, {
      dialects,
      gateway: () => node()?.gateway ?? null,
      limits,
      counters,
      basePath: live.current.basePath,
      nodes: gatekeeper === null ? null : { gatekeeper, logger },
      trustedProxies: live.trustedProxies,
      forClients: live.current.transports.includes('websocket'),
      logger,
      random,
      clock,
      refusalOf: (visit, request) => access.refusalOf(visit, request),
      refused: (address, code) => this.#options.notes.refused({ act: 'connection', code, user: null, address, documentId: null }),
      others,
    })
  }
}

/**
 * Lets `answers` see each request before whatever else listens on the server, before or after: that would read its body, or answer that there is nothing. The returned
 * function takes it off again.
 */
function answerFirst(server: HttpServer, answers: (request: IncomingMessage, response: ServerResponse) => boolean): () => void {
  const before = server.emit as (event: string, ...values: unknown[]) => boolean
  let isOn = true
  const emit = (event: string, ...values: unknown[]): boolean => {
    const [request, response] = values as [IncomingMessage, ServerResponse]
    return (isOn && event === 'request' && answers(request, response)) || before.call(server, event, ...values)
  }
  server.emit = emit as typeof server.emit
  return () => {
    isOn = false
    // Somebody else may have put another in its place since.
    if (server.emit === (emit as typeof server.emit)) server.emit = before as typeof server.emit
  }
}

interface OwnPort {
  readonly listener: HttpListener
  readonly port: number
  readonly host: string
}

/** Whether a path below the base path is the admin page's or its API's. */
function isForOperators(path: string): boolean {
  return ['/admin', '/api/v1/admin'].some((one) => path === one || path.startsWith(`${one}/`))
}

/** The same, with nothing where `isHidden` says so. */
function without(application: Application, isHidden: (request: Request) => boolean): Application {
  return (request, bindings) => application(isHidden(request) ? new Request(new URL('/nothing', request.url), request) : request, bindings)
}

function applicationOf(options: HttpFrontOptions): Application {
  const { live, base, files, adminFiles, desk, notes, version, node, started, readiness } = options
  const { access, audit, budget, clock, counters, limits, logger } = base
  return createApplication({
    logger,
    memory: budget,
    audit: notes.trail(audit),
    counters,
    gauges: serverGauges({ node, started, budget, sessions: access.sessions }),
    clock,
    limits,
    files,
    basePath: live.current.basePath,
    access: {
      authorize: (request) => access.authorize(request),
      refusalOf: (visit, request) => access.refusalOf(visit, request),
      isAllowedOrigin: (origin) => access.isAllowedOrigin(origin),
      servesOperators: (request) => access.servesOperators(request),
      trustedProxies: live.trustedProxies,
    },
    accessControl: access,
    webhooks: () => node()?.webhooks ?? null,
    adminFiles,
    desk,
    version,
    presence: () => started()?.presence ?? null,
    history: () => started()?.node.history ?? null,
    store: () => started()?.node.store ?? null,
    messages: () => started()?.node.messages ?? null,
    readiness,
  })
}

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
import { serveUpgrades } from '../gateway/upgrade.js'
import { dialects } from './dialects.js'
import { serverGauges } from './gauges.js'
import type { Component } from './life-cycle.js'
import type { LiveSettings } from './live-settings.js'
import type { ServerNode } from './node.js'
import type { NodeBase, StartedNode } from './started-node.js'

export interface HttpFrontOptions {
  readonly live: LiveSettings
  readonly base: NodeBase
  readonly files: ReadonlyMap<string, StaticFile>
  /** Lets other nodes in; null for a server that is alone. */
  readonly gatekeeper: NodeGatekeeper | null
  readonly version: string
  /** Null while there is none. */
  readonly node: () => ServerNode | null
  /** Null while it does not serve. */
  readonly started: () => StartedNode | null
  readonly readiness: () => Readiness
  /** Whoever operates the server asked for it. */
  readonly drain: () => Promise<void>
}

export class HttpFront {
  readonly #options: HttpFrontOptions
  readonly #application: Application
  readonly #requestListener: (request: IncomingMessage, response: ServerResponse) => void
  readonly #listener: HttpListener
  /** What is only for those who watch; null where that is with everything else. */
  readonly #metrics: { readonly listener: HttpListener; readonly port: number; readonly host: string } | null
  /** Takes what was attached off the program's own servers. */
  readonly #attached: (() => void)[] = []

  constructor(options: HttpFrontOptions) {
    this.#options = options
    const { base, live } = options
    const { clock, limits, budget } = base
    const { basePath, metricsPort, metricsHost } = live.current
    const application = applicationOf(options)
    this.#application = application
    const answers = { clock, limits, memory: budget.account('answers') }
    const idle = { clock, idleSocketsMax: limits.idleSocketsMax }
    const withoutMetrics: Application = (request, bindings) =>
      application(
        metricsPort !== null && ['/metrics', `${basePath}/metrics`].includes(new URL(request.url).pathname)
          ? new Request(new URL('/nothing', request.url), request)
          : request,
        bindings,
      )
    this.#requestListener = createRequestListener(withoutMetrics, answers)
    this.#listener = new HttpListener(this.#requestListener, (server) => void this.#serveUpgrades(server, 'refused'), idle)
    const onlyProbes: Application = async (request, bindings) =>
      probePaths.has(new URL(request.url).pathname)
        ? application(request, bindings)
        : new Response('Only /metrics, /healthz and /readyz are here.\n', { status: 404 })
    this.#metrics =
      metricsPort === null
        ? null
        : { listener: new HttpListener(createRequestListener(onlyProbes, answers), () => {}, idle), port: metricsPort, host: metricsHost }
  }

  /** Such as `http://127.0.0.1:1234`. Throws before `listen`. */
  get url(): string {
    return this.#listener.url
  }

  /** Of the port of its own for metrics; null without one, and before `listen`. */
  get metricsUrl(): string | null {
    return this.#metrics?.listener.urlIfListening ?? null
  }

  /** Listens, on both ports or on none. Rejects with `address-in-use`, or with `invalid-configuration` when the address is not this machine's or not allowed. */
  async listen(port: number, host: string): Promise<void> {
    const { logger } = this.#options.base
    await this.#metrics?.listener.listen(this.#metrics.port, this.#metrics.host)
    try {
      await this.#listener.listen(port, host)
    } catch (thrown) {
      await this.#metrics?.listener.close()
      throw thrown
    }
    if (this.metricsUrl !== null) logger.info({ url: this.metricsUrl }, 'metrics are there')
    logger.info({ url: this.url }, 'listening')
  }

  fetch(request: Request, bindings: NodeBindings): Promise<Response> {
    return this.#application(request, bindings)
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

  /** Serves WebSockets on a server of the program's own. `listens` is told its address, such as `http://127.0.0.1:1234`, once it listens. */
  attach(httpServer: HttpServer, listens: (url: string) => void): void {
    this.#attached.push(this.#serveUpgrades(httpServer, 'ignored'))
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
    const metrics = this.#metrics
    return [
      ...(metrics === null ? [] : [{ name: 'the port for metrics', stop: () => metrics.listener.close() }]),
      { name: 'the port', stop: () => this.#listener.close() },
      {
        name: 'what is attached to the servers of the program',
        stop: () => {
          for (const detach of this.#attached.splice(0)) detach()
        },
      },
    ]
  }

  #serveUpgrades(server: HttpServer, others: 'refused' | 'ignored'): () => void {
    const { base, live, gatekeeper, node } = this.#options
    const { limits, counters, logger, random, access } = base
    return serveUpgrades(server, {
      dialects,
      gateway: () => node()?.gateway ?? null,
      limits,
      counters,
      basePath: live.current.basePath,
      nodes: gatekeeper === null ? null : { gatekeeper, logger },
      trustedProxies: live.trustedProxies,
      logger,
      random,
      refusalOf: (visit, request) => access.refusalOf(visit, request),
      others,
    })
  }
}

function applicationOf({ live, base, files, version, node, started, readiness, drain }: HttpFrontOptions): Application {
  const { access, audit, budget, clock, counters, limits, logger } = base
  return createApplication({
    logger,
    memory: budget,
    audit,
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
      trustedProxies: live.trustedProxies,
    },
    accessControl: access,
    webhooks: () => node()?.webhooks ?? null,
    drain,
    version,
    presence: () => started()?.presence ?? null,
    history: () => started()?.node.history ?? null,
    store: () => started()?.node.store ?? null,
    messages: () => started()?.node.messages ?? null,
    readiness,
  })
}

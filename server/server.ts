// The composition root: the one file that constructs everything and takes it apart again, in order.
import { fileURLToPath } from 'node:url'
import { type Clock, systemClock } from '../core/clock.js'
import type { Counters } from '../core/counters.js'
import type { WeftError } from '../core/errors.js'
import { defaultLimits, type Limits } from '../core/limits.js'
import type { Logger } from '../core/log.js'
import { type Random, systemRandom } from '../core/random.js'
import { openLmdbStore } from '../persistence/index.js'
import type { DocumentStore } from '../persistence/store.js'
import { type DocumentTuning, defaultTuning } from './document/tuning.js'
import { WorkerCompactor } from './document/worker-compactor.js'
import { type Authorize, allowEverybody } from './gateway/authorize.js'
import { serveUpgrades } from './gateway/upgrade.js'
import { HttpListener } from './http/listener.js'
import { createRequestHandler } from './http/requests.js'
import { readStaticFiles, type StaticFile } from './http/static-files.js'
import { createLogger } from './log.js'
import { ServerNode } from './node.js'

export interface ServerOptions {
  /** The folder of the embedded store; created if it is missing. Default `./data`. Unused with `store`. */
  readonly dataDir?: string
  /** A store instead of the embedded one. It stays open when the server closes. */
  readonly store?: DocumentStore
  readonly clock?: Clock
  readonly random?: Random
  /** Overrides of single limits. */
  readonly limits?: Partial<Limits>
  /** Default: warnings and errors as JSON lines on stderr. */
  readonly logger?: Logger
  /** Who may do what. Default: everybody may read and write everything. */
  readonly authorize?: Authorize
  /** `after-commit` (default): nobody sees an edit that a crash can take back. Acknowledgements mean committed either way. */
  readonly broadcast?: 'after-commit' | 'before-commit'
  /** The folder of the demo served at `/`, or false for none. Default: the one that comes with Weft. */
  readonly demo?: string | false
  readonly tuning?: Partial<DocumentTuning>
  /** The longest time over which a drain spreads the closes. Default 5 s; with few connections it takes much less. */
  readonly drainWindowMs?: number
  /**
   * The store can no longer be trusted (D7): it has stopped, and nothing is acknowledged any more. Default: ends the process with exit code 1.
   */
  readonly onFatal?: (error: WeftError) => void
}

export interface WeftServer {
  /** Listens; resolves when clients can connect. Port 0 takes any free one. Rejects with `address-in-use`. Default host 127.0.0.1. */
  listen(port: number, host?: string): Promise<void>
  /** Such as `http://127.0.0.1:1234`. Throws before `listen`. */
  readonly url: string
  readonly counters: Counters
  /** Takes no new clients, commits and acknowledges what was received, closes everybody with 1012 over the drain window, and stops. Idempotent. */
  drain(): Promise<void>
  /** As `drain`, without spreading the closes. Idempotent. */
  close(): Promise<void>
  /** Resolves when the server has stopped. */
  readonly closed: Promise<void>
}

const demoFolder = fileURLToPath(new URL('../demo', import.meta.url))
const DRAIN_WINDOW_MS = 5_000

/** Opens the store and takes ownership. Rejects with `data-folder-in-use`, `data-folder-unwritable`, `data-folder-newer` or a store error. */
export async function createServer(options: ServerOptions = {}): Promise<WeftServer> {
  const clock = options.clock ?? systemClock
  const logger = options.logger ?? createLogger('warn')
  if (options.store !== undefined) return Server.start(options, clock, logger, options.store, () => Promise.resolve())
  const onFatal = options.onFatal ?? (() => process.exit(1))
  const store = await openLmdbStore({ folder: options.dataDir ?? './data', clock, logger, onFatal })
  try {
    return await Server.start(options, clock, logger, store, () => store.close())
  } catch (thrown) {
    await store.close()
    throw thrown
  }
}

type ServerState = { readonly kind: 'running' } | { readonly kind: 'stopping'; readonly stopped: Promise<void> }

interface ServerParts {
  readonly node: ServerNode
  readonly logger: Logger
  readonly drainWindowMs: number
  closeStore(): Promise<void>
}

class Server implements WeftServer {
  readonly #parts: ServerParts
  readonly #listener: HttpListener
  readonly #markClosed: () => void
  readonly closed: Promise<void>
  #state: ServerState = { kind: 'running' }

  static async start(
    options: ServerOptions,
    clock: Clock,
    logger: Logger,
    store: DocumentStore,
    closeStore: () => Promise<void>,
  ): Promise<Server> {
    const files = options.demo === false ? new Map() : await readStaticFiles(options.demo ?? demoFolder)
    const limits: Limits = { ...defaultLimits, ...options.limits }
    const node = await ServerNode.start({
      store,
      compactor: new WorkerCompactor({ clock }),
      clock,
      random: options.random ?? systemRandom,
      limits,
      logger,
      authorize: options.authorize ?? allowEverybody,
      broadcast: options.broadcast ?? 'after-commit',
      tuning: { ...defaultTuning, ...options.tuning },
    })
    const parts = { node, logger, drainWindowMs: options.drainWindowMs ?? DRAIN_WINDOW_MS, closeStore }
    return new Server(parts, limits, files)
  }

  private constructor(parts: ServerParts, limits: Limits, files: ReadonlyMap<string, StaticFile>) {
    this.#parts = parts
    const { counters, gateway, directory } = parts.node
    const gauges = [
      { name: 'connections', help: 'Open connections.', read: () => gateway.connectionCount },
      { name: 'waiting_bytes', help: 'Bytes that wait for clients to take them.', read: () => gateway.waitingBytes },
      { name: 'open_documents', help: 'Documents in memory.', read: () => directory.openDocuments },
    ]
    const readiness = (): 'serving' | 'draining' => (this.#state.kind === 'running' ? 'serving' : 'draining')
    this.#listener = new HttpListener(createRequestHandler({ counters, gauges, files, readiness }), (server) =>
      serveUpgrades(server, { gateway, limits, counters }),
    )
    let markClosed = (): void => {}
    this.closed = new Promise((resolve) => {
      markClosed = resolve
    })
    this.#markClosed = markClosed
  }

  get url(): string {
    return this.#listener.url
  }

  get counters(): Counters {
    return this.#parts.node.counters
  }

  async listen(port: number, host = '127.0.0.1'): Promise<void> {
    await this.#listener.listen(port, host)
    this.#parts.logger.info({ url: this.url }, 'listening')
  }

  drain(): Promise<void> {
    return this.#stop(this.#parts.drainWindowMs)
  }

  close(): Promise<void> {
    return this.#stop(0)
  }

  #stop(windowMs: number): Promise<void> {
    if (this.#state.kind === 'stopping') return this.#state.stopped
    const stopped = this.#takeApart(windowMs)
    this.#state = { kind: 'stopping', stopped }
    return stopped
  }

  /** Each step is taken even if the one before it failed. */
  async #takeApart(windowMs: number): Promise<void> {
    const { node, logger, closeStore } = this.#parts
    const failures: unknown[] = []
    for (const step of [() => node.stop(windowMs), closeStore, () => this.#listener.close()]) {
      try {
        await step()
      } catch (thrown) {
        failures.push(thrown)
        logger.error({ err: thrown }, 'a step of stopping failed')
      }
    }
    this.#markClosed()
    if (failures.length > 0) throw failures[0]
  }
}

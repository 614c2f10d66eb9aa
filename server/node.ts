// A node without its HTTP side: everything between a socket and the store, constructed and taken apart in order. The server puts a listener in front
// of it; a simulation hands it sockets of its own.
import type { Clock } from '../core/clock.js'
import { Counters } from '../core/counters.js'
import type { Limits } from '../core/limits.js'
import type { Logger } from '../core/log.js'
import type { Random } from '../core/random.js'
import type { DocumentStore } from '../persistence/store.js'
import { MemoryAwarenessBus } from './awareness/bus.js'
import { AwarenessHub } from './awareness/hub.js'
import type { Compactor } from './document/compaction.js'
import { LocalDirectory } from './document/local-directory.js'
import type { DocumentTuning } from './document/tuning.js'
import type { Authorize } from './gateway/authorize.js'
import { Gateway } from './gateway/gateway.js'
import { ShardGrants } from './shard-grants.js'

export interface NodeOptions {
  /** Not closed with the node. */
  readonly store: DocumentStore
  /** Closed with the node. */
  readonly compactor: Compactor
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly logger: Logger
  readonly authorize: Authorize
  readonly broadcast: 'after-commit' | 'before-commit'
  readonly tuning: DocumentTuning
}

export class ServerNode {
  readonly counters: Counters
  readonly gateway: Gateway
  readonly directory: LocalDirectory
  readonly awareness: AwarenessHub
  readonly #options: NodeOptions
  readonly #grants: ShardGrants

  /** Takes ownership. Rejects with a store error. */
  static async start(options: NodeOptions): Promise<ServerNode> {
    return new ServerNode(options, await ShardGrants.claimAll(options.store, options.random))
  }

  private constructor(options: NodeOptions, grants: ShardGrants) {
    const { store, compactor, clock, random, limits, logger, authorize, broadcast, tuning } = options
    this.#options = options
    this.#grants = grants
    const counters = new Counters()
    this.counters = counters
    this.directory = new LocalDirectory({
      store,
      fenceOf: (documentId) => grants.fenceOf(documentId),
      clock,
      random,
      logger,
      counters,
      limits,
      compactor,
      broadcast,
      onFenced: (shards) => grants.forget(shards),
      tuning,
    })
    this.awareness = new AwarenessHub({ clock, limits, counters, logger, bus: new MemoryAwarenessBus() })
    const { directory, awareness } = this
    this.gateway = new Gateway({ clock, random, limits, counters, logger, directory, awareness, authorize, serverId: grants.claimant.boot })
  }

  /**
   * Clients first, their closes spread over up to `windowMs`, then what they wrote, then what it was written with. Each step is taken even if the one
   * before it failed; rejects with the first failure.
   */
  async stop(windowMs: number): Promise<void> {
    const { gateway, directory, awareness } = this
    const { compactor, logger } = this.#options
    const failures: unknown[] = []
    const steps: readonly (() => unknown)[] = [
      () => gateway.drain(windowMs),
      () => gateway.close(),
      () => directory.drain(),
      () => directory.close(),
      () => awareness.close(),
      () => compactor.close(),
      () => this.#grants.release(),
    ]
    for (const step of steps) {
      try {
        await step()
      } catch (thrown) {
        failures.push(thrown)
        logger.error({ err: thrown }, 'a step of stopping failed')
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}

// Finds documents wherever in the cluster they are owned: in this process, or at the far end of a node link. What it hands out follows the
// owner around.

import { unreachable } from '../../core/assert.js'
import { settlesWithin, type Timer } from '../../core/clock.js'
import { shardOf } from '../../core/document-id.js'
import { WeftError } from '../../core/errors.js'
import type { DocumentStore } from '../../persistence/store.js'
import type { DocumentCommand, DocumentCommands } from '../document/commands.js'
import type { Attachment, AttachRequest, DocumentDirectory } from '../document/port.js'
import { ProcessPressure } from '../document/view/back-pressure.js'
import { linkLost } from './links/link-errors.js'
import type { NodeAddress } from './links/node-dialer.js'
import type { NodeLinks } from './links/node-links.js'
import { MovingAttachment } from './moving-attachment.js'
import { RemoteDocument } from './remote-document.js'
import type { ClusterServices } from './services.js'

/** Where a document's owner is, as this node knows it. */
export type Location =
  | { readonly kind: 'here' }
  | { readonly kind: 'node'; readonly node: NodeAddress }
  /** Nobody who is alive owns it at the moment. */
  | { readonly kind: 'nobody' }

export interface ClusterDirectoryOptions extends ClusterServices {
  /** The documents that this process owns. Not closed with this directory. */
  readonly local: DocumentDirectory & DocumentCommands
  readonly locate: (shard: number) => Location
  /** This node, which was asked for a document of the shard, says that it does not own it. */
  readonly disowned: (shard: number, node: NodeAddress) => void
  /** Asks for a look at who owns what, soon. `looked` follows. */
  readonly lookSoon: () => void
  /** Closed with the directory. */
  readonly links: NodeLinks
  readonly store: Pick<DocumentStore, 'readLog'>
  readonly times: ClusterDirectoryTimes
}

export interface ClusterDirectoryTimes {
  /** How long a join may wait for an owner. */
  readonly attachMsMax: number
  /** How long a session may be without one. */
  readonly moveMsMax: number
  /** A remote document without sessions is kept this long. */
  readonly remoteIdleMs: number
  /** At most one look at the ownership is asked for in this time. */
  readonly lookPeriodMs: number
}

export const defaultDirectoryTimes: ClusterDirectoryTimes = {
  attachMsMax: 10_000,
  moveMsMax: 30_000,
  remoteIdleMs: 10_000,
  lookPeriodMs: 100,
}

const COMMAND_RETRY_MS = 100

interface Waiter {
  readonly timer: Timer
  readonly wake: () => void
}

export class ClusterDirectory implements DocumentDirectory, DocumentCommands {
  readonly #options: ClusterDirectoryOptions
  readonly #held: ProcessPressure
  readonly #attachments = new Set<MovingAttachment>()
  readonly #remotes = new Map<string, RemoteDocument>()
  readonly #waiters = new Set<Waiter>()
  #emptied: (() => void) | null = null
  #lookedForAt = Number.NEGATIVE_INFINITY
  #state: 'open' | 'closed' = 'open'

  constructor(options: ClusterDirectoryOptions) {
    this.#options = options
    this.#held = new ProcessPressure(options.limits.pendingBytesMax, options.budget, () => {
      for (const attachment of this.#attachments) attachment.updatePause()
    })
  }

  /** Documents of other nodes that this node holds a replica of. */
  get remoteDocuments(): number {
    return this.#remotes.size
  }

  /** Rejects also with `owner-moved` when the document has no owner for longer than a join may wait. */
  async attach(documentId: string, request: AttachRequest): Promise<Attachment> {
    if (this.#state === 'closed') throw stopping()
    const { clock, random, logger, counters, limits, times } = this.#options
    const attachment = new MovingAttachment({
      documentId,
      request,
      clock,
      random,
      logger,
      counters,
      limits,
      held: this.#held,
      attachOnce: (inner) => this.#attachOnce(documentId, inner),
      pause: (delayMs) => this.#pause(delayMs),
      attachMsMax: times.attachMsMax,
      moveMsMax: times.moveMsMax,
      ended: (ended) => {
        this.#attachments.delete(ended)
        if (this.#attachments.size === 0) this.#emptied?.()
      },
    })
    this.#attachments.add(attachment)
    await attachment.start()
    return attachment
  }

  /** Wherever the document is owned, and after it if it moves meanwhile, for as long as a join may wait for an owner. */
  async command(documentId: string, command: DocumentCommand): Promise<void> {
    const { clock, times } = this.#options
    const deadline = clock.monotonic() + times.attachMsMax
    for (;;) {
      try {
        return await this.#commandOnce(documentId, command)
      } catch (thrown) {
        const moved = thrown instanceof WeftError && (thrown.code === 'owner-moved' || thrown.code === 'store-unavailable')
        if (!moved || this.#state === 'closed' || clock.monotonic() >= deadline) throw thrown
        this.#lookSoon()
        await this.#pause(COMMAND_RETRY_MS)
      }
    }
  }

  async #commandOnce(documentId: string, command: DocumentCommand): Promise<void> {
    if (this.#state === 'closed') throw stopping()
    const location = this.#options.locate(shardOf(documentId))
    switch (location.kind) {
      case 'here':
        return this.#options.local.command(documentId, command)
      case 'node':
        return this.#options.links.to(location.node).command(documentId, JSON.stringify({ ...command, known: undefined }))
      case 'nobody':
        throw new WeftError('owner-moved', 'No server owns this document at the moment; try again soon.')
      default:
        return unreachable(location)
    }
  }

  /** This node has looked at who owns what: `alive` are the other nodes. Documents that moved are followed at once. */
  looked(alive: readonly NodeAddress[]): void {
    this.#options.links.keepOnly(alive)
    for (const [documentId, remote] of this.#remotes) {
      const location = this.#options.locate(shardOf(documentId))
      // Where no owner is known the document stays as it is: the node at the other end may still be its owner, and say so soon.
      if (location.kind === 'here' || (location.kind === 'node' && location.node.boot !== remote.link.address.boot))
        remote.end(linkLost(remote.link.address.nodeId, 'the document has another owner'))
    }
    for (const { timer, wake } of this.#waiters) {
      timer.cancel()
      wake()
    }
    this.#waiters.clear()
  }

  /** Resolves once all sessions have left and their owners have answered what they submitted, or after `msMax`. To be asked once. */
  async emptied(msMax: number): Promise<void> {
    if (this.#attachments.size === 0) return
    const emptied = new Promise<void>((resolve) => {
      this.#emptied = resolve
    })
    await settlesWithin(this.#options.clock, msMax, emptied)
  }

  /** Detaches everybody and ends the links. Idempotent. */
  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    for (const attachment of this.#attachments) attachment.stop(stopping())
    for (const remote of this.#remotes.values()) remote.end(stopping())
    this.#options.links.close()
    for (const { timer, wake } of this.#waiters) {
      timer.cancel()
      wake()
    }
    this.#waiters.clear()
  }

  async #attachOnce(documentId: string, request: AttachRequest): Promise<Attachment> {
    if (this.#state === 'closed') throw stopping()
    const location = this.#options.locate(shardOf(documentId))
    try {
      switch (location.kind) {
        case 'here':
          return await this.#options.local.attach(documentId, request)
        case 'node':
          return await this.#remote(documentId, location.node).attach(request)
        case 'nobody':
          throw new WeftError('owner-moved', 'No server owns this document at the moment; try again soon.')
        default:
          return unreachable(location)
      }
    } catch (thrown) {
      if (thrown instanceof WeftError && thrown.code === 'owner-moved') {
        if (location.kind === 'node') this.#options.disowned(shardOf(documentId), location.node)
        this.#lookSoon()
      }
      throw thrown
    }
  }

  #remote(documentId: string, node: NodeAddress): RemoteDocument {
    const known = this.#remotes.get(documentId)
    if (known?.link.usable && known.link.address.boot === node.boot) return known
    known?.end(linkLost(known.link.address.nodeId, 'the document has another owner'))
    const { links, store, clock, logger, counters, limits, budget, pace, busyness, times, traces = null } = this.#options
    // Not earlier: what is open already may have moved to another node, and its sessions come along.
    if (budget.level === 'full') throw new WeftError('overloaded', 'The server has no memory left for a further document; try again later.')
    const remote: RemoteDocument = new RemoteDocument({
      documentId,
      link: links.to(node),
      store,
      clock,
      logger,
      counters,
      limits,
      budget,
      pace,
      busyness,
      traces,
      idleMs: times.remoteIdleMs,
      ended: () => {
        if (this.#remotes.get(documentId) === remote) this.#remotes.delete(documentId)
      },
    })
    this.#remotes.set(documentId, remote)
    return remote
  }

  #lookSoon(): void {
    const { clock, times, lookSoon } = this.#options
    const now = clock.monotonic()
    if (now - this.#lookedForAt < times.lookPeriodMs) return
    this.#lookedForAt = now
    lookSoon()
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(delayMs, () => {
        this.#waiters.delete(waiter)
        resolve()
      })
      const waiter: Waiter = { timer, wake: resolve }
      this.#waiters.add(waiter)
    })
  }
}

function stopping(): WeftError {
  return new WeftError('draining', 'The server is stopping; connect again in a moment.')
}

// The links of this node: one to each node that owns a document which somebody here has open, dialled on demand.
import type { Clock } from '../../../core/clock.js'
import type { Logger } from '../../../core/log.js'
import type { Random } from '../../../core/random.js'
import { linkLost } from './link-errors.js'
import type { NodeAddress, NodeDialer } from './node-dialer.js'
import { type LinkEnd, NodeLink } from './node-link.js'

export interface NodeLinksOptions {
  readonly dialer: NodeDialer
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly agent: string
  readonly waitingBytesHigh: number
}

/** A node that could not be reached is left alone for a while, doubled at each failure and jittered. */
const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 2_000

interface Failures {
  readonly count: number
  readonly retryAt: number
}

export class NodeLinks {
  readonly #options: NodeLinksOptions
  readonly #links = new Map<string, NodeLink>()
  readonly #failures = new Map<string, Failures>()
  #closed = false

  constructor(options: NodeLinksOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#links.size
  }

  /** The link to this life of a node, dialled if there is none. Throws `owner-moved` while the node is left alone after a failure. */
  to(address: NodeAddress): NodeLink {
    const key = keyOf(address)
    const link = this.#links.get(key)
    if (link?.usable) return link
    const { clock, dialer, logger, agent, waitingBytesHigh } = this.#options
    const failures = this.#failures.get(key)
    if (this.#closed || (failures !== undefined && failures.retryAt > clock.monotonic()))
      throw linkLost(address.nodeId, 'it could not be reached a moment ago')
    const opened = new NodeLink({
      address,
      dialer,
      clock,
      logger,
      agent,
      waitingBytesHigh,
      ended: (end) => this.#ended(key, end),
    })
    this.#links.set(key, opened)
    return opened
  }

  /** Forgets nodes that are gone, so that nothing is kept for them. */
  keepOnly(addresses: readonly NodeAddress[]): void {
    const keys = new Set(addresses.map(keyOf))
    for (const [key, link] of this.#links) if (!keys.has(key)) link.close()
    for (const key of this.#failures.keys()) if (!keys.has(key)) this.#failures.delete(key)
  }

  /** Ends all links. Idempotent. */
  close(): void {
    this.#closed = true
    for (const link of this.#links.values()) link.close()
  }

  #ended(key: string, end: LinkEnd): void {
    this.#links.delete(key)
    if (end === 'closed-here') {
      this.#failures.delete(key)
      return
    }
    const { clock, random } = this.#options
    const now = clock.monotonic()
    const last = this.#failures.get(key)
    // A link that held for a while starts anew: its earlier failures no longer make the next dial wait.
    const count = last !== undefined && now - last.retryAt < RETRY_MS_MAX * 2 ? last.count + 1 : 0
    const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(count, 16)) * (0.5 + random.fraction() / 2)
    this.#failures.set(key, { count, retryAt: now + delayMs })
  }
}

function keyOf({ nodeId, boot }: NodeAddress): string {
  return `${nodeId}\n${boot}`
}

// This node's place in the cluster: sends its heartbeats, knows who else is alive, and stops the node from acting as owner when it can no
// longer confirm that it lives (O3).
import { unreachable } from '../../core/assert.js'
import type { Clock, Timer } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { MembershipStore, NodeRow, NodeSelf } from '../../persistence/membership.js'
import type { ClusterSettings } from './settings.js'

export type MembershipState =
  /** No heartbeat has succeeded yet. */
  | { readonly kind: 'joining' }
  /** `confirmedAt` is when the last successful heartbeat was sent, on the monotonic clock. */
  | { readonly kind: 'member'; readonly confirmedAt: number }
  /** Alive, but takes no shards and gives its own away. */
  | { readonly kind: 'draining'; readonly confirmedAt: number }
  /** No heartbeat was confirmed for too long: this node owns nothing until one is. */
  | { readonly kind: 'quarantined'; readonly drains: boolean }
  /** A later process with the same node id took over. Final. */
  | { readonly kind: 'replaced' }
  | { readonly kind: 'left' }

/** Who is alive, this node included while it is a member. */
export type ClusterView = readonly NodeRow[]

export interface NodeMembershipOptions {
  readonly store: MembershipStore
  readonly self: Omit<NodeSelf, 'draining'>
  readonly settings: ClusterSettings
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: Counters
  /** After each heartbeat that was confirmed. */
  readonly onView: (view: ClusterView) => void
  /** This node must act as owner of nothing, at once. A confirmed heartbeat ends it. */
  readonly onQuarantined: () => void
  /** This process must end: another one has its node id. */
  readonly onReplaced: (error: WeftError) => void
}

export class NodeMembership {
  readonly #options: NodeMembershipOptions
  #state: MembershipState = { kind: 'joining' }
  #view: ClusterView = []
  #views = 0
  /** When the store last answered again after it had been away for too long. */
  #returnedAt = Number.NEGATIVE_INFINITY
  #beat: Timer | null = null
  #deadline: Timer | null = null
  #lastFailure: string | null = null
  #firstConfirmed: () => void = () => {}
  #neverConfirmed: (error: WeftError) => void = () => {}

  constructor(options: NodeMembershipOptions) {
    this.#options = options
  }

  get state(): MembershipState {
    return this.#state
  }

  get view(): ClusterView {
    return this.#view
  }

  /** How many views there have been: whatever began two views ago is in the present one. */
  get views(): number {
    return this.#views
  }

  /** Whether this node may act as owner now. */
  get mayOwn(): boolean {
    return this.#state.kind === 'member' || this.#state.kind === 'draining'
  }

  /**
   * Starts the heartbeats. Resolves at the first that is confirmed, however long the store is away; rejects with `draining` if the node
   * leaves before.
   */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#firstConfirmed = resolve
      this.#neverConfirmed = reject
      void this.#heartbeat()
    })
  }

  /** Tells the others that this node takes no more shards. */
  async drain(): Promise<void> {
    // One that never joined has nothing to tell, and one that has left would come back by it.
    if (this.#ended() || this.#state.kind === 'joining') return
    if (this.#state.kind === 'member') this.#transition({ kind: 'draining', confirmedAt: this.#state.confirmedAt })
    else if (this.#state.kind === 'quarantined') this.#transition({ kind: 'quarantined', drains: true })
    await this.#confirm()
  }

  /** Takes this node out of the cluster and stops the heartbeats. Idempotent. */
  async leave(): Promise<void> {
    if (this.#state.kind === 'left') return
    const wasReplaced = this.#state.kind === 'replaced'
    this.#transition({ kind: 'left' })
    this.#stopTimers()
    this.#neverConfirmed(new WeftError('draining', 'The node left the cluster before it had joined it.'))
    if (wasReplaced) return
    try {
      await this.#options.store.leave(this.#self())
    } catch (thrown) {
      // If the row cannot be removed it grows old, and the others take this node for dead by that.
      this.#options.logger.warn({ err: thrown }, 'the node could not take itself out of the cluster; the others will find it gone')
    }
  }

  #self(): NodeSelf {
    const draining =
      this.#state.kind === 'draining' || this.#state.kind === 'left' || (this.#state.kind === 'quarantined' && this.#state.drains)
    return { ...this.#options.self, draining }
  }

  async #heartbeat(): Promise<void> {
    const { clock, settings } = this.#options
    const startedAt = clock.monotonic()
    await this.#confirm()
    if (this.#ended()) return
    const delayMs = Math.max(0, startedAt + settings.heartbeatPeriodMs - clock.monotonic())
    this.#beat = clock.after(delayMs, () => void this.#heartbeat())
  }

  async #confirm(): Promise<void> {
    const { clock, store, settings, logger, counters } = this.#options
    const sentAt = clock.monotonic()
    try {
      const { nodes } = await store.heartbeat(this.#self())
      if (this.#ended()) return
      this.#lastFailure = null
      const own = nodes.find(({ nodeId }) => nodeId === this.#options.self.nodeId)
      if (own !== undefined && own.boot !== this.#options.self.boot) {
        this.#replaced()
        return
      }
      // An answer that took longer than the limit says only that the node was alive when it asked.
      if (clock.monotonic() - sentAt >= settings.quarantineAfterMs) return
      if (this.#state.kind === 'quarantined') this.#returnedAt = sentAt
      this.#view = nodes.filter((node) => node.ageMs <= settings.deadAfterMs || this.#isGranted(node, sentAt))
      this.#views++
      this.#confirmed(sentAt)
      this.#options.onView(this.#view)
    } catch (thrown) {
      counters.add('heartbeats_failed')
      const reason = thrown instanceof Error ? thrown.message : String(thrown)
      if (reason !== this.#lastFailure) logger.warn({ err: thrown }, 'a heartbeat was not confirmed')
      this.#lastFailure = reason
    }
  }

  #isGranted({ boot }: NodeRow, now: number): boolean {
    return now - this.#returnedAt < this.#options.settings.returnGraceMs && this.#view.some((known) => known.boot === boot)
  }

  #confirmed(sentAt: number): void {
    const state = this.#state
    switch (state.kind) {
      case 'joining':
        this.#transition({ kind: 'member', confirmedAt: sentAt })
        this.#firstConfirmed()
        break
      case 'quarantined':
        this.#transition({ kind: state.drains ? 'draining' : 'member', confirmedAt: sentAt })
        break
      case 'member':
      case 'draining':
        // Two heartbeats may be under way at once, when a drain begins.
        this.#state = { kind: state.kind, confirmedAt: Math.max(state.confirmedAt, sentAt) }
        break
      case 'replaced':
      case 'left':
        return
      default:
        unreachable(state)
    }
    this.#armDeadline(sentAt)
  }

  #armDeadline(confirmedAt: number): void {
    const { clock, settings } = this.#options
    this.#deadline?.cancel()
    const delayMs = Math.max(0, confirmedAt + settings.quarantineAfterMs - clock.monotonic())
    this.#deadline = clock.after(delayMs, () => this.#quarantine())
  }

  #quarantine(): void {
    if (!this.mayOwn) return
    this.#transition({ kind: 'quarantined', drains: this.#state.kind === 'draining' })
    this.#options.onQuarantined()
  }

  #replaced(): void {
    this.#transition({ kind: 'replaced' })
    this.#stopTimers()
    this.#options.onQuarantined()
    this.#options.onReplaced(
      new WeftError(
        'invalid-configuration',
        `Another process joined the cluster as node ${this.#options.self.nodeId}. Give every node a --node-id of its own, or none.`,
      ),
    )
  }

  #transition(next: MembershipState): void {
    const { logger, counters, self } = this.#options
    counters.add('membership_transitions')
    logger.info({ nodeId: self.nodeId, from: this.#state.kind, to: next.kind }, 'membership changed')
    this.#state = next
  }

  #ended(): boolean {
    return this.#state.kind === 'left' || this.#state.kind === 'replaced'
  }

  #stopTimers(): void {
    this.#beat?.cancel()
    this.#deadline?.cancel()
    this.#beat = null
    this.#deadline = null
  }
}

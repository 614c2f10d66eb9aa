// Bounds how many clients of one document have edits that wait for others (G1): Yjs goes through all of them for each, here and wherever it is opened.
import { WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Sliced } from '../../core/slices.js'
import type { InspectedUpdate } from '../../protocol/updates/inspect.js'
import type { KnownState } from '../../protocol/updates/known-state.js'
import type { WaitingClients, WaitingPlan } from '../../protocol/updates/waiting-clients.js'

/** Needs that one waiting client may be remembered by, on average. */
const NEEDS_PER_CLIENT_MAX = 1_000

export class WaitingGuard {
  readonly #waiting: WaitingClients
  readonly #known: KnownState
  readonly #limits: Limits
  #plan: WaitingPlan | null = null

  /** `waiting` and `known` are of the same updates. */
  constructor(waiting: WaitingClients, known: KnownState, limits: Limits) {
    this.#waiting = waiting
    this.#known = known
    this.#limits = limits
  }

  get count(): number {
    return this.#waiting.count
  }

  get byteLength(): number {
    return this.#waiting.byteLength
  }

  /** Whether it is clear without a longer look that `added`, of which nothing is known yet, may come in. */
  admits(added: InspectedUpdate): boolean {
    this.#plan = null
    return this.#waiting.leavesNothing(added, this.#known)
  }

  /** Why an update that `admits` was not clear about is refused; null if it is not. */
  *admitting(added: InspectedUpdate): Sliced<WeftError | null> {
    const plan = yield* this.#waiting.judging(added, this.#known)
    const { waitingClientsPerDocumentMax: clientsMax } = this.#limits
    const more = plan.count > this.#waiting.count || plan.needCount > this.#waiting.needCount
    if (more && (plan.count > clientsMax || plan.needCount > clientsMax * NEEDS_PER_CLIENT_MAX))
      return new WeftError(
        'dependencies-missing',
        `With this update edits of more than ${clientsMax} client ids would wait for others that have not come; send those first.`,
      )
    this.#plan = plan
    return null
  }

  /** The update that was admitted last becomes part of the document. */
  take(): void {
    if (this.#plan !== null) this.#waiting.take(this.#plan)
    this.#plan = null
  }
}

// Settles who speaks for a client id when a second session claims it: the session it is bound to is probed, and keeps it if its client
// answers (A2). So a client that reconnects while its old socket is half-open gets its id back, and an impostor gets nothing.

import type { Clock } from '../../core/clock.js'
import { LazyMap } from '../../core/lazy-collections.js'
import type { Logger } from '../../core/log.js'
import { isSameOrigin } from './bus.js'
import type { Binding, Speaker } from './record.js'

/** The session or the node that claims. */
export type Claimant = Exclude<Binding, { readonly kind: 'none' }>

/** A newer state for an id that is bound to another session, kept aside. */
export interface Claim {
  /** What the id is bound to if the claim wins. */
  readonly claimant: Claimant
  readonly clientId: number
  readonly clock: number
  readonly state: Uint8Array
}

type Dispute =
  /** The claim is null once its claimant left. */
  | { readonly kind: 'probing'; readonly bound: Speaker; claim: Claim | null }
  /** The bound session has just answered: further claims are ignored until then. */
  | { readonly kind: 'settled'; readonly untilMs: number }

/** A session that answered a probe is not probed again about the same id for this long. */
const SETTLED_MS = 5_000
/** Probes that the claims of one session may have under way. */
const PROBES_PER_CLAIMANT_MAX = 4

export interface Verdicts {
  /** The claim won over the session `bound`. */
  grant(claim: Claim, bound: Speaker): void
  /** The session `bound` is there and keeps its id. */
  reject(claim: Claim, bound: Speaker): void
}

export class Claims {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #verdicts: Verdicts
  readonly #disputes = new LazyMap<number, Dispute>()

  constructor(clock: Clock, logger: Logger, verdicts: Verdicts) {
    this.#clock = clock
    this.#logger = logger
    this.#verdicts = verdicts
  }

  /** A claim on an id that is bound to `bound`. The one with the highest clock is kept while a probe is under way. */
  offer(claim: Claim, bound: Speaker): void {
    const dispute = this.#disputes.get(claim.clientId)
    if (dispute?.kind === 'probing' && dispute.bound === bound) {
      if (dispute.claim === null || claim.clock > dispute.claim.clock) dispute.claim = claim
      return
    }
    if (dispute?.kind === 'settled' && this.#clock.monotonic() < dispute.untilMs) return
    this.#probe(claim, bound)
  }

  /** The id's binding ended by itself: the claim on it, if there is one. */
  release(clientId: number): Claim | null {
    const dispute = this.#disputes.get(clientId)
    this.#disputes.delete(clientId)
    return dispute?.kind === 'probing' ? dispute.claim : null
  }

  /** The claimant says that the client is gone: what it claimed at this clock or before is void. */
  retract(clientId: number, claimant: Claimant, clock: number): void {
    const dispute = this.#disputes.get(clientId)
    if (dispute?.kind !== 'probing' || dispute.claim === null || dispute.claim.clock > clock) return
    if (isSameClaimant(dispute.claim.claimant, claimant)) dispute.claim = null
  }

  /** A session left, or a node: its claims are void. Of a node that has said all that it has, those of `said` stay. */
  withdraw(claimant: Claimant, said: ReadonlySet<number> | null = null): void {
    for (const [clientId, dispute] of this.#disputes) {
      if (dispute.kind !== 'probing' || dispute.claim === null || said?.has(clientId) === true) continue
      if (isSameClaimant(dispute.claim.claimant, claimant)) dispute.claim = null
    }
  }

  /** Forgets what no longer matters. */
  sweep(): void {
    const now = this.#clock.monotonic()
    for (const [clientId, dispute] of this.#disputes) {
      if (dispute.kind === 'settled' && dispute.untilMs <= now) this.#disputes.delete(clientId)
    }
  }

  #probe(claim: Claim, bound: Speaker): void {
    const { clientId } = claim
    const claimant = claimedBy(claim)
    if (claimant !== null && claimant.probeCount >= PROBES_PER_CLAIMANT_MAX) return
    const dispute: Dispute = { kind: 'probing', bound, claim }
    this.#disputes.set(clientId, dispute)
    if (claimant !== null) claimant.probeCount += 1
    const settle = (present: boolean): void => {
      if (claimant !== null) claimant.probeCount -= 1
      // Released meanwhile: nobody waits for this answer.
      if (this.#disputes.get(clientId) !== dispute) return
      if (present) {
        this.#disputes.set(clientId, { kind: 'settled', untilMs: this.#clock.monotonic() + SETTLED_MS })
        if (dispute.claim !== null) this.#verdicts.reject(dispute.claim, bound)
      } else {
        this.#disputes.delete(clientId)
        if (dispute.claim !== null) this.#verdicts.grant(dispute.claim, bound)
      }
    }
    bound.sink.probe().then(settle, (error: unknown) => {
      this.#logger.warn({ error }, 'A probe failed to tell whether its client is there; its awareness stays as it is.')
      settle(true)
    })
  }
}

function isSameClaimant(one: Claimant, other: Claimant): boolean {
  if (one.kind === 'session') return other.kind === 'session' && one.session === other.session
  return other.kind === 'remote' && isSameOrigin(one.origin, other.origin)
}

function claimedBy({ claimant }: Claim): Speaker | null {
  return claimant.kind === 'session' ? claimant.session : null
}

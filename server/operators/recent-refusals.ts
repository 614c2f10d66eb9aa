// Whom this node refused lately, and why. The same refusal again is counted where it stands, so that one who knocks and knocks pushes nobody out.
import type { Clock } from '../../core/clock.js'

const KEPT = 100
/** Whoever is refused decides what these say. */
const LENGTH_MAX = 512

export interface Refusal {
  /** When it last was; milliseconds since the Unix epoch. */
  readonly at: number
  /** Since when. */
  readonly since: number
  readonly count: number
  /** What was asked for: `session`, `connection`, or method and route of the API. */
  readonly act: string
  readonly code: string
  readonly user: string | null
  /** Null: this machine, or a program in this process. */
  readonly address: string | null
  readonly documentId: string | null
}

export type NewRefusal = Pick<Refusal, 'act' | 'code' | 'user' | 'address' | 'documentId'>

export class RecentRefusals {
  readonly #clock: Clock
  /** The last one is the latest. */
  readonly #refusals = new Map<string, Refusal>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  record({ act, code, user, address, documentId }: NewRefusal): void {
    const now = this.#clock.now()
    const refusal = {
      act: act.slice(0, LENGTH_MAX),
      code,
      user: user?.slice(0, LENGTH_MAX) ?? null,
      address,
      documentId: documentId?.slice(0, LENGTH_MAX) ?? null,
    }
    const key = JSON.stringify(refusal)
    const before = this.#refusals.get(key)
    this.#refusals.delete(key)
    this.#refusals.set(key, { ...refusal, at: now, since: before?.since ?? now, count: (before?.count ?? 0) + 1 })
    const [oldest] = this.#refusals.keys()
    if (this.#refusals.size > KEPT && oldest !== undefined) this.#refusals.delete(oldest)
  }

  /** The latest first. */
  list(): readonly Refusal[] {
    return [...this.#refusals.values()].reverse()
  }
}

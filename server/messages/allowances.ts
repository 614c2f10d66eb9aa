// How many messages each recipient may still get now.
import type { Clock } from '../../core/clock.js'
import { Rate } from '../../core/rate.js'

/** So many seconds' worth may come at once after a quiet time. */
const BURST_S = 2
/** Recipients that are remembered. Whoever has been quiet for the longest time is forgotten first, and has its whole allowance again. */
const RECIPIENTS_MAX = 10_000

export class Allowances {
  readonly #clock: Clock
  readonly #perSecond: () => number
  /** The one that got something last comes last. */
  readonly #rates = new Map<string, { readonly rate: Rate; readonly perSecond: number }>()

  /** `perSecond` is asked each time: it may be set anew while the server runs. */
  constructor(clock: Clock, perSecond: () => number) {
    this.#clock = clock
    this.#perSecond = perSecond
  }

  /** Whether the recipient may get one more; it is counted if so. */
  take(recipient: string): boolean {
    const perSecond = this.#perSecond()
    const known = this.#rates.get(recipient)
    const rate = known?.perSecond === perSecond ? known.rate : new Rate(this.#clock, perSecond, BURST_S)
    this.#rates.delete(recipient)
    const [quietest] = this.#rates.keys()
    if (this.#rates.size >= RECIPIENTS_MAX && quietest !== undefined) this.#rates.delete(quietest)
    this.#rates.set(recipient, { rate, perSecond })
    return rate.admits()
  }
}

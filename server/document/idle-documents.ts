// The documents that nobody uses: they stay in memory for a while, or until the room is needed.
import type { Clock, Timer } from '../../core/clock.js'
import type { MemoryBudget } from '../../core/memory-budget.js'
import type { DocumentOwner } from './document-owner.js'
import type { DocumentTuning } from './tuning.js'

export interface IdleDocumentsOptions {
  readonly clock: Clock
  readonly budget: MemoryBudget
  readonly tuning: Pick<DocumentTuning, 'idleMs'>
  /** Closes it, in this turn. */
  readonly evict: (owner: DocumentOwner) => void
}

/** So many take a few milliseconds. */
const EVICTIONS_PER_TURN = 500

export class IdleDocuments {
  readonly #options: IdleDocumentsOptions
  /** Idle owners, and since when (monotonic milliseconds), longest first. */
  readonly #since = new Map<DocumentOwner, number>()
  /** Those whose time is over, and which are compacted first. */
  readonly #compacting = new Set<DocumentOwner>()
  /** Those that were. */
  readonly #over = new Set<DocumentOwner>()
  #sweep: Timer | null = null

  constructor(options: IdleDocumentsOptions) {
    this.#options = options
    options.budget.onLevel((level) => {
      if (level !== 'calm') this.#sweepNow()
    })
  }

  add(owner: DocumentOwner): void {
    if (this.#compacting.delete(owner)) {
      this.#over.add(owner)
      this.#sweepNow()
      return
    }
    if (!this.#since.has(owner) && !this.#over.has(owner)) this.#since.set(owner, this.#options.clock.monotonic())
    this.#scheduleSweep()
  }

  /** Somebody uses it, or it is closed. */
  delete(owner: DocumentOwner): void {
    this.#since.delete(owner)
    this.#compacting.delete(owner)
    this.#over.delete(owner)
  }

  /** Near the bound of memory, closes some of what nobody uses, longest first, until there is room again: each as it is. */
  makeRoom(): void {
    let left = EVICTIONS_PER_TURN
    for (const owner of this.#all()) {
      if (this.#options.budget.level === 'calm' || left === 0) return
      this.#since.delete(owner)
      this.#over.delete(owner)
      if (!owner.idle) continue
      this.#options.evict(owner)
      left -= 1
    }
  }

  /** Closes nothing any more by itself. */
  stop(): void {
    this.#sweep?.cancel()
    this.#sweep = null
  }

  /** Those whose time is over first. */
  *#all(): Iterable<DocumentOwner> {
    yield* this.#over
    yield* this.#since.keys()
  }

  #scheduleSweep(): void {
    if (this.#sweep !== null || this.#since.size + this.#over.size === 0) return
    const { clock, tuning, budget } = this.#options
    const [since] = this.#since.values()
    const isUrgent = this.#over.size > 0 || budget.level !== 'calm'
    const delayMs = isUrgent ? 0 : Math.max(0, (since ?? 0) + tuning.idleMs - clock.monotonic())
    this.#sweep = clock.after(delayMs, () => this.#sweepIdle(), { unref: true })
  }

  #sweepNow(): void {
    this.stop()
    this.#scheduleSweep()
  }

  #sweepIdle(): void {
    this.#sweep = null
    if (this.#options.budget.level === 'calm') this.#closeIdle()
    else this.makeRoom()
    this.#scheduleSweep()
  }

  /** Closes what nobody has used for long, each compacted first if that is worth it. */
  #closeIdle(): void {
    const { clock, tuning, evict } = this.#options
    for (const owner of this.#over) if (owner.idle) evict(owner)
    this.#over.clear()
    const before = clock.monotonic() - tuning.idleMs
    for (const [owner, since] of this.#since) {
      if (since > before) break
      this.#since.delete(owner)
      if (!owner.idle) continue
      // It comes back as idle when the compaction has ended, unless somebody uses it by then.
      if (owner.compactWhenIdle()) this.#compacting.add(owner)
      else evict(owner)
    }
  }
}

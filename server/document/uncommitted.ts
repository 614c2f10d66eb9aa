// What of one document is known and not durable yet: what waits for a commit, and what is in one. So it knows, too, what is durable.
import type { Clock } from '../../core/clock.js'
import type { AppendEntry } from '../../persistence/store.js'
import { addCounts, addUpdate, noStructs, type StructCounts } from '../../protocol/updates/decoding-cost.js'
import type { InspectedUpdate } from '../../protocol/updates/inspect.js'
import type { Addition, KnownState } from '../../protocol/updates/known-state.js'
import { type InFlight, type Pending, PendingEntries, type Submitter } from './pending.js'

export class Uncommitted {
  readonly #pending: PendingEntries
  #inFlight: InFlight | null = null
  readonly #known: KnownState
  readonly #counts = { ...noStructs }
  /** Since the last commit, once somebody has asked for it. */
  #durableStateVector: Uint8Array | null = null

  /** `known` gets to know all that is added here, too, right after it. */
  constructor(clock: Clock, known: KnownState) {
    this.#pending = new PendingEntries(clock)
    this.#known = known
  }

  /** What is in the commit that runs; null while none does. */
  get inFlight(): AppendEntry | null {
    return this.#inFlight?.entry ?? null
  }

  /** Nothing waits for a commit that does not run yet. */
  get nothingWaits(): boolean {
    return this.#pending.empty
  }

  /** More waits than one entry takes. */
  get backlog(): boolean {
    return this.#pending.backlog
  }

  /** Bytes as received, of what the next entry comes from. */
  get nextBytes(): number {
    return this.#pending.nextBytes
  }

  /** Of the updates. */
  get bytes(): number {
    return this.#pending.bytes + (this.#inFlight?.entry.update.length ?? 0)
  }

  /** What it costs in memory. */
  get heldBytes(): number {
    return this.#pending.heldBytes + (this.#inFlight?.pending.heldBytes ?? 0)
  }

  /** What is durable holds these. */
  get durableCounts(): StructCounts {
    const counts = { ...this.#known.counts }
    addCounts(counts, this.#counts, -1)
    return counts
  }

  /** Of what is durable. Only a commit changes it: what waits for one may be megabytes, and everybody asks at once when a store is back. */
  get durableStateVector(): Uint8Array {
    this.#durableStateVector ??= this.#known.stateVectorBefore(this.#additions)
    return this.#durableStateVector
  }

  /** All of it, in the order of the log. */
  get updates(): readonly Uint8Array[] {
    return this.#inFlight === null ? this.#pending.updates : [this.#inFlight.entry.update, ...this.#pending.updates]
  }

  /** What is committed last of it; null if everything is durable. */
  get last(): Pending | null {
    return this.#pending.last ?? this.#inFlight?.pending ?? null
  }

  /** `firstUses` are the client ids in it that never wrote in this document before. */
  add(edit: InspectedUpdate, from: Submitter, firstUses: readonly number[]): void {
    addUpdate(this.#counts, edit)
    this.#pending.add(edit, from, firstUses)
  }

  /** Takes out what waits first, for a commit; null if nothing waits. */
  take(): Pending | null {
    return this.#pending.take()
  }

  /** The commit of `entry`, made of what was taken last, begins. */
  commits(pending: Pending, entry: AppendEntry): void {
    this.#inFlight = { pending, entry }
  }

  /** The commit that ran is durable; null if none ran. */
  committed(): InFlight | null {
    const inFlight = this.#inFlight
    this.#inFlight = null
    if (inFlight === null) return null
    addCounts(this.#counts, inFlight.pending.counts, -1)
    this.#durableStateVector = null
    return inFlight
  }

  /** Nothing of it will become durable here: nobody waits for it any more. */
  settle(): void {
    this.#pending.settle()
    this.#inFlight?.pending.settle()
  }

  /** What it adds to what is known. */
  get #additions(): readonly Addition[] {
    return this.#inFlight === null ? this.#pending.additions : [this.#inFlight.pending.addition, ...this.#pending.additions]
  }
}

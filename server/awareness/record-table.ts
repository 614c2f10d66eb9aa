// Everything a document knows about its awareness clients: the records, the removals among them, and what changed since the last beat.

import type { Clock } from '../../core/clock.js'
import { LazyMap } from '../../core/lazy-collections.js'
import { PresentStates } from './present-states.js'
import { type Binding, type ClientRecord, isLive, type LiveRecord, unbound } from './record.js'

/** How long, and how many, removals are remembered, so that a late echo does not revive them. */
const TOMBSTONE_AGE_MS_MAX = 60_000
const TOMBSTONES_MAX = 10_000
/**
 * Clients that hear of a state keep its clock for as long as they live, and take nothing back below it: so many clocks are kept after that.
 */
const FORMER_CLOCKS_MAX = 10_000
/** How long it takes to hear from the other nodes who speaks for which id. */
const INTRODUCTION_MS = 1_000

export class RecordTable {
  readonly #clock: Clock
  readonly #changeComes: () => void
  readonly #records = new LazyMap<number, ClientRecord>()
  /** Removed and unbound records, oldest removal first. */
  readonly #tombstones = new LazyMap<number, ClientRecord>()
  /** The last clocks of clients whose removal is forgotten, the one forgotten first in front. */
  readonly #formerClocks = new LazyMap<number, number>()
  /** Changed since the last beat; true for what other nodes have to hear too. */
  readonly #changed = new LazyMap<ClientRecord, boolean>()
  /** From when somebody comes who is not the first. */
  #presentStates: PresentStates | null = null
  readonly #openedAtMs: number
  #changeCount = 0
  #ownChangeCount = 0
  #ownComingCount = 0

  /** `changeComes` is called on each change. */
  constructor(clock: Clock, changeComes: () => void) {
    this.#clock = clock
    this.#changeComes = changeComes
    this.#openedAtMs = clock.monotonic()
  }

  /** The number of the last change. */
  get changeCount(): number {
    return this.#changeCount
  }

  /** Grows with each change of a client that speaks through this node. */
  get ownChangeCount(): number {
    return this.#ownChangeCount
  }

  /** Grows whenever such a client comes or goes, or turns out to be somebody else. */
  get ownComingCount(): number {
    return this.#ownComingCount
  }

  ownUserChanged(): void {
    this.#ownComingCount += 1
  }

  get(clientId: number): ClientRecord | undefined {
    return this.#records.get(clientId)
  }

  values(): Iterable<ClientRecord> {
    return this.#records.values()
  }

  /** The states of all clients that are present, as awareness updates. They are shared: never modify them. */
  presentStates(): readonly Uint8Array[] {
    if (this.#presentStates === null) {
      const present = [...this.live()]
      if (present.length === 0) return []
      this.#presentStates = new PresentStates(present)
    }
    return this.#presentStates.encoded()
  }

  /** The records of clients that are present. */
  *live(): Generator<LiveRecord> {
    for (const record of this.#records.values()) if (isLive(record)) yield record
  }

  /**
   * The record of a client, brought back as a removal if it was forgotten at this clock or a higher one: others would not take a state at
   * `clock` from it.
   */
  recall(clientId: number, clock: number): ClientRecord | undefined {
    const known = this.#records.get(clientId)
    const formerClock = this.#formerClocks.get(clientId)
    if (known !== undefined || formerClock === undefined || formerClock < clock) return known
    const record = this.getOrCreate(clientId)
    record.clock = formerClock
    record.changedAtMs = this.#clock.monotonic()
    this.#changeCount += 1
    record.change = this.#changeCount
    this.bind(record, unbound)
    return record
  }

  getOrCreate(clientId: number): ClientRecord {
    const known = this.#records.get(clientId)
    if (known !== undefined) return known
    this.#formerClocks.delete(clientId)
    const record: ClientRecord = {
      clientId,
      clock: 0,
      state: null,
      binding: unbound,
      presumedGone: false,
      changedAtMs: 0,
      change: 0,
    }
    this.#records.set(clientId, record)
    return record
  }

  /** Whether a session may have taken an id only because this node does not know yet that another node's client has it. */
  get isIntroducing(): boolean {
    return this.#clock.monotonic() - this.#openedAtMs < INTRODUCTION_MS
  }

  bind(record: ClientRecord, binding: Binding): void {
    if (record.binding.kind === 'session') record.binding.session.clientIds.delete(record.clientId)
    if (binding.kind === 'session') binding.session.clientIds.add(record.clientId)
    record.binding = binding
    // Deleted first, so that the order of the map stays the order of the removals.
    this.#tombstones.delete(record.clientId)
    if (record.state === null && binding.kind === 'none') this.#tombstones.set(record.clientId, record)
    if (this.#tombstones.size > TOMBSTONES_MAX) {
      const [oldest] = this.#tombstones.values()
      if (oldest !== undefined) this.#forget(oldest)
    }
  }

  /** Sets a record's state and puts it into the next beat; `tell` if the other nodes have to hear of it. */
  change(record: ClientRecord, clock: number, state: Uint8Array | null, binding: Binding, tell: boolean): void {
    const wasOwn = isOwn(record)
    record.clock = clock
    record.state = state
    record.presumedGone = false
    record.changedAtMs = this.#clock.monotonic()
    this.#changeCount += 1
    record.change = this.#changeCount
    this.bind(record, binding)
    if (wasOwn || isOwn(record)) this.#ownChangeCount += 1
    if (wasOwn !== isOwn(record)) this.#ownComingCount += 1
    this.#presentStates?.changed(record)
    this.#changed.set(record, tell)
    this.#changeComes()
  }

  /** Removes a client that nobody said is gone, but that nobody speaks for any more. */
  presumeGone(record: ClientRecord): void {
    this.change(record, record.clock, null, unbound, false)
    record.presumedGone = true
  }

  get hasChanges(): boolean {
    return this.#changed.size > 0
  }

  /**
   * What changed and was not taken yet, first what has waited longest, and which of it the other nodes have to hear. States of `bytesMax`
   * together, or the next one; more may be left.
   */
  takeChanges(bytesMax: number): { readonly all: readonly ClientRecord[]; readonly toTell: readonly ClientRecord[] } {
    const all: ClientRecord[] = []
    const toTell: ClientRecord[] = []
    let bytes = 0
    for (const record of this.#changed.keys()) {
      bytes += record.state?.length ?? 0
      if (all.length > 0 && bytes > bytesMax) break
      all.push(record)
      if (this.#changed.get(record) === true) toTell.push(record)
      this.#changed.delete(record)
    }
    return { all, toTell }
  }

  forgetOldTombstones(): void {
    const now = this.#clock.monotonic()
    for (const record of this.#tombstones.values()) {
      if (now - record.changedAtMs < TOMBSTONE_AGE_MS_MAX) break
      this.#forget(record)
    }
  }

  #forget(record: ClientRecord): void {
    this.#tombstones.delete(record.clientId)
    this.#records.delete(record.clientId)
    this.#formerClocks.set(record.clientId, record.clock)
    if (this.#formerClocks.size <= FORMER_CLOCKS_MAX) return
    const [oldest] = this.#formerClocks.keys()
    if (oldest !== undefined) this.#formerClocks.delete(oldest)
  }
}

/** Whether a client is present and speaks through this node. */
function isOwn(record: ClientRecord): boolean {
  return record.state !== null && record.binding.kind === 'session'
}

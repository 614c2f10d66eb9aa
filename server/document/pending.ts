// Edits of one document that wait for, or are in, a commit, and who is to be told of it. They wait as the entries of the log that they will
// become, so that no entry takes long to merge, and merged as far as they are, so that many small ones do not cost many times their bytes.
import type { Clock } from '../../core/clock.js'
import type { AppendEntry, ClientIdUse } from '../../persistence/store.js'
import { addUpdate, noStructs } from '../../protocol/updates/decoding-cost.js'
import type { ClientBlock, InspectedUpdate } from '../../protocol/updates/inspect.js'
import type { Addition } from '../../protocol/updates/known-state.js'
import { mergeUpdateTree } from '../../protocol/updates/merge.js'
import { UPDATE_BYTES } from './view/back-pressure.js'
import { inAlmostOwnBuffer } from './view/own-buffer.js'
import type { SessionSlot } from './view/session-slots.js'

/** An entry holds one edit of any size, or edits that take no longer to merge than a turn of the event loop may last. */
const ENTRY_BYTES_MAX = 128 * 1024
const ENTRY_ITEMS_MAX = 1_024
/** So many neighbours are merged into one as they come in. */
const FAN_IN = 24

/** Where the new structs of one client begin. */
type FirstStretch = Pick<ClientBlock, 'client' | 'ranges'>

const STRETCH_BYTES = 150

interface Chunk {
  readonly update: Uint8Array
  /** How often it was merged. */
  readonly level: number
}

/** Who submitted an edit, under which number of its session, and as which user. */
export interface Submitter {
  readonly session: SessionSlot
  readonly submission: number
  readonly user: string | null
}

/** What a user, or the first use of a client id, costs in memory until the commit. */
const AUTHOR_BYTES = 100

/** The authors of an entry that nobody is known to have written. */
const nobody: Pick<AppendEntry, 'users' | 'firstUses'> = { users: [], firstUses: [] }

/** What becomes one entry of the log. */
export class Pending {
  /** The highest submission of each session that this commit makes durable. */
  readonly submitters = new Map<SessionSlot, number>()
  /** What they hold together. */
  readonly counts = { ...noStructs }
  /** When the first edit came; monotonic milliseconds. */
  readonly since: number
  #waiters: (() => void)[] | null = null
  readonly #firstStretches = new Map<number, FirstStretch>()
  #users: Set<string> | null = null
  #firstUses: ClientIdUse[] | null = null
  #chunks: Chunk[] = []
  #chunkBytes = 0
  #items = 0
  #bytes = 0
  /** Merging failed; whoever takes the entry finds out why. */
  #unmergeable = false

  constructor(since: number) {
    this.since = since
  }

  get updates(): readonly Uint8Array[] {
    return this.#chunks.map((chunk) => chunk.update)
  }

  /** What it adds to what is known, without another look at the bytes. */
  get addition(): Addition {
    return { blocks: this.#firstStretches.values() }
  }

  /** What the entry says of who wrote it. */
  get authors(): Pick<AppendEntry, 'users' | 'firstUses'> {
    return this.#users === null ? nobody : { users: [...this.#users], firstUses: this.#firstUses ?? [] }
  }

  /** Bytes as received, before merging. */
  get bytes(): number {
    return this.#bytes
  }

  /** What it costs in memory. */
  get heldBytes(): number {
    return this.#chunkBytes + this.#chunks.length * UPDATE_BYTES + this.#firstStretches.size * STRETCH_BYTES + this.#authorBytes
  }

  get empty(): boolean {
    return this.#chunks.length === 0
  }

  /** Whether the entry is short enough with this edit. */
  hasRoomFor(edit: InspectedUpdate): boolean {
    return this.empty || (this.#bytes + edit.bytes.length <= ENTRY_BYTES_MAX && this.#items + itemsOf(edit) <= ENTRY_ITEMS_MAX)
  }

  /** `firstUses` are the client ids in it that never wrote in this document before. */
  add(edit: InspectedUpdate, { session, submission, user }: Submitter, firstUses: readonly number[]): void {
    this.submitters.set(session, submission)
    if (user !== null) {
      this.#users ??= new Set()
      this.#users.add(user)
      if (firstUses.length > 0) this.#firstUses ??= []
      for (const clientId of firstUses) this.#firstUses?.push({ clientId, user })
    }
    this.#bytes += edit.bytes.length
    this.#items += itemsOf(edit)
    for (const { client, ranges } of edit.blocks) this.#noteFirst(client, ranges[0])
    addUpdate(this.counts, edit)
    // Bytes that are a small part of the message that they came in are copied: they would keep all of it in memory.
    this.#push({ update: inAlmostOwnBuffer(edit.bytes), level: 0 })
    while (!this.#unmergeable && this.#topIsFull()) this.#mergeTop(FAN_IN)
  }

  /** Everything as one update. Throws if the edits do not merge. */
  merged(): Uint8Array {
    this.#mergeAll()
    return this.#chunks[0]?.update ?? mergeUpdateTree([])
  }

  /** Resolves when this commit is over, whatever came of it. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters ??= []
      this.#waiters.push(resolve)
    })
  }

  settle(): void {
    const waiters = this.#waiters ?? []
    this.#waiters = null
    for (const resolve of waiters) resolve()
  }

  get #authorBytes(): number {
    return ((this.#users?.size ?? 0) + (this.#firstUses?.length ?? 0)) * AUTHOR_BYTES
  }

  #noteFirst(client: number, clock: number | undefined): void {
    const known = this.#firstStretches.get(client)?.ranges[0] ?? Number.POSITIVE_INFINITY
    if (clock !== undefined && clock < known) this.#firstStretches.set(client, { client, ranges: [clock] })
  }

  #topIsFull(): boolean {
    const top = this.#chunks.at(-1)
    return top !== undefined && this.#chunks.at(-FAN_IN)?.level === top.level
  }

  #mergeTop(count: number): void {
    const level = (this.#chunks.at(-1)?.level ?? 0) + 1
    let update: Uint8Array
    try {
      update = mergeUpdateTree(this.#chunks.slice(-count).map((chunk) => chunk.update))
    } catch {
      this.#unmergeable = true
      return
    }
    for (const chunk of this.#chunks.splice(-count)) this.#chunkBytes -= chunk.update.length
    this.#push({ update, level })
  }

  #mergeAll(): void {
    if (this.#chunks.length < 2) return
    const update = inAlmostOwnBuffer(mergeUpdateTree(this.#chunks.map((chunk) => chunk.update)))
    this.#chunks = []
    this.#chunkBytes = 0
    this.#push({ update, level: 0 })
  }

  #push(chunk: Chunk): void {
    this.#chunks.push(chunk)
    this.#chunkBytes += chunk.update.length
  }
}

function itemsOf(edit: InspectedUpdate): number {
  return edit.structCount + edit.deleteRangeCount
}

/** All that waits, as entries in order. */
export class PendingEntries {
  readonly #clock: Clock
  /** Every one but the last is as long as it may be. */
  readonly #entries: Pending[] = []
  #bytes = 0
  #heldBytes = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get empty(): boolean {
    return this.#entries.length === 0
  }

  /** More waits than one entry takes. */
  get backlog(): boolean {
    return this.#entries.length > 1
  }

  /** Bytes as received. */
  get bytes(): number {
    return this.#bytes
  }

  /** Of these, what the next entry comes from. */
  get nextBytes(): number {
    return this.#entries[0]?.bytes ?? 0
  }

  /** What they cost in memory. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** All of them, merged as far as they are. */
  get updates(): readonly Uint8Array[] {
    return this.#entries.flatMap((entry) => entry.updates)
  }

  /** What they add to what is known. */
  get additions(): readonly Addition[] {
    return this.#entries.map((entry) => entry.addition)
  }

  /** The entry that is committed last, or null if nothing waits. */
  get last(): Pending | null {
    return this.#entries.at(-1) ?? null
  }

  add(edit: InspectedUpdate, from: Submitter, firstUses: readonly number[]): void {
    let entry = this.last
    if (entry === null || !entry.hasRoomFor(edit)) {
      entry = new Pending(this.#clock.monotonic())
      this.#entries.push(entry)
    }
    const before = entry.heldBytes
    entry.add(edit, from, firstUses)
    this.#bytes += edit.bytes.length
    this.#heldBytes += entry.heldBytes - before
  }

  /** Takes the first entry out; null if nothing waits. */
  take(): Pending | null {
    const entry = this.#entries.shift()
    if (entry === undefined) return null
    this.#bytes -= entry.bytes
    this.#heldBytes -= entry.heldBytes
    return entry
  }

  /** Nobody waits for them any more. */
  settle(): void {
    for (const entry of this.#entries.splice(0)) entry.settle()
    this.#bytes = 0
    this.#heldBytes = 0
  }
}

export interface InFlight {
  readonly pending: Pending
  readonly entry: AppendEntry
}

/**
 * Submissions that repeat what is durable already (S3). They are acknowledged in the next turn, so that `submit` never answers before it
 * returns.
 */
export class Repeats {
  readonly #clock: Clock
  readonly #acknowledge: (session: SessionSlot, through: number) => void
  #waiting: Map<SessionSlot, number> | null = null

  constructor(clock: Clock, acknowledge: (session: SessionSlot, through: number) => void) {
    this.#clock = clock
    this.#acknowledge = acknowledge
  }

  add(session: SessionSlot, submission: number): void {
    if (this.#waiting === null) {
      const waiting = new Map<SessionSlot, number>()
      this.#waiting = waiting
      this.#clock.soon(() => {
        this.#waiting = null
        for (const [repeater, through] of waiting) this.#acknowledge(repeater, through)
      })
    }
    this.#waiting.set(session, submission)
  }
}

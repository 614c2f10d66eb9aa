// The documents that are open in this process: finds or opens them, evicts them when idle, and stops them when their shard goes elsewhere.
import { unreachable } from '../../core/assert.js'
import type { Clock, Timer } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { shardOf } from '../../core/document-id.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import type { MemoryBudget } from '../../core/memory-budget.js'
import type { Random } from '../../core/random.js'
import { runAtOnce, runInSlices } from '../../core/slices.js'
import { Turnstile } from '../../core/turnstile.js'
import type { DocumentStore, Fence, StoredDocument } from '../../persistence/store.js'
import type { DocumentCommand, DocumentCommands } from './commands.js'
import type { Compactor } from './compaction.js'
import { DocumentOwner, type OwnerEvents } from './document-owner.js'
import { LogWriter } from './log-writer.js'
import type { DocumentObserver } from './observer.js'
import { openingStored } from './open-document.js'
import type { BroadcastOrder, OwnerEnvironment } from './owner-environment.js'
import type { Attachment, AttachRequest, DocumentDirectory } from './port.js'
import type { DocumentTuning } from './tuning.js'
import { ProcessPressure } from './view/back-pressure.js'
import { ownerMoved } from './view/session-slots.js'
import { wholeStateAt } from './whole-state.js'

const OPENED_AT_ONCE_BYTES_MAX = 512 * 1024

export interface LocalDirectoryOptions {
  readonly store: DocumentStore
  /** The fence under which this process owns the document's shard; null if it does not. */
  readonly fenceOf: (documentId: string) => Fence | null
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly counters: Counters
  readonly limits: Limits
  /** What this process holds; the directory counts its documents into it. */
  readonly budget: MemoryBudget
  /** Not closed with the directory. */
  readonly compactor: Compactor
  readonly broadcast: BroadcastOrder
  /** The store refused these shards: their documents were stopped. */
  readonly onFenced: (shards: ReadonlySet<number>) => void
  /** The store can never commit again: every document was stopped, and nobody is let in any more. */
  readonly onFatal: (error: WeftError) => void
  readonly tuning: DocumentTuning
  /** Whether compaction keeps deleted content of this document. */
  readonly keepDeleted: (documentId: string) => boolean
  /** Looks on. Default: nobody. */
  readonly observer?: DocumentObserver | null
}

interface Opening {
  readonly kind: 'opening'
  readonly shard: number
  readonly opened: Promise<void>
  /** Lets those who wait for it go, whenever the store answers. */
  readonly giveUp: (error: WeftError) => void
}

type Entry = Opening | { readonly kind: 'open'; readonly owner: DocumentOwner }

/** So many take a few milliseconds. */
const EVICTIONS_PER_TURN = 500
const LOADS_MAX = 16

type DirectoryState =
  | { readonly kind: 'serving' | 'draining' | 'closed' }
  /** The store takes nothing more. */
  | { readonly kind: 'failed'; readonly error: WeftError }

export class LocalDirectory implements DocumentDirectory, DocumentCommands {
  readonly #options: LocalDirectoryOptions
  readonly #environment: OwnerEnvironment
  readonly #events: OwnerEvents = {
    committed: (owner, users) => this.#options.observer?.committed(owner.documentId, owner.durableSeq, users),
    idle: (owner) => {
      // Nothing is there to be read again, so nothing is kept (G8).
      if (owner.blank) this.#evict(owner)
      else this.#becameIdle(owner)
    },
    stopped: (owner) => this.#forget(owner),
    fenced: (shard) => this.#fenced(new Set([shard])),
  }
  readonly #writer: LogWriter
  readonly #entries = new Map<string, Entry>()
  /** Documents that are being deleted: nobody opens them before that has ended. */
  readonly #deletions = new Map<string, Promise<void>>()
  /** What runs on a document that nobody may open meanwhile. Never rejects. */
  readonly #alone = new Map<string, Promise<void>>()
  /** Idle owners, and since when (monotonic milliseconds), longest first. */
  readonly #idle = new Map<DocumentOwner, number>()
  /** What is being read is in no account yet, so only so much is read at a time. */
  readonly #loads: Turnstile
  #sweep: Timer | null = null
  #state: DirectoryState = { kind: 'serving' }

  constructor(options: LocalDirectoryOptions) {
    const { store, clock, random, logger, counters, limits, budget, compactor, broadcast, tuning, keepDeleted } = options
    this.#options = options
    this.#loads = new Turnstile(LOADS_MAX, options.clock)
    this.#writer = new LogWriter({
      append: (entries) => store.append(entries),
      probe: () => store.probe(),
      clock,
      random,
      logger,
      counters,
      onFenced: (shards) => this.#fenced(shards),
      onFatal: (error) => this.fail(error),
    })
    budget.onLevel((level) => {
      if (level !== 'calm') this.#sweepNow()
    })
    const pressure = new ProcessPressure(limits.pendingBytesMax, budget, () => {
      for (const owner of this.#owners()) owner.updatePause()
    })
    this.#environment = {
      store,
      compactor,
      clock,
      random,
      logger,
      counters,
      tuning,
      keepDeleted,
      limits,
      budget,
      writer: this.#writer,
      pressure,
      broadcast,
    }
  }

  /** The number of documents in memory. */
  get openDocuments(): number {
    let open = 0
    for (const entry of this.#entries.values()) if (entry.kind === 'open') open += 1
    return open
  }

  /** Sessions on this document in this process. */
  sessionCount(documentId: string): number {
    const entry = this.#entries.get(documentId)
    return entry?.kind === 'open' ? entry.owner.sessionCount : 0
  }

  async attach(documentId: string, request: AttachRequest): Promise<Attachment> {
    for (;;) {
      if (this.#state.kind !== 'serving') throw this.#over()
      const alone = this.#alone.get(documentId)
      if (alone !== undefined) {
        await alone
        continue
      }
      const entry = this.#entries.get(documentId) ?? this.#openIfRoom(documentId)
      if (entry.kind === 'opening') {
        await entry.opened
        continue
      }
      // From here to the session's place in the owner nothing is awaited: an eviction cannot come between.
      const attachment = entry.owner.attach(request)
      this.#idle.delete(entry.owner)
      return attachment
    }
  }

  async command(documentId: string, command: DocumentCommand): Promise<void> {
    if (this.#state.kind !== 'serving') throw this.#over()
    switch (command.kind) {
      case 'keep-version':
        return this.#keepVersion(documentId, command)
      case 'delete':
        return this.#delete(documentId)
      case 'quarantine':
        return this.#aloneWith(documentId, () => this.#quarantine(documentId, command))
      default:
        unreachable(command)
    }
  }

  async #keepVersion(documentId: string, { seq, label, state: known }: DocumentCommand & { kind: 'keep-version' }): Promise<void> {
    const { store, fenceOf, compactor, keepDeleted } = this.#options
    const fence = fenceOf(documentId)
    if (fence === null) throw ownerMoved()
    const { incarnation, state } = await wholeStateAt(store, compactor, documentId, seq, keepDeleted(documentId), known)
    if ((await store.keepVersion({ documentId, fence, incarnation, seq, state }, label)) === 'fenced') throw ownerMoved()
  }

  /** Concurrent ones are one. */
  #delete(documentId: string): Promise<void> {
    const running = this.#deletions.get(documentId)
    if (running !== undefined) return running
    const deletion = this.#aloneWith(documentId, () => this.#deleteAnew(documentId)).finally(() => this.#deletions.delete(documentId))
    this.#deletions.set(documentId, deletion)
    return deletion
  }

  /** One at a time for a document; nobody opens it meanwhile. */
  async #aloneWith(documentId: string, work: () => Promise<void>): Promise<void> {
    for (let before = this.#alone.get(documentId); before !== undefined; before = this.#alone.get(documentId)) await before
    const running = work().finally(() => this.#alone.delete(documentId))
    // Whoever waits to open it opens it anew, whatever came of this.
    this.#alone.set(
      documentId,
      running.catch(() => {}),
    )
    return running
  }

  /** Whoever has the document in memory, once that is known; null for nobody. */
  async #ownerOf(documentId: string): Promise<DocumentOwner | null> {
    const entry = this.#entries.get(documentId)
    if (entry?.kind === 'opening') await entry.opened.catch(() => {})
    const opened = this.#entries.get(documentId)
    return opened?.kind === 'open' ? opened.owner : null
  }

  async #quarantine(documentId: string, { seq, reason }: DocumentCommand & { kind: 'quarantine' }): Promise<void> {
    const { store, fenceOf, counters, logger } = this.#options
    const fence = fenceOf(documentId)
    if (fence === null) throw ownerMoved()
    // Nothing of the document is in memory then, or under way to the store.
    await (await this.#ownerOf(documentId))?.handOver()
    const { incarnation, snapshot, head } = await store.openDocument(documentId)
    if (incarnation === null || seq <= (snapshot?.seq ?? 0) || seq > head)
      throw new WeftError('malformed', `Seq ${seq} is in no edit behind the newest snapshot of this document.`)
    if ((await store.saveQuarantine({ documentId, fence, incarnation, seq, reason })) === 'fenced') throw ownerMoved()
    counters.add('documents_quarantined')
    logger.error({ documentId, seq, reason }, 'A document was quarantined by command; it is read-only up to that seq')
  }

  async #deleteAnew(documentId: string): Promise<void> {
    const { store, fenceOf } = this.#options
    const fence = fenceOf(documentId)
    if (fence === null) throw ownerMoved()
    const remove = async (): Promise<WeftError> => {
      if ((await store.deleteDocument(documentId, fence)) === 'fenced') throw ownerMoved()
      return deleted()
    }
    const owner = await this.#ownerOf(documentId)
    await (owner === null ? remove() : owner.endBy(remove))
    this.#options.counters.add('documents_deleted')
  }

  /**
   * Gives up shards, for another node: flushes their documents and detaches their sessions with `owner-moved`. `fenceOf` must already answer null for
   * them, so that nothing opens them again; the store's release comes after this.
   */
  async release(shards: ReadonlySet<number>): Promise<void> {
    const mine = [...this.#entries].filter(([documentId]) => shards.has(shardOf(documentId)))
    await Promise.all(
      mine.map(async ([documentId]) => {
        await (await this.#ownerOf(documentId))?.handOver()
      }),
    )
  }

  /**
   * These shards belong to somebody else now: their documents stop at once, with nothing acknowledged any more. A load that the store has not answered
   * is not waited for: the next owner of the shard, who may be us, loads anew.
   */
  abandon(shards: ReadonlySet<number>): void {
    for (const [documentId, entry] of this.#entries) {
      if (entry.kind !== 'opening' || !shards.has(entry.shard)) continue
      this.#entries.delete(documentId)
      entry.giveUp(ownerMoved())
    }
    for (const owner of this.#owners()) if (shards.has(owner.fence.shard)) owner.stop(ownerMoved())
  }

  /** Refuses new attaches and resolves when everything submitted so far is durable and acknowledged. Sessions stay attached. */
  async drain(): Promise<void> {
    if (this.#state.kind === 'serving') this.#state = { kind: 'draining' }
    await Promise.all([...this.#entries.values()].map((entry) => (entry.kind === 'opening' ? entry.opened.catch(() => {}) : undefined)))
    await Promise.all(this.#owners().map((owner) => owner.flush()))
  }

  /** Detaches everybody and stops all timers; the commit that runs is awaited. Idempotent. */
  async close(): Promise<void> {
    const error = this.#over()
    this.#state = { kind: 'closed' }
    this.#stopAll(error)
    this.#stopSweeping()
    await this.#writer.close()
  }

  #owners(): DocumentOwner[] {
    return [...this.#entries.values()].flatMap((entry) => (entry.kind === 'open' ? [entry.owner] : []))
  }

  /** Near the bound of memory a further document is opened in the room of idle ones, or not at all (G8). */
  #openIfRoom(documentId: string): Entry {
    const { budget, counters } = this.#options
    if (budget.level !== 'calm') this.#evictIdle(EVICTIONS_PER_TURN)
    if (budget.level === 'calm') return this.#open(documentId)
    counters.add('documents_refused')
    throw new WeftError('overloaded', 'The server has as many documents open as its memory permits; try again later.')
  }

  #open(documentId: string): Entry {
    let giveUp: (error: WeftError) => void = () => {}
    let leave: () => void = () => {}
    const opened = new Promise<void>((resolve, reject) => {
      giveUp = (error) => {
        // Whatever the store is doing, others need not wait for it.
        leave()
        reject(error)
      }
      // Not in this turn: a load that fails at once must find its entry, to take it away.
      this.#loads
        .enter()
        .then((given) => {
          leave = given
          return this.#load(documentId, entry)
        })
        .finally(() => leave())
        .then(resolve, reject)
    })
    // Every waiting attach gets the rejection by itself.
    opened.catch(() => {})
    const entry: Opening = { kind: 'opening', shard: shardOf(documentId), opened, giveUp }
    this.#entries.set(documentId, entry)
    return entry
  }

  /** One consistent read for all that wait (S5). A failure leaves nothing behind: the next attach tries anew (D4). */
  async #load(documentId: string, entry: Opening): Promise<void> {
    try {
      const { store, fenceOf, random, counters, clock } = this.#options
      // Ownership first, the read after it: nobody else can append in between without this fence failing.
      const fence = fenceOf(documentId)
      if (fence === null || this.#entries.get(documentId) !== entry) throw ownerMoved()
      const stored = await store.openDocument(documentId)
      // Given up meanwhile: whoever came since has a load of their own.
      const over = (): boolean => this.#state.kind === 'closed' || this.#state.kind === 'failed'
      const givenUp = (): boolean => over() || this.#entries.get(documentId) !== entry
      const opening = openingStored(documentId, stored, random)
      const opened = isSmall(stored) ? runAtOnce(opening) : await runInSlices(opening, clock, givenUp)
      if (over()) throw this.#over()
      const current = fenceOf(documentId)
      if (current === null || current.epoch !== fence.epoch || current.boot !== fence.boot) throw ownerMoved()
      if (opened === null || givenUp()) throw ownerMoved()
      const owner = new DocumentOwner(documentId, fence, opened, this.#environment, this.#events)
      if (owner.blank) await this.#begin(owner, givenUp)
      this.#entries.set(documentId, { kind: 'open', owner })
      counters.add('documents_opened')
      // Those who wait for it attach in the coming microtasks; should they all be gone, it is evicted in time.
      if (owner.idle) this.#becameIdle(owner)
    } catch (thrown) {
      if (this.#entries.get(documentId) === entry) this.#entries.delete(documentId)
      throw readFailed(thrown)
    }
  }

  /** A document that was never written begins with what the program has for it, before anybody is let in. */
  async #begin(owner: DocumentOwner, givenUp: () => boolean): Promise<void> {
    const { observer } = this.#options
    if (observer === undefined || observer === null || observer.firstContent === null) return
    try {
      const content = await observer.firstContent(owner.documentId)
      if (content !== null && !givenUp()) await submitFirst(owner, content)
      if (givenUp()) throw ownerMoved()
    } catch (thrown) {
      owner.stop(asWeftError(thrown))
      throw thrown
    }
  }

  #fenced(shards: ReadonlySet<number>): void {
    this.abandon(shards)
    this.#options.logger.warn({ shards: [...shards] }, 'The store refused this server as owner')
    this.#options.onFenced(shards)
  }

  /** Nothing can be committed here any more: whoever stayed would wait for it without end. Idempotent. */
  fail(error: WeftError): void {
    if (this.#state.kind === 'failed' || this.#state.kind === 'closed') return
    this.#state = { kind: 'failed', error }
    for (const entry of this.#entries.values()) if (entry.kind === 'opening') entry.giveUp(error)
    this.#stopAll(error)
    this.#stopSweeping()
    this.#options.onFatal(error)
  }

  /** Why nobody is let in. */
  #over(): WeftError {
    return this.#state.kind === 'failed' ? this.#state.error : draining()
  }

  #stopAll(error: WeftError): void {
    for (const owner of this.#owners()) owner.stop(error)
  }

  #forget(owner: DocumentOwner): void {
    this.#idle.delete(owner)
    const entry = this.#entries.get(owner.documentId)
    if (entry?.kind === 'open' && entry.owner === owner) this.#entries.delete(owner.documentId)
  }

  #becameIdle(owner: DocumentOwner): void {
    if (this.#state.kind === 'closed' || this.#state.kind === 'failed') return
    if (!this.#idle.has(owner)) this.#idle.set(owner, this.#options.clock.monotonic())
    this.#scheduleSweep()
  }

  #scheduleSweep(): void {
    if (this.#sweep !== null || this.#idle.size === 0) return
    const { clock, tuning, budget } = this.#options
    const [since] = this.#idle.values()
    const idleMs = budget.level === 'calm' ? tuning.idleMs : 0
    const delayMs = Math.max(0, (since ?? 0) + idleMs - clock.monotonic())
    this.#sweep = clock.after(delayMs, () => this.#sweepIdle(), { unref: true })
  }

  #stopSweeping(): void {
    this.#sweep?.cancel()
    this.#sweep = null
  }

  #sweepNow(): void {
    this.#sweep?.cancel()
    this.#sweep = null
    this.#scheduleSweep()
  }

  #sweepIdle(): void {
    this.#sweep = null
    if (this.#options.budget.level === 'calm') this.#closeIdle()
    else this.#evictIdle(EVICTIONS_PER_TURN)
    this.#scheduleSweep()
  }

  /** Closes what nobody has used for long, each compacted first if that is worth it. */
  #closeIdle(): void {
    const { clock, tuning } = this.#options
    const before = clock.monotonic() - tuning.idleMs
    for (const [owner, since] of this.#idle) {
      if (since > before) break
      this.#idle.delete(owner)
      if (!owner.idle) continue
      // It comes back as idle when the compaction has ended, and waits once more; by then there is nothing left to compact.
      if (!owner.compactWhenIdle()) this.#evict(owner)
    }
  }

  /** Closes what nobody uses, longest first, until there is room again: at most `count`, each as it is. */
  #evictIdle(count: number): void {
    let left = count
    for (const owner of this.#idle.keys()) {
      if (this.#options.budget.level === 'calm' || left === 0) return
      this.#idle.delete(owner)
      if (!owner.idle) continue
      this.#evict(owner)
      left -= 1
    }
  }

  /** Everything is durable, nobody is attached, and this runs in one turn: whoever comes next reads all of it from the store. */
  #evict(owner: DocumentOwner): void {
    const { blank, documentId } = owner
    owner.stop(ownerMoved())
    this.#options.counters.add('documents_evicted')
    if (!blank) this.#options.observer?.becameIdle(documentId)
  }
}

/** Resolves once the first content of a document is committed. */
function submitFirst(owner: DocumentOwner, content: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const ignore = (): void => {}
    const attachment = owner.attach({
      sink: {
        catchUp: ignore,
        beat: ignore,
        pause: ignore,
        resume: ignore,
        acknowledged: () => {
          resolve()
          attachment.detach()
        },
        refused: (_submission, error) => reject(error),
        detached: reject,
      },
    })
    attachment.submit(1, content, null)
  })
}

/** Whether a document takes a few milliseconds to open, so that it need not be opened in slices. */
function isSmall({ snapshot, tail }: StoredDocument): boolean {
  let bytes = snapshot?.state.length ?? 0
  for (const { update } of tail) bytes += update.length
  return bytes <= OPENED_AT_ONCE_BYTES_MAX
}

function deleted(): WeftError {
  return new WeftError('no-such-document', 'This document was deleted.')
}

function draining(): WeftError {
  return new WeftError('draining', 'The server is stopping; connect again in a moment.')
}

/** D4: whatever went wrong, the join fails, and the client may try again. */
function readFailed(thrown: unknown): WeftError {
  if (thrown instanceof WeftError) return thrown
  return new WeftError('store-unavailable', 'The document could not be read; try again later.', { cause: asWeftError(thrown) })
}

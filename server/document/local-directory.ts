// The documents that are open in this process: finds or opens them, and stops them when their shard goes elsewhere.
import { shardOf } from '../../core/document-id.js'
import { WeftError } from '../../core/errors.js'
import { Turnstile } from '../../core/turnstile.js'
import type { Fence } from '../../persistence/store.js'
import type { DocumentCommand, DocumentCommands } from './commands.js'
import { DocumentLoader } from './document-loader.js'
import type { DocumentOwner, OwnerEvents } from './document-owner.js'
import { IdleDocuments } from './idle-documents.js'
import { LocalCommands } from './local-commands.js'
import { LogWriter } from './log-writer.js'
import type { DocumentObserver } from './observer.js'
import type { OwnerEnvironment } from './owner-environment.js'
import type { Attachment, AttachRequest, DocumentDirectory } from './port.js'
import type { QuotaRule } from './quota-rule.js'
import { Quotas } from './quotas.js'
import { ProcessPressure } from './view/back-pressure.js'
import { ownerMoved } from './view/session-slots.js'

/** The compactor is not closed with the directory. */
export interface LocalDirectoryOptions extends Omit<OwnerEnvironment, 'writer' | 'pressure' | 'quotas'> {
  /** How much documents may have. Default: no more bounds than the limits. */
  readonly quotas?: readonly QuotaRule[]
  /** Other processes work with the same store. Default: none does. */
  readonly storeIsShared?: boolean
  /** The fence under which this process owns the document's shard; null if it does not. */
  readonly fenceOf: (documentId: string) => Fence | null
  /** The store refused these shards: their documents were stopped. */
  readonly onFenced: (shards: ReadonlySet<number>) => void
  /** The store can never commit again: every document was stopped, and nobody is let in any more. */
  readonly onFatal: (error: WeftError) => void
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

const LOADS_MAX = 16

type DirectoryState =
  | { readonly kind: 'serving' | 'draining' | 'closed' }
  /** The store takes nothing more. */
  | { readonly kind: 'failed'; readonly error: WeftError }

export class LocalDirectory implements DocumentDirectory, DocumentCommands {
  readonly #options: LocalDirectoryOptions
  readonly #events: OwnerEvents = {
    committed: (owner, users, bytes) => {
      if (!owner.unfinished) this.#options.observer?.committed(owner.documentId, owner.durableSeq, users, bytes)
    },
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
  readonly #commands: LocalCommands
  readonly #idle: IdleDocuments
  readonly #loader: DocumentLoader
  readonly #quotas: Quotas | null
  /** What is being read is in no account yet, so only so much is read at a time. */
  readonly #loads: Turnstile
  #state: DirectoryState = { kind: 'serving' }

  constructor(options: LocalDirectoryOptions) {
    const { store, clock, random, logger, counters, limits, budget, tuning, busyness, fenceOf, observer = null } = options
    this.#options = options
    this.#loads = new Turnstile(LOADS_MAX, clock)
    this.#writer = new LogWriter({
      append: (entries) => store.append(entries),
      probe: () => store.probe(),
      clock,
      random,
      logger,
      counters,
      busyness,
      storeIsShared: options.storeIsShared ?? false,
      onFenced: (shards) => this.#fenced(shards),
      onFatal: (error) => this.fail(error),
    })
    this.#idle = new IdleDocuments({ clock, budget, tuning, evict: (owner) => this.#evict(owner) })
    this.#commands = new LocalCommands({
      ...options,
      ownerOf: (documentId) => this.#ownerOf(documentId),
      quotas: () => this.#quotas,
      finished: (documentId, head, users) => {
        // All of it is told at once.
        observer?.committed(documentId, 1, users, 0)
        if (head > 1) observer?.committed(documentId, head, users, 0)
      },
    })
    const pressure = new ProcessPressure(limits.pendingBytesMax, budget, () => {
      for (const owner of this.#owners()) owner.updatePause()
    })
    const { quotas: rules = [] } = options
    this.#quotas = rules.length === 0 ? null : new Quotas({ rules, store, records: store.keyedRecords ?? null, clock, logger })
    const environment: OwnerEnvironment = { ...options, writer: this.#writer, pressure, quotas: this.#quotas }
    this.#loader = new DocumentLoader({ fenceOf, environment, events: this.#events, observer })
  }

  /** The number of documents in memory. */
  get openDocuments(): number {
    let open = 0
    for (const entry of this.#entries.values()) if (entry.kind === 'open') open += 1
    return open
  }

  /** The number of documents that are in memory or on their way there; costs nothing to ask. */
  get documentCount(): number {
    return this.#entries.size
  }

  /** Sessions on this document in this process. */
  sessionCount(documentId: string): number {
    const entry = this.#entries.get(documentId)
    return entry?.kind === 'open' ? entry.owner.sessionCount : 0
  }

  async attach(documentId: string, request: AttachRequest): Promise<Attachment> {
    for (;;) {
      if (this.#state.kind !== 'serving') throw this.#over()
      const alone = this.#commands.aloneOn(documentId)
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
    return this.#commands.run(documentId, command)
  }

  /** Whoever has the document in memory, once that is known; null for nobody. */
  async #ownerOf(documentId: string): Promise<DocumentOwner | null> {
    const entry = this.#entries.get(documentId)
    if (entry?.kind === 'opening') await entry.opened.catch(() => {})
    const opened = this.#entries.get(documentId)
    return opened?.kind === 'open' ? opened.owner : null
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
    this.#idle.stop()
    await this.#writer.close()
    await this.#quotas?.close()
  }

  #owners(): DocumentOwner[] {
    return [...this.#entries.values()].flatMap((entry) => (entry.kind === 'open' ? [entry.owner] : []))
  }

  /** Near the bound of memory a further document is opened in the room of idle ones, or not at all (G8). */
  #openIfRoom(documentId: string): Entry {
    const { budget, counters } = this.#options
    if (budget.level !== 'calm') this.#idle.makeRoom()
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

  /** One read for all that wait (S5). A failure leaves nothing behind: the next attach tries anew (D4). */
  async #load(documentId: string, entry: Opening): Promise<void> {
    // Given up meanwhile: whoever came since has a load of their own.
    const givenUp = (): WeftError | null => {
      if (this.#state.kind === 'closed' || this.#state.kind === 'failed') return this.#over()
      return this.#entries.get(documentId) === entry ? null : ownerMoved()
    }
    try {
      const owner = await this.#loader.load(documentId, givenUp)
      this.#entries.set(documentId, { kind: 'open', owner })
      this.#options.counters.add('documents_opened')
      // Those who wait for it attach in the coming microtasks; should they all be gone, it is evicted in time.
      if (owner.idle) this.#becameIdle(owner)
    } catch (thrown) {
      if (this.#entries.get(documentId) === entry) this.#entries.delete(documentId)
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
    this.#idle.stop()
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
    if (this.#state.kind !== 'closed' && this.#state.kind !== 'failed') this.#idle.add(owner)
  }

  /** Everything is durable, nobody is attached, and this runs in one turn: whoever comes next reads all of it from the store. */
  #evict(owner: DocumentOwner): void {
    const { blank, unfinished, documentId } = owner
    owner.stop(ownerMoved())
    this.#options.counters.add('documents_evicted')
    if (!blank && !unfinished) this.#options.observer?.becameIdle(documentId)
  }
}

function draining(): WeftError {
  return new WeftError('draining', 'The server is stopping; connect again in a moment.')
}

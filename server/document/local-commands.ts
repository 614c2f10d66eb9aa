// What else can be asked of the documents that this process owns, beside attaching: commands, and who may not open a document while one of
// them runs.
import { unreachable } from '../../core/assert.js'
import type { Counters } from '../../core/counters.js'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { DocumentStore, Fence } from '../../persistence/store.js'
import { isUnfinished } from '../../persistence/unfinished.js'
import type { DocumentCommand } from './commands.js'
import type { Compactor } from './compaction.js'
import type { DocumentOwner } from './document-owner.js'
import type { Quotas } from './quotas.js'
import { ownerMoved } from './view/session-slots.js'
import { importedElsewhere } from './view/unfinished-document.js'
import { wholeStateAt } from './whole-state.js'

export interface LocalCommandsOptions {
  readonly store: DocumentStore
  /** The fence under which this process owns the document's shard; null if it does not. */
  readonly fenceOf: (documentId: string) => Fence | null
  readonly compactor: Compactor
  readonly keepDeleted: (documentId: string) => boolean
  readonly counters: Counters
  readonly logger: Logger
  /** Whoever has the document in memory, once that is known; null for nobody. */
  readonly ownerOf: (documentId: string) => Promise<DocumentOwner | null>
  /** A document was made, and is shown from now on: through this seq, by these users. */
  readonly finished: (documentId: string, head: number, users: readonly string[]) => void
  /** Null: none bounds any document. */
  readonly quotas: () => Quotas | null
}

const AUTHORS_PAGE = 1_000

/** An update of Yjs, v1, without structs or deletes. */
const NOTHING = Uint8Array.of(0, 0)

type CommandOf<Kind extends DocumentCommand['kind']> = DocumentCommand & { readonly kind: Kind }

export class LocalCommands {
  readonly #options: LocalCommandsOptions
  /** Documents that are being deleted: nobody opens them before that has ended. */
  readonly #deletions = new Map<string, Promise<void>>()
  /** What runs on a document that nobody may open meanwhile. Never rejects. */
  readonly #alone = new Map<string, Promise<void>>()

  constructor(options: LocalCommandsOptions) {
    this.#options = options
  }

  /** Resolves, never rejects, when what runs on a document that nobody may open meanwhile has ended; undefined if nothing does. */
  aloneOn(documentId: string): Promise<void> | undefined {
    return this.#alone.get(documentId)
  }

  /** Rejects with `owner-moved`, `malformed`, or what the store says. */
  async run(documentId: string, command: DocumentCommand): Promise<void> {
    switch (command.kind) {
      case 'keep-version':
        return this.#keepVersion(documentId, command)
      case 'delete':
        return this.#delete(documentId)
      case 'quarantine':
        return this.#aloneWith(documentId, () => this.#quarantine(documentId, command))
      case 'begin':
        return this.#aloneWith(documentId, () => this.#begin(documentId, command))
      case 'finish':
        return this.#aloneWith(documentId, () => this.#finish(documentId, command))
      default:
        unreachable(command)
    }
  }

  async #keepVersion(documentId: string, { seq, label, known }: CommandOf<'keep-version'>): Promise<void> {
    const { store, compactor, keepDeleted } = this.#options
    const fence = this.#fenceOf(documentId)
    const keeps = keepDeleted(documentId)
    // What was deleted is not in what somebody put together to read it.
    const isOfUse = known !== undefined && !keeps
    const { incarnation, state } = isOfUse ? known : await wholeStateAt(store, compactor, documentId, seq, keeps)
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

  async #quarantine(documentId: string, { seq, reason }: CommandOf<'quarantine'>): Promise<void> {
    const { store, ownerOf, counters, logger } = this.#options
    const fence = this.#fenceOf(documentId)
    // Nothing of the document is in memory then, or under way to the store.
    await (await ownerOf(documentId))?.handOver()
    const { incarnation, snapshot, head } = await store.openDocument(documentId)
    if (incarnation === null || seq <= (snapshot?.seq ?? 0) || seq > head)
      throw new WeftError('malformed', `Seq ${seq} is in no edit behind the newest snapshot of this document.`)
    if ((await store.saveQuarantine({ documentId, fence, incarnation, seq, reason })) === 'fenced') throw ownerMoved()
    counters.add('documents_quarantined')
    logger.error({ documentId, seq, reason }, 'A document was quarantined by command; it is read-only up to that seq')
  }

  async #begin(documentId: string, { incarnation, firstUses }: CommandOf<'begin'>): Promise<void> {
    const { store, ownerOf, quotas } = this.#options
    const fence = this.#fenceOf(documentId)
    await (await ownerOf(documentId))?.handOver()
    let stored = await store.openDocument(documentId)
    if (stored.incarnation !== null && stored.incarnation !== incarnation) {
      if (!isUnfinished(stored.incarnation)) throw new WeftError('document-exists', 'There is a document of that name already.')
      await this.#forgetTimes(documentId)
      if ((await store.deleteDocument(documentId, fence)) === 'fenced') throw ownerMoved()
      stored = await store.openDocument(documentId)
    }
    if (stored.incarnation !== null && firstUses.length === 0) return
    if (stored.incarnation === null) {
      const quota = (await quotas()?.of(documentId, true)) ?? null
      const refusal = quota?.admit({ begins: true, documentBytes: 0, addedBytes: 0 }) ?? null
      if (refusal !== null) throw refusal
    }
    const entry = { documentId, fence, incarnation, seq: stored.head + 1, update: NOTHING, firstUses }
    if ((await store.append([entry])).fencedShards.size > 0) throw ownerMoved()
  }

  async #finish(documentId: string, { incarnation }: CommandOf<'finish'>): Promise<void> {
    const { store, ownerOf, finished } = this.#options
    const fence = this.#fenceOf(documentId)
    // Whoever opens it from here on is told the other incarnation.
    await (await ownerOf(documentId))?.handOver()
    if ((await store.finishDocument(documentId, fence, incarnation)) === 'fenced') {
      const there = (await store.openDocument(documentId)).incarnation
      throw there === incarnation ? ownerMoved() : importedElsewhere()
    }
    const users = new Set<string>()
    let head = 0
    for (let after: number | null = 0; after !== null; ) {
      const page: Awaited<ReturnType<DocumentStore['readAuthors']>> = await store.readAuthors(documentId, {
        afterSeq: after,
        limit: AUTHORS_PAGE,
      })
      for (const row of page.items) {
        for (const user of row.users) users.add(user)
        head = row.seq
      }
      after = page.next
    }
    finished(documentId, head, [...users])
  }

  async #deleteAnew(documentId: string): Promise<void> {
    const { store, ownerOf, counters } = this.#options
    const fence = this.#fenceOf(documentId)
    const remove = async (): Promise<WeftError> => {
      await this.#forgetTimes(documentId)
      if ((await store.deleteDocument(documentId, fence)) === 'fenced') throw ownerMoved()
      return new WeftError('no-such-document', 'This document was deleted.')
    }
    const owner = await ownerOf(documentId)
    await (owner === null ? remove() : owner.endBy(remove))
    counters.add('documents_deleted')
  }

  /** Before the document: those of another life would be taken for its. */
  async #forgetTimes(documentId: string): Promise<void> {
    const { keyedRecords } = this.#options.store
    if (((await keyedRecords?.find('imported-times', documentId)) ?? null) !== null)
      await keyedRecords?.remove('imported-times', documentId)
  }

  #fenceOf(documentId: string): Fence {
    const fence = this.#options.fenceOf(documentId)
    if (fence === null) throw ownerMoved()
    return fence
  }
}

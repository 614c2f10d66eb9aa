// The history of documents: every moment of the retention window and every version can be read, compared, kept, brought back and taken along.
import type { Clock } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import type { EditTraces } from '../../core/edit-traces.js'
import { WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { MemoryAccount } from '../../core/memory-budget.js'
import type { Random } from '../../core/random.js'
import type { DocumentInfo, DocumentQuery, DocumentStore, Page, Version, VersionQuery } from '../../persistence/store.js'
import type { DocumentCommands, KnownState } from '../document/commands.js'
import type { DocumentDirectory } from '../document/port.js'
import { parseAddress } from './address.js'
import { Archives } from './archives.js'
import { firstUnsound } from './first-unsound.js'
import { type ChangeQuery, lastChanged } from './last-changed.js'
import { type DocumentHistory, type Moment, Moments, noSuchDocument } from './moments.js'
import type { Sitting } from './sittings.js'
import { expecting, submitEdits } from './submit-edit.js'
import type { RootDifference } from './tasks/difference.js'
import type { PatchOperation, TextEdit } from './tasks/edit.js'
import type { RestoreReport } from './tasks/restore.js'
import type { Root } from './tasks/roots.js'
import type { TextFormat } from './tasks/tasks.js'
import { type Attribution, type SittingsQuery, WhoWrote } from './who-wrote.js'
import type { Workshop } from './workshop/workshop.js'

export interface HistoryOptions {
  readonly store: DocumentStore
  readonly documents: DocumentDirectory & DocumentCommands
  readonly workshop: Workshop
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  /** Of what is held while a document is brought in. */
  readonly account: MemoryAccount
  readonly counters: Counters
  /** Whether the documents take only edits under client ids of their users. Default: they take any. */
  readonly bindClientIds?: boolean
  /** Which versions of the program serve these documents now; null is this one. Default: this one alone. */
  readonly versionsServing?: () => ReadonlySet<string | null>
  /** Null, or not there: no edit is followed. */
  readonly traces?: EditTraces | null
  /** Told, before it is answered, of what is done that no log tells of. Never rejects. Default: nobody is told. */
  readonly happened?: (happening: {
    readonly type: 'version.kept' | 'document.restored' | 'document.deleted'
    readonly data: { readonly documentId: string } & Readonly<Record<string, unknown>>
  }) => Promise<void>
  /** Asked about what somebody writes over the API. Default: nobody is asked. */
  readonly editGuard?: ((edit: { documentId: string; user: string | null; update: Uint8Array; from: 'api' }) => Promise<void>) | null
}

export interface KeepRequest {
  readonly at?: string
  readonly name: string
  readonly description?: string | null
  /** Null when nobody knows. Where it is not they who give it another name, `user` is who does. */
  readonly author: string | null
  readonly user?: string | null
}

export interface RestoreRequest {
  readonly at: string
  /** Only this root type. Default: all of them. */
  readonly root?: string | null
  readonly author: string | null
  /** Says what it would do, and does nothing. */
  readonly dryRun?: boolean
  /** What the moment is called in the name of the version before. Default: `at`. */
  readonly called?: string
}

export interface RestoreResult extends RestoreReport {
  readonly from: Moment
  /** The version that was kept before, so that it can be taken back; null where nothing was done. */
  readonly keptBefore: number | null
  /** The document's seq with the restore in it. */
  readonly seq: number
}

export class History {
  /** Documents taken along and brought in, with their versions. */
  readonly archives: Archives
  readonly #options: HistoryOptions
  readonly #moments: Moments
  readonly #whoWrote: WhoWrote

  constructor(options: HistoryOptions) {
    this.#options = options
    this.#moments = new Moments(options)
    this.#whoWrote = new WhoWrote(options)
    this.archives = new Archives(options, this)
  }

  /** In byte order of their ids. */
  documents(query: DocumentQuery): Promise<Page<DocumentInfo, string>> {
    return this.#options.store.listDocuments(query)
  }

  /** The last changed first. */
  lastChanged(query: ChangeQuery): Promise<Page<DocumentInfo, string>> {
    return lastChanged(this.#options.store, query)
  }

  /** Rejects with `no-such-document`. */
  document(documentId: string): Promise<DocumentHistory> {
    return this.#moments.document(documentId)
  }

  /** Newest first. None for a document that is not there. */
  async versions(documentId: string, query: VersionQuery): Promise<Page<Version, number>> {
    if (!(await this.#moments.isThere(documentId))) return { items: [], next: null }
    return this.#options.store.listVersions(documentId, query)
  }

  /** Keeps a moment as a version; a version that is there already is renamed. Rejects as `find` does. */
  async keep(documentId: string, { at = 'now', name, description = null, author, user = author }: KeepRequest): Promise<Version> {
    const { seq } = await this.find(documentId, at)
    await this.#options.documents.command(documentId, { kind: 'keep-version', seq, label: { name, description, author } })
    const [version] = (await this.#options.store.listVersions(documentId, { before: seq + 1, limit: 1 })).items
    if (version === undefined || version.seq !== seq) throw new WeftError('internal', 'The version that was kept is not there.')
    await this.#options.happened?.({ type: 'version.kept', data: { documentId, seq, name, description, user } })
    return version
  }

  /** Turns a version back into a snapshot, which pruning may remove. False when there is none. */
  async drop(documentId: string, seq: number): Promise<boolean> {
    return (await this.#moments.isThere(documentId)) && this.#options.store.dropVersion(documentId, seq)
  }

  /** Removes the document for good: log, snapshots, versions, and who wrote it (H4); also one that is not finished. Says what there was. */
  async delete(documentId: string): Promise<{ readonly head: number; readonly versions: number }> {
    const { head } = await this.#moments.document(documentId, 'all')
    let versions = 0
    for await (const page of this.#moments.versionPages(documentId)) versions += page.length
    await this.#options.documents.command(documentId, { kind: 'delete' })
    await this.#options.happened?.({ type: 'document.deleted', data: { documentId, head, versions } })
    return { head, versions }
  }

  /** The moment that an address names. Rejects with `malformed`, `no-such-document`, or `moment-gone`, which says what there is. */
  async find(documentId: string, address: string): Promise<Moment> {
    return (await this.#moments.read(documentId, parseAddress(address))).moment
  }

  /** The whole document at a moment, as one Yjs update. */
  async update(documentId: string, address: string): Promise<{ readonly moment: Moment; readonly update: Uint8Array }> {
    const { moment, updates } = await this.#moments.read(documentId, parseAddress(address))
    const [only] = updates
    const update = updates.length === 1 && only !== undefined ? only : await this.#options.workshop.run({ kind: 'merge', updates })
    return { moment, update }
  }

  async roots(documentId: string, address: string): Promise<{ readonly moment: Moment; readonly roots: readonly Root[] }> {
    const { moment, updates } = await this.#moments.read(documentId, parseAddress(address))
    return { moment, roots: await this.#options.workshop.run({ kind: 'read', updates }) }
  }

  /** `root` null: all that have text. */
  async text(
    documentId: string,
    address: string,
    format: TextFormat,
    root: string | null,
  ): Promise<{ readonly moment: Moment; readonly text: string }> {
    const { moment, updates } = await this.#moments.read(documentId, parseAddress(address))
    return { moment, text: await this.#options.workshop.run({ kind: 'render', updates, format, root }) }
  }

  async difference(
    documentId: string,
    from: string,
    to: string,
  ): Promise<{ readonly from: Moment; readonly to: Moment; readonly roots: readonly RootDifference[] }> {
    const [then, now] = await Promise.all([
      this.#moments.read(documentId, parseAddress(from)),
      this.#moments.read(documentId, parseAddress(to)),
    ])
    const roots = await this.#options.workshop.run({ kind: 'compare', before: then.updates, after: now.updates })
    return { from: then.moment, to: now.moment, roots }
  }

  /** Who wrote what is there at a moment. Client ids of nobody known are not in `users`. */
  async attribution(documentId: string, address: string): Promise<Attribution & { readonly moment: Moment }> {
    const { moment, updates } = await this.#moments.read(documentId, parseAddress(address))
    return { moment, ...(await this.#whoWrote.attribution(documentId, updates)) }
  }

  /** Oldest first, after a seq; `next` is the seq to go on from. A sitting that goes on over the end of a page is told in parts. */
  async changes(documentId: string, query: SittingsQuery): Promise<Page<Sitting, number>> {
    await this.document(documentId)
    return this.#whoWrote.sittings(documentId, query)
  }

  /**
   * Makes the document read as it did, by one ordinary edit (H2): editors see it happen, nobody is disconnected, what is typed meanwhile is merged. A version is
   * kept before. Rejects as `find` does, and with `not-restorable` before anything was changed.
   */
  async restore(documentId: string, { at, root = null, author, dryRun = false, called = at }: RestoreRequest): Promise<RestoreResult> {
    const then = await this.#moments.read(documentId, parseAddress(at))
    const now = await this.#moments.read(documentId, { kind: 'now' })
    const restored = await this.#options.workshop.run({ kind: 'restore', before: then.updates, after: now.updates, root })
    if (typeof restored === 'string') throw new WeftError('not-restorable', restored)
    const { update, present, ...report } = restored
    if (report.method === 'nothing' || dryRun) return { ...report, from: then.moment, keptBefore: null, seq: now.moment.seq }
    const keptBefore = now.moment.seq
    await this.#keepBefore(documentId, keptBefore, `Before the restore of ${called.replace(/^@/, '')}`, author, {
      incarnation: now.incarnation,
      state: present,
    })
    const { seq } = await submitEdits(this.#options, documentId, [{ update, user: author }])
    this.#options.counters.add('restores')
    await this.#options.happened?.({
      type: 'document.restored',
      data: { documentId, from: then.moment, root, keptBefore, seq, user: author },
    })
    return { ...report, from: then.moment, keptBefore, seq }
  }

  /**
   * Finds the first edit that cannot be applied, and makes the document read-only up to there, for whoever opens it (D8). Null when all of it can be applied.
   * Rejects with `document-corrupt` for what cannot be read at all.
   */
  async quarantine(documentId: string): Promise<{ readonly seq: number } | null> {
    const { store, documents } = this.#options
    const { snapshot, head } = await store.openDocument(documentId)
    const isSound = async (seq: number): Promise<boolean> => {
      try {
        await this.roots(documentId, `seq:${seq}`)
        return true
      } catch (thrown) {
        if (thrown instanceof WeftError && thrown.code === 'document-quarantined') return false
        throw thrown
      }
    }
    if (head === 0) throw noSuchDocument()
    const seq = await firstUnsound(snapshot?.seq ?? 0, head, isSound)
    if (seq === null) return null
    await documents.command(documentId, { kind: 'quarantine', seq, reason: 'found by a check' })
    return { seq }
  }

  /** A new document that begins as this one was at a moment. Rejects as `find` does, and with `document-exists`. */
  async fork(
    documentId: string,
    at: string,
    into: string,
    author: string | null,
  ): Promise<{ readonly from: Moment; readonly seq: number }> {
    const { moment, update } = await this.update(documentId, at)
    const { seq } = await this.create(into, update, author)
    return { from: moment, seq }
  }

  /** Begins a document with an update. Rejects with `document-exists`. */
  async create(documentId: string, update: Uint8Array, author: string | null): Promise<{ readonly seq: number }> {
    await this.#options.editGuard?.({ documentId, user: author, update, from: 'api' })
    const isNew = (seq: number): void => {
      if (seq > 0) throw new WeftError('document-exists', 'There is a document of that name already.')
    }
    return submitEdits(this.#options, documentId, [{ update, user: author }], isNew)
  }

  /** Applies an update as a client's edit is applied. `expectedSeq`: rejects with `superseded` if the document is at another. */
  async apply(
    documentId: string,
    updates: readonly Uint8Array[],
    author: string | null,
    expectedSeq: number | null = null,
  ): Promise<{ readonly seq: number }> {
    for (const update of updates) await this.#options.editGuard?.({ documentId, user: author, update, from: 'api' })
    const edits = updates.map((update) => ({ update, user: author }))
    return submitEdits(this.#options, documentId, edits, expecting(expectedSeq))
  }

  /**
   * Edits of a program that has no Yjs. Rejects with `superseded` as `apply` does, and with `edit-mismatch` for what does not fit. `decide` is told what they came to
   * before that is written: applying it again changes nothing.
   */
  async edit(
    documentId: string,
    { texts, patch }: { readonly texts: readonly TextEdit[]; readonly patch: readonly PatchOperation[] },
    author: string | null,
    expectedSeq: number | null = null,
    decide: (update: Uint8Array) => Promise<void> = async () => {},
  ): Promise<{ readonly seq: number }> {
    const { updates, moment } = await this.#moments.readOrNothing(documentId)
    expecting(expectedSeq)(moment.seq)
    const made = await this.#options.workshop.run({ kind: 'edit', updates, texts, patch })
    if (typeof made === 'string') throw new WeftError('edit-mismatch', made)
    await decide(made)
    return this.apply(documentId, [made], author)
  }

  async #keepBefore(documentId: string, seq: number, name: string, author: string | null, known: KnownState): Promise<void> {
    const [newest] = (await this.#options.store.listVersions(documentId, { before: seq + 1, limit: 1 })).items
    // It is kept already, under a name that somebody chose.
    if (newest?.seq === seq) return
    await this.#options.documents.command(documentId, { kind: 'keep-version', seq, label: { name, description: null, author }, known })
  }
}

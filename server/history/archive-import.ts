// A document made anew from an archive: read once to know that all of it is whole, and then written, edit by edit and version by version.
import { createHash } from 'node:crypto'
import { WeftError } from '../../core/errors.js'
import type { MemoryCharge } from '../../core/memory-budget.js'
import { randomId } from '../../core/random.js'
import { THE_SERVER } from '../../core/user-id.js'
import type { ClientIdUse, DocumentInfo, Page, Version } from '../../persistence/store.js'
import { finished, unfinished } from '../../persistence/unfinished.js'
import { divideByClient } from '../../protocol/updates/by-client.js'
import { type ArchiveEntry, readArchive } from './archive-format.js'
import type { HistoryOptions } from './history.js'
import { type AuthoredUpdate, submitEdits } from './submit-edit.js'

export interface ImportRequest {
  /**
   * Into a document that is there: its content and the archive's are merged, and the versions are left out. Default: such a document is
   * refused.
   */
  readonly merge?: boolean
}

export interface ImportResult {
  /** The document's seq with the archive in it. */
  readonly seq: number
  readonly versions: number
}

/** What is imported, and for whom. */
export interface ImportSubject {
  readonly documentId: string
  readonly file: () => AsyncIterable<Uint8Array>
  readonly author: string | null
  readonly request: ImportRequest
  /** Of what is in memory meanwhile. */
  readonly charge: MemoryCharge
}

/** What is known of an archive that was read to its end. */
export interface KnownArchive {
  readonly digest: string
  /** Client id → the user who used it first. */
  readonly users: ReadonlyMap<number, string>
  /** Kept only where somebody has to see it; else null. */
  readonly state: Uint8Array | null
}

/** Of an import that was begun. */
const RECORD = { kind: 'import' } as const
const PAGE = 500
/** Edits of the same people that are submitted together. */
const BATCH_BYTES = 256 * 1024
/** How long an import that was interrupted is remembered, so that it may go on. */
const UNFINISHED_MS = 7 * 24 * 3_600_000
/** What one command to the owner may carry to another node: ids of users are bounded where they are given. */
const FIRST_USES_LENGTH_MAX = 32 * 1024
const USE_BYTES = 100
const INCARNATION_BYTES = 16

type Edit = ArchiveEntry & { readonly entry: 'edit' }

export class ArchiveImport {
  readonly #options: HistoryOptions
  readonly #subject: ImportSubject
  readonly #reading: { readonly name: string; readonly entryBytesMax: number }

  constructor(options: HistoryOptions, subject: ImportSubject) {
    this.#options = options
    this.#subject = subject
    this.#reading = { name: 'The archive', entryBytesMax: options.limits.documentBytesMax }
  }

  /** Rejects with `malformed`, and with what the program's guard of edits says. Nothing is written. */
  async read(): Promise<KnownArchive> {
    const { documentId, file, author, request, charge } = this.#subject
    const { editGuard } = this.#options
    const hash = createHash('sha256')
    const { entries } = await readArchive(hashed(file(), hash), this.#reading)
    const users = new Map<number, string>()
    let state: Uint8Array | null = null
    for await (const entry of entries) {
      charge.set(heldBy(users) + ('data' in entry ? entry.data.length : 0))
      if (entry.entry === 'author') users.set(entry.clientId, entry.user)
      else if (entry.entry === 'state') state = entry.data
    }
    if (state === null) throw new WeftError('malformed', 'The archive has no state; export it again.')
    await editGuard?.({ documentId, user: author, update: state, from: 'api' })
    const kept = request.merge === true ? state : null
    charge.set(heldBy(users) + (kept?.length ?? 0))
    return { digest: hash.digest('hex'), users, state: kept }
  }

  /**
   * Nobody is shown anything of the document before all of it is there: it is begun unfinished, and what was interrupted goes on, or gives way to
   * another archive. `check` rejects if somebody else has taken over. Rejects with `document-exists`.
   */
  async write({ digest, users, state }: KnownArchive, check: () => Promise<void>): Promise<ImportResult> {
    const { store, documents, random } = this.#options
    const { documentId, author } = this.#subject
    const record = await this.#record()
    const interrupted = record?.digest === digest ? record.incarnation : null
    const there = await this.#find('finished')
    if (there !== null) {
      if (interrupted !== null && (await store.openDocument(documentId)).incarnation === finished(interrupted))
        return this.#doneBefore(there.head)
      if (state !== null) {
        const bound = this.#options.bindClientIds === true
        const edits = bound
          ? dividedByUser(state, (clientId) => users.get(clientId) ?? THE_SERVER, THE_SERVER)
          : [{ update: state, user: author }]
        return { seq: (await submitEdits(this.#options, documentId, edits)).seq, versions: 0 }
      }
      throw new WeftError('document-exists', 'There is a document of that name already.')
    }
    const isBegun = interrupted !== null && (await this.#find('all')) !== null
    const incarnation = isBegun ? interrupted : unfinished(randomId(random, INCARNATION_BYTES))
    await store.keyedRecords?.put({ ...RECORD, id: documentId, value: JSON.stringify({ digest, incarnation }), lifetimeMs: UNFINISHED_MS })
    // Before its first edit: the first record of who used a client id is the one that stays.
    for (const firstUses of pagesOf(users)) await documents.command(documentId, { kind: 'begin', incarnation, firstUses })
    const result = await this.#replay(users, incarnation, check)
    await documents.command(documentId, { kind: 'finish', incarnation })
    await store.keyedRecords?.remove(RECORD.kind, documentId)
    return result
  }

  async #find(which: 'finished' | 'all'): Promise<DocumentInfo | null> {
    const { documentId } = this.#subject
    const [first] = (await this.#options.store.listDocuments({ prefix: documentId, limit: 1, which })).items
    return first?.documentId === documentId ? first : null
  }

  /** It was interrupted after the document was shown, when nothing but its record was left to go. */
  async #doneBefore(seq: number): Promise<ImportResult> {
    const { head, close } = await readArchive(this.#subject.file(), this.#reading)
    await close()
    await this.#options.store.keyedRecords?.remove(RECORD.kind, this.#subject.documentId)
    return { seq, versions: head.versions }
  }

  /** What is known of an import into the document that was interrupted, or null. */
  async #record(): Promise<{ readonly digest: string; readonly incarnation: string } | null> {
    const found = (await this.#options.store.keyedRecords?.find(RECORD.kind, this.#subject.documentId)) ?? null
    return found === null ? null : JSON.parse(found.value)
  }

  async #replay(users: ReadonlyMap<number, string>, incarnation: string, check: () => Promise<void>): Promise<ImportResult> {
    const way = { ...this.#options, making: incarnation }
    const { documents } = this.#options
    const { documentId, file, charge } = this.#subject
    const { head, entries } = await readArchive(file(), this.#reading)
    const kept = await this.#versionsKept()
    let seq = 0
    let batch: { people: string; edits: AuthoredUpdate[]; bytes: number } = { people: '', edits: [], bytes: 0 }
    const submitBatch = async (): Promise<void> => {
      if (batch.edits.length === 0) return
      const { edits } = batch
      batch = { people: '', edits: [], bytes: 0 }
      seq = (await submitEdits(way, documentId, edits)).seq
    }
    const add = async (people: string, edits: readonly AuthoredUpdate[], bytes: number): Promise<void> => {
      if (batch.people !== people || batch.bytes + bytes > BATCH_BYTES) await submitBatch()
      batch.people = people
      batch.edits.push(...edits)
      batch.bytes += bytes
      charge.set(heldBy(users) + batch.bytes)
    }
    const bound = this.#options.bindClientIds === true
    const addWhole = (update: Uint8Array): Promise<void> => add('', [{ update, user: bound ? THE_SERVER : null }], update.length)
    for await (const entry of entries)
      switch (entry.entry) {
        case 'author':
          break
        case 'edit':
          await add(peopleOf(entry), partsOf(entry, users, bound), entry.data.length)
          break
        case 'base':
        case 'state':
          await addWhole(entry.data)
          break
        case 'version': {
          const { name, description, author, createdAt } = entry
          if (head.logFrom === null || entry.seq < head.logFrom) await addWhole(entry.data)
          await submitBatch()
          if (kept.has(keyOf(entry))) break
          await check()
          await documents.command(documentId, { kind: 'keep-version', seq, label: { name, description, author, createdAt } })
        }
      }
    await submitBatch()
    return { seq, versions: head.versions }
  }

  /** What an import that was interrupted had kept. */
  async #versionsKept(): Promise<ReadonlySet<string>> {
    const kept = new Set<string>()
    for (let before: number | null | undefined; before !== null; ) {
      const query = { limit: PAGE, ...(before === undefined ? {} : { before }) }
      const page: Page<Version, number> = await this.#options.store.listVersions(this.#subject.documentId, query)
      for (const version of page.items) kept.add(keyOf(version))
      before = page.next
    }
    return kept
  }
}

function peopleOf({ users }: Edit): string {
  return JSON.stringify([...users].sort())
}

/** Of what several wrote together, that is whose client id it bears; of what they deleted, and of other ids, nobody can say whose it is. */
function partsOf({ users, data }: Edit, known: ReadonlyMap<number, string>, bound: boolean): readonly AuthoredUpdate[] {
  const [only = null] = users
  // Where client ids are bound to users, what one passed on of another is written as that one's, whose client id it bears.
  if (bound) return dividedByUser(data, (clientId) => known.get(clientId) ?? only ?? THE_SERVER, only ?? THE_SERVER)
  if (users.length <= 1) return [{ update: data, user: only }]
  return dividedByUser(
    data,
    (clientId) => {
      const user = known.get(clientId) ?? null
      return user !== null && users.includes(user) ? user : null
    },
    null,
  )
}

function dividedByUser(data: Uint8Array, userOf: (clientId: number) => string | null, deleter: string | null): readonly AuthoredUpdate[] {
  const { structs, deletes } = divideByClient(data, userOf)
  return [...[...structs].map(([user, update]) => ({ update, user })), ...(deletes === null ? [] : [{ update: deletes, user: deleter }])]
}

/** At least one page, so that the document is begun. */
function pagesOf(users: ReadonlyMap<number, string>): readonly (readonly ClientIdUse[])[] {
  const pages: ClientIdUse[][] = [[]]
  let length = 0
  for (const [clientId, user] of users) {
    length += JSON.stringify({ clientId, user }).length
    if (length > FIRST_USES_LENGTH_MAX) {
      pages.push([])
      length = 0
    }
    pages.at(-1)?.push({ clientId, user })
  }
  return pages
}

function heldBy(users: ReadonlyMap<number, string>): number {
  return users.size * USE_BYTES
}

function keyOf({ name, createdAt }: { readonly name: string | null; readonly createdAt: number }): string {
  return `${createdAt} ${name}`
}

async function* hashed(file: AsyncIterable<Uint8Array>, hash: ReturnType<typeof createHash>): AsyncGenerator<Uint8Array> {
  for await (const piece of file) {
    hash.update(piece)
    yield piece
  }
}

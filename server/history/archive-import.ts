// A document made anew from an archive: read once to know that all of it is whole, and then written, edit by edit and version by version.
import { WeftError } from '../../core/errors.js'
import type { MemoryCharge } from '../../core/memory-budget.js'
import { randomId } from '../../core/random.js'
import { THE_SERVER } from '../../core/user-id.js'
import type { ClientIdUse } from '../../persistence/store.js'
import { unfinished } from '../../persistence/unfinished.js'
import { divideByClient } from '../../protocol/updates/by-client.js'
import { type ArchiveEntry, readArchive } from './archive-format.js'
import type { HistoryOptions } from './history.js'
import { TimesOfEdits } from './imported-times.js'
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
  /** Client id → the user who used it first. */
  readonly users: ReadonlyMap<number, string>
  /** Kept only where somebody has to see it; else null. */
  readonly state: Uint8Array | null
}

/** Edits of the same people that are submitted together. */
const BATCH_BYTES = 256 * 1024
/** Edits that are told as made at one time, that of the last of them. */
const BATCH_MS = 60_000
/** What one command to the owner may carry to another node: ids of users are bounded where they are given. */
const FIRST_USES_LENGTH_MAX = 32 * 1024
const USE_BYTES = 100
const INCARNATION_BYTES = 16

type Edit = ArchiveEntry & { readonly entry: 'edit' }

/** Edits that are submitted together. */
interface Batch {
  /** Who wrote them. */
  people: string
  readonly edits: AuthoredUpdate[]
  bytes: number
  /** When the first and the last of them were made; null when nobody knows. */
  from: number | null
  until: number | null
}

function emptyBatch(): Batch {
  return { people: '', edits: [], bytes: 0, from: null, until: null }
}

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
    const { entries } = await readArchive(file(), this.#reading)
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
    return { users, state: kept }
  }

  /**
   * Nobody is shown anything of the document before all of it is there: it is begun unfinished, in the place of one whose import was interrupted. `check` rejects if
   * somebody else has taken over. Rejects with `document-exists`.
   */
  async write({ users, state }: KnownArchive, check: () => Promise<void>): Promise<ImportResult> {
    const { store, documents, random } = this.#options
    const { documentId, author } = this.#subject
    const [first] = (await store.listDocuments({ prefix: documentId, limit: 1 })).items
    if (first?.documentId === documentId) {
      if (state !== null) {
        const bound = this.#options.bindClientIds === true
        const edits = bound
          ? dividedByUser(state, (clientId) => users.get(clientId) ?? THE_SERVER, THE_SERVER)
          : [{ update: state, user: author }]
        return { seq: (await submitEdits(this.#options, documentId, edits)).seq, versions: 0 }
      }
      throw new WeftError('document-exists', 'There is a document of that name already.')
    }
    this.#checkVersions()
    const incarnation = unfinished(randomId(random, INCARNATION_BYTES))
    // Before its first edit: the first record of who used a client id is the one that stays.
    for (const firstUses of pagesOf(users)) await documents.command(documentId, { kind: 'begin', incarnation, firstUses })
    const result = await this.#replay(users, incarnation, check)
    await documents.command(documentId, { kind: 'finish', incarnation })
    return result
  }

  /** A node of a version that knows nothing of documents that are being made would show this one, and take edits for it that the next import throws away. */
  #checkVersions(): void {
    const versions = this.#options.versionsServing?.() ?? new Set()
    if (versions.size > 1)
      throw new WeftError(
        'upgrade-running',
        `Nodes of different versions are in this cluster (${[...versions].join(', ')}); import the document again when all have the same.`,
      )
  }

  async #replay(users: ReadonlyMap<number, string>, incarnation: string, check: () => Promise<void>): Promise<ImportResult> {
    const way = { ...this.#options, making: incarnation }
    const { documents, store, clock } = this.#options
    const { documentId, file, charge } = this.#subject
    const { head, entries } = await readArchive(file(), this.#reading)
    const times = new TimesOfEdits()
    let seq = 0
    let batch = emptyBatch()
    const submitBatch = async (): Promise<void> => {
      if (batch.edits.length === 0) return
      const { edits, until } = batch
      batch = emptyBatch()
      seq = (await submitEdits(way, documentId, edits)).seq
      times.add(seq, until, clock.now())
    }
    const add = async (people: string, at: number | null, edits: readonly AuthoredUpdate[], bytes: number): Promise<void> => {
      const goesOn = batch.people === people && batch.bytes + bytes <= BATCH_BYTES && (at ?? 0) - (batch.from ?? 0) <= BATCH_MS
      if (!goesOn) await submitBatch()
      batch.people = people
      batch.edits.push(...edits)
      batch.bytes += bytes
      batch.from ??= at
      batch.until = at ?? batch.until
      charge.set(heldBy(users) + batch.bytes)
    }
    const bound = this.#options.bindClientIds === true
    const addWhole = (update: Uint8Array, at: number | null): Promise<void> =>
      add('', at, [{ update, user: bound ? THE_SERVER : null }], update.length)
    for await (const entry of entries)
      switch (entry.entry) {
        case 'author':
          break
        case 'edit':
          await add(peopleOf(entry), entry.at, partsOf(entry, users, bound), entry.data.length)
          break
        case 'base':
        case 'state':
          await addWhole(entry.data, null)
          break
        case 'version': {
          const { name, description, author, createdAt } = entry
          if (head.logFrom === null || entry.seq < head.logFrom) await addWhole(entry.data, createdAt)
          await submitBatch()
          await check()
          await documents.command(documentId, { kind: 'keep-version', seq, label: { name, description, author, createdAt } })
        }
      }
    await submitBatch()
    await times.keep(store, documentId)
    return { seq, versions: head.versions }
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

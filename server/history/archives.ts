// Documents taken along and brought in: written into one file with their versions and what the log holds, and made anew from it.
import { createHash } from 'node:crypto'
import { WeftError } from '../../core/errors.js'
import type { LogRow, RowAuthors, Version } from '../../persistence/store.js'
import { type ArchiveEntry, readArchive, writeArchive } from './archive-format.js'
import type { History, HistoryOptions } from './history.js'
import { submitEdit } from './submit-edit.js'

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

const READ_BYTES = 1024 * 1024
const PAGE = 500
/** Edits of one author that are submitted together. */
const BATCH_BYTES = 256 * 1024
/** How long an import that was interrupted is remembered, so that it may go on. */
const UNFINISHED_MS = 7 * 24 * 3_600_000

export class Archives {
  readonly #options: HistoryOptions
  readonly #history: History
  /** Documents that are being brought in by this process. */
  readonly #running = new Set<string>()

  constructor(options: HistoryOptions, history: History) {
    this.#options = options
    this.#history = history
  }

  /**
   * The file of a document. `log`: with every edit of the window and who wrote it (default). Rejects with `no-such-document`; what goes
   * wrong later ends the file without its end, and nobody takes that for whole.
   */
  async export(documentId: string, { log = true }: { readonly log?: boolean } = {}): Promise<AsyncIterable<Uint8Array>> {
    const { head, window } = await this.#history.document(documentId)
    const versions: Version[] = []
    for (let before: number | null = head + 1; before !== null; ) {
      const page = await this.#history.versions(documentId, { before, limit: PAGE })
      versions.unshift(...[...page.items].reverse())
      before = page.next
    }
    const logFrom = log && (await this.#rows(documentId, window.seq - 1, head)).length > 0 ? window.seq : null
    return writeArchive({ documentId, head, versions: versions.length, logFrom }, this.#entries(documentId, head, versions, logFrom))
  }

  async *#entries(documentId: string, head: number, versions: readonly Version[], logFrom: number | null): AsyncGenerator<ArchiveEntry> {
    const state = async (at: string): Promise<Uint8Array> => (await this.#history.update(documentId, at)).update
    const waiting = [...versions]
    const versionsThrough = async function* (seq: number): AsyncGenerator<ArchiveEntry> {
      for (let next = waiting[0]; next !== undefined && next.seq <= seq; next = waiting[0]) {
        waiting.shift()
        const { name, description, author, createdAt } = next
        yield { entry: 'version', seq: next.seq, name: name ?? '', description, author, createdAt, data: await state(`v${next.seq}`) }
      }
    }
    if (logFrom !== null) {
      yield* versionsThrough(logFrom - 1)
      if (logFrom > 1) yield { entry: 'base', seq: logFrom - 1, data: await state(`seq:${logFrom - 1}`) }
      for (let after = logFrom - 1; after < head; ) {
        const rows = await this.#rows(documentId, after, head)
        const authors = await this.#authors(documentId, after, rows.length)
        for (const { seq, committedAt, update } of rows) {
          yield { entry: 'edit', seq, at: committedAt, users: [...(authors.get(seq)?.users ?? [])], data: update }
          yield* versionsThrough(seq)
          after = seq
        }
      }
    }
    yield* versionsThrough(head)
    for (let after: number | null = -1; after !== null; ) {
      const page: Awaited<ReturnType<HistoryOptions['store']['readFirstUses']>> = await this.#options.store.readFirstUses(documentId, {
        after,
        limit: PAGE,
      })
      for (const { clientId, user, seq, usedAt } of page.items) yield { entry: 'author', clientId, user, seq, at: usedAt }
      after = page.next
    }
    yield { entry: 'state', data: await state(`seq:${head}`) }
  }

  async #rows(documentId: string, after: number, through: number): Promise<readonly LogRow[]> {
    const rows = await this.#options.store.readLog(documentId, after, through, READ_BYTES)
    if (rows === null || (rows.length === 0 && after < through))
      throw new WeftError('moment-gone', 'The beginning of the log was removed meanwhile; export it again.')
    return rows
  }

  async #authors(documentId: string, after: number, count: number): Promise<ReadonlyMap<number, RowAuthors>> {
    const found = new Map<number, RowAuthors>()
    for (let from: number | null = after; from !== null && found.size < count; ) {
      const page: Awaited<ReturnType<HistoryOptions['store']['readAuthors']>> = await this.#options.store.readAuthors(documentId, {
        afterSeq: from,
        limit: count - found.size,
      })
      for (const row of page.items) found.set(row.seq, row)
      from = page.next
    }
    return found
  }

  /**
   * Makes a document out of an archive, edit by edit and version by version, each as its author's; times of versions are kept, those of
   * edits are of now. One that was interrupted goes on when it is asked for again. `file` is asked for twice: nothing is written before all
   * of it was found to be whole. `author` is who asks, null when nobody knows. Rejects with `document-exists`, and with `malformed` for
   * what is no archive.
   */
  async import(
    documentId: string,
    file: () => AsyncIterable<Uint8Array>,
    author: string | null,
    { merge = false }: ImportRequest = {},
  ): Promise<ImportResult> {
    if (this.#running.has(documentId)) throw new WeftError('document-exists', 'This document is being imported already.')
    this.#running.add(documentId)
    try {
      return await this.#import(documentId, file, author, merge)
    } finally {
      this.#running.delete(documentId)
    }
  }

  async #import(documentId: string, file: () => AsyncIterable<Uint8Array>, author: string | null, merge: boolean): Promise<ImportResult> {
    const { store, documents, editGuard } = this.#options
    const reading = { name: 'The archive', entryBytesMax: this.#options.limits.documentBytesMax }
    const hash = createHash('sha256')
    const { entries } = await readArchive(hashed(file(), hash), reading)
    let state: Uint8Array | null = null
    for await (const entry of entries) if (entry.entry === 'state') state = entry.data
    if (state === null) throw new WeftError('malformed', 'The archive has no state; export it again.')
    const digest = hash.digest('hex')
    await editGuard?.({ documentId, user: author, update: state, from: 'api' })

    const exists = (await store.listDocuments({ prefix: documentId, limit: 1 })).items[0]?.documentId === documentId
    const unfinished = exists ? await this.#unfinished(documentId) : null
    if (exists && unfinished !== digest) {
      if (merge) return { seq: (await submitEdit(documents, documentId, [state], author)).seq, versions: 0 }
      throw new WeftError(
        'document-exists',
        unfinished === null
          ? 'There is a document of that name already.'
          : 'The import of another archive into this document was interrupted: import that one again, or delete the document.',
      )
    }
    const record = { kind: 'import', id: documentId } as const
    await store.accessRecords?.put({ ...record, value: JSON.stringify({ digest }), lifetimeMs: UNFINISHED_MS })
    const result = await this.#replay(documentId, file, reading)
    await store.accessRecords?.remove(record.kind, record.id)
    return result
  }

  /** The digest of the archive whose import into the document was interrupted, or null. */
  async #unfinished(documentId: string): Promise<string | null> {
    const found = (await this.#options.store.accessRecords?.find('import', documentId)) ?? null
    return found === null ? null : String(JSON.parse(found.value).digest)
  }

  async #replay(
    documentId: string,
    file: () => AsyncIterable<Uint8Array>,
    reading: { readonly name: string; readonly entryBytesMax: number },
  ): Promise<ImportResult> {
    const { documents } = this.#options
    const { head, entries } = await readArchive(file(), reading)
    const kept = await this.#versionsKept(documentId)
    let seq = 0
    let batch: { user: string | null; updates: Uint8Array[]; bytes: number } = { user: null, updates: [], bytes: 0 }
    const submitBatch = async (): Promise<void> => {
      if (batch.updates.length === 0) return
      const { updates, user } = batch
      batch = { user: null, updates: [], bytes: 0 }
      seq = (await submitEdit(documents, documentId, updates, user)).seq
    }
    const add = async (user: string | null, update: Uint8Array): Promise<void> => {
      if (batch.user !== user || batch.bytes + update.length > BATCH_BYTES) await submitBatch()
      batch.user = user
      batch.updates.push(update)
      batch.bytes += update.length
    }
    for await (const entry of entries)
      switch (entry.entry) {
        case 'author':
          break
        case 'edit':
          // Of what several wrote together nobody can say whose which part is.
          await add(entry.users.length === 1 ? (entry.users[0] ?? null) : null, entry.data)
          break
        case 'base':
        case 'state':
          await add(null, entry.data)
          break
        case 'version': {
          const { name, description, author, createdAt } = entry
          if (head.logFrom === null || entry.seq < head.logFrom) await add(null, entry.data)
          await submitBatch()
          if (kept.has(keyOf(entry))) break
          await documents.command(documentId, { kind: 'keep-version', seq, label: { name, description, author, createdAt } })
        }
      }
    await submitBatch()
    return { seq, versions: head.versions }
  }

  /** What an import that was interrupted had kept. */
  async #versionsKept(documentId: string): Promise<ReadonlySet<string>> {
    const kept = new Set<string>()
    for (let before: number | null | undefined; before !== null; ) {
      const query = { limit: PAGE, ...(before === undefined ? {} : { before }) }
      const page: Awaited<ReturnType<History['versions']>> = await this.#history.versions(documentId, query)
      for (const version of page.items) kept.add(keyOf(version))
      before = page.next
    }
    return kept
  }
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

// A document written into one file, with its versions and what the log holds.
import { WeftError } from '../../core/errors.js'
import type { LogRow, RowAuthors, Version } from '../../persistence/store.js'
import { type ArchiveEntry, writeArchive } from './archive-format.js'
import type { History, HistoryOptions } from './history.js'
import { ImportedTimes } from './imported-times.js'

const READ_BYTES = 1024 * 1024
const PAGE = 500

export class ArchiveExport {
  readonly #options: Pick<HistoryOptions, 'store'>
  readonly #history: History

  constructor(options: Pick<HistoryOptions, 'store'>, history: History) {
    this.#options = options
    this.#history = history
  }

  /**
   * The file of a document. `log`: with every edit of the window and who wrote it. Rejects with `no-such-document`; what goes
   * wrong later ends the file without its end, and nobody takes that for whole.
   */
  async file(documentId: string, log: boolean): Promise<AsyncIterable<Uint8Array>> {
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
      const times = await ImportedTimes.of(this.#options.store, documentId)
      yield* versionsThrough(logFrom - 1)
      if (logFrom > 1) yield { entry: 'base', seq: logFrom - 1, data: await state(`seq:${logFrom - 1}`) }
      for (let after = logFrom - 1; after < head; ) {
        const rows = await this.#rows(documentId, after, head)
        const authors = await this.#authors(documentId, after, rows.length)
        for (const { seq, committedAt, update } of rows) {
          yield { entry: 'edit', seq, at: times.madeAt(seq) ?? committedAt, users: [...(authors.get(seq)?.users ?? [])], data: update }
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
}

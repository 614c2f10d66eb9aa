// Finds moments of a document by their addresses, and reads what it was then.
import type { Clock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { DocumentInfo, DocumentQuery, DocumentStore, Page, StoredDocument, Version, VersionQuery } from '../../persistence/store.js'
import type { Address } from './address.js'
import { ImportedTimes } from './imported-times.js'
import type { Updates } from './tasks/tasks.js'

/** A moment of a document that was found. */
export interface Moment {
  readonly seq: number
  /**
   * Milliseconds since the Unix epoch; of a version, when it was kept. Null for a moment that is named by its seq and no longer in the log.
   */
  readonly at: number | null
}

export interface DocumentHistory extends DocumentInfo {
  /** The first moment of which every edit can still be read. */
  readonly window: Moment
}

export interface ReadMoment {
  readonly moment: Moment
  /** Which life of the document it is of; empty for one that is not there. */
  readonly incarnation: string
  /** In the order of the log; the first may be a snapshot. */
  readonly updates: Updates
}

const VERSIONS_PAGE = 200

export class Moments {
  readonly #store: DocumentStore
  readonly #clock: Clock

  constructor({ store, clock }: { readonly store: DocumentStore; readonly clock: Clock }) {
    this.#store = store
    this.#clock = clock
  }

  /** `which`: see `DocumentQuery`. Rejects with `no-such-document`. */
  async document(documentId: string, which: NonNullable<DocumentQuery['which']> = 'finished'): Promise<DocumentHistory> {
    const { items } = await this.#store.listDocuments({ prefix: documentId, limit: 1, which })
    const [info] = items
    if (info === undefined || info.documentId !== documentId) throw noSuchDocument()
    const [first] = (await this.#store.readAuthors(documentId, { afterSeq: 0, limit: 1 })).items
    const seq = first?.seq ?? info.head
    const at = (await ImportedTimes.of(this.#store, documentId)).madeAt(seq) ?? first?.committedAt ?? info.updatedAt
    return { ...info, window: { seq, at } }
  }

  async isThere(documentId: string): Promise<boolean> {
    const [info] = (await this.#store.listDocuments({ prefix: documentId, limit: 1 })).items
    return info?.documentId === documentId
  }

  /** The document at the moment that an address names. Rejects with `no-such-document`, or with `moment-gone`, which says what there is. */
  async read(documentId: string, address: Address): Promise<ReadMoment> {
    const { head, window, updatedAt } = await this.document(documentId)
    const times = await ImportedTimes.of(this.#store, documentId)
    const byTime = (time: number): { readonly seq: number } | { readonly time: number } => {
      const seq = times.seqAt(time)
      return seq === null ? { time } : { seq }
    }
    const named = address.kind === 'named' ? await this.#versionNamed(documentId, address.name) : null
    const at = (): { readonly seq: number } | { readonly time: number } => {
      switch (address.kind) {
        case 'now':
          return { seq: head }
        case 'version':
        case 'seq':
          return { seq: address.seq }
        case 'named':
          return { seq: named?.seq ?? 0 }
        case 'time':
          return byTime(address.time)
        case 'ago':
          return byTime(this.#clock.now() - address.ms)
      }
    }
    if (address.kind === 'version' && !(await this.#isVersion(documentId, address.seq)))
      throw new WeftError('moment-gone', `There is no version v${address.seq} of this document.`)
    const point = at()
    const inWindow = 'seq' in point ? point.seq >= window.seq && point.seq <= head : point.time >= (window.at ?? 0)
    let stored: StoredDocument
    try {
      stored = await this.#store.readAt(documentId, point)
    } catch (thrown) {
      // What lies in the window has to be there: that it is missing is a failure of the store, not an answer.
      const isGone = thrown instanceof WeftError && (thrown.code === 'no-such-document' || thrown.code === 'document-corrupt')
      if (!isGone || inWindow) throw thrown
      const from = new Date(window.at ?? 0).toISOString()
      if (window.seq === 1 && 'time' in point)
        throw new WeftError('moment-gone', `The document began at ${from}; there is nothing of it from before.`, { cause: thrown })
      throw new WeftError(
        'moment-gone',
        `That moment cannot be read: every edit is kept from seq ${window.seq} (${from}) through seq ${head} (${new Date(updatedAt).toISOString()}); ` +
          'before that, only versions and some snapshots.',
        { cause: thrown },
      )
    }
    const { incarnation, snapshot, tail } = stored
    const updates = [...(snapshot === null ? [] : [snapshot.state]), ...tail.map(({ update }) => update)]
    const moment = { seq: stored.head, at: times.madeAt(stored.head) ?? tail.at(-1)?.committedAt ?? snapshot?.savedAt ?? null }
    return { moment, incarnation: incarnation ?? '', updates }
  }

  /** As it is now; of one that is not there, nothing. */
  async readOrNothing(documentId: string): Promise<ReadMoment> {
    try {
      return await this.read(documentId, { kind: 'now' })
    } catch (thrown) {
      if (thrown instanceof WeftError && thrown.code === 'no-such-document')
        return { moment: { seq: 0, at: null }, incarnation: '', updates: [] }
      throw thrown
    }
  }

  async #isVersion(documentId: string, seq: number): Promise<boolean> {
    const [version] = (await this.#store.listVersions(documentId, { before: seq + 1, limit: 1, which: 'all' })).items
    return version?.seq === seq
  }

  async #versionNamed(documentId: string, name: string): Promise<Version> {
    for await (const page of this.versionPages(documentId)) {
      const found = page.find((version) => version.name === name)
      if (found !== undefined) return found
    }
    throw new WeftError('moment-gone', `There is no version "${name}" of this document.`)
  }

  /** All of them, newest first. */
  async *versionPages(documentId: string): AsyncGenerator<readonly Version[]> {
    let query: VersionQuery | null = { limit: VERSIONS_PAGE }
    while (query !== null) {
      const page: Page<Version, number> = await this.#store.listVersions(documentId, query)
      yield page.items
      query = page.next === null ? null : { limit: VERSIONS_PAGE, before: page.next }
    }
  }
}

export function noSuchDocument(): WeftError {
  return new WeftError('no-such-document', 'There is no such document.')
}

// Who wrote: what is there, run by run and key by key, and when somebody was at it. What nobody knows is said to be nobody's.
import type { DocumentStore, Page } from '../../persistence/store.js'
import { ImportedTimes } from './imported-times.js'
import { addToSittings, type Sitting } from './sittings.js'
import type { AttributedRoot } from './tasks/attribution.js'
import type { Updates } from './tasks/tasks.js'
import type { Workshop } from './workshop/workshop.js'

export interface Attribution {
  readonly roots: readonly AttributedRoot[]
  /** Client id → user. Client ids of nobody known are not in it. */
  readonly users: ReadonlyMap<number, string>
}

export interface SittingsQuery {
  readonly afterSeq: number
  readonly limit: number
  /** A longer pause begins another sitting. */
  readonly gapMs: number
}

export interface WhoWroteOptions {
  readonly store: Pick<DocumentStore, 'readAuthors' | 'readFirstUses' | 'keyedRecords'>
  readonly workshop: Workshop
}

const AUTHORS_PAGE = 1_000
/** Rows of the log that one request about changes looks at. */
const AUTHORS_ROWS_MAX = 20_000
const FIRST_USES_PAGE = 1_000

export class WhoWrote {
  readonly #options: WhoWroteOptions

  constructor(options: WhoWroteOptions) {
    this.#options = options
  }

  /** Of a document that consists of these updates. */
  async attribution(documentId: string, updates: Updates): Promise<Attribution> {
    const roots = await this.#options.workshop.run({ kind: 'attribute', updates })
    const wanted = new Set(roots.flatMap(({ runs, keys }) => [...runs.map(({ clientId }) => clientId), ...Object.values(keys)]))
    const users = new Map<number, string>()
    for (let after = -1; ; ) {
      const page = await this.#options.store.readFirstUses(documentId, { after, limit: FIRST_USES_PAGE })
      for (const { clientId, user } of page.items) if (wanted.has(clientId)) users.set(clientId, user)
      if (page.next === null) return { roots, users }
      after = page.next
    }
  }

  /** Oldest first, after a seq; `next` is the seq to go on from. A sitting that goes on over the end of a page is told in parts. */
  async sittings(documentId: string, { afterSeq, limit, gapMs }: SittingsQuery): Promise<Page<Sitting, number>> {
    const sittings: Sitting[] = []
    const times = await ImportedTimes.of(this.#options.store, documentId)
    let after = afterSeq
    for (let looked = 0; looked < AUTHORS_ROWS_MAX; looked += AUTHORS_PAGE) {
      const page = await this.#options.store.readAuthors(documentId, { afterSeq: after, limit: AUTHORS_PAGE })
      const rows = page.items.map((row) => ({ ...row, committedAt: times.madeAt(row.seq) ?? row.committedAt }))
      addToSittings(sittings, rows, gapMs)
      if (sittings.length > limit) {
        const items = sittings.slice(0, limit)
        return { items, next: items.at(-1)?.throughSeq ?? null }
      }
      if (page.next === null) return { items: sittings, next: null }
      after = page.next
    }
    return { items: sittings, next: after }
  }
}

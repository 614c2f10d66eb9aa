// When edits were made that came with an archive. In the store they have the time of the import, which decides how long they are kept; what people are told, and ask for,
// is when they were made.
import type { DocumentStore } from '../../persistence/store.js'

/** Edits through a seq were made by then, and those after the point before; milliseconds since the Unix epoch. */
type TimePoint = readonly [throughSeq: number, at: number]

interface StoredTimes {
  readonly points: readonly TimePoint[]
  /** When the last of these edits was committed here, by the store's clock. */
  readonly until: number
}

/** As many as a record of the store holds. */
const POINTS_MAX = 2_000

export class ImportedTimes {
  readonly #points: readonly TimePoint[]
  readonly #until: number

  constructor({ points, until }: StoredTimes) {
    this.#points = points
    this.#until = until
  }

  /** None for a document that was not imported. */
  static async of({ keyedRecords }: Pick<DocumentStore, 'keyedRecords'>, documentId: string): Promise<ImportedTimes> {
    const found = (await keyedRecords?.find('imported-times', documentId)) ?? null
    return new ImportedTimes(found === null ? { points: [], until: 0 } : (JSON.parse(found.value) as StoredTimes))
  }

  /** Null for an edit that was made here, or of which nobody knows when. */
  madeAt(seq: number): number | null {
    const index = countOf(this.#points, ([throughSeq]) => throughSeq < seq)
    return this.#points[index]?.[1] ?? null
  }

  /** The last edit that was made by then; 0 if none was. Null where the times of the store say it. */
  seqAt(time: number): number | null {
    if (time >= this.#until) return null
    return this.#points[countOf(this.#points, ([, at]) => at <= time) - 1]?.[0] ?? 0
  }
}

/** Collects when the edits of an archive were made while they are written. */
export class TimesOfEdits {
  #points: TimePoint[] = []

  /** What was written since, through this seq, was made by then; null: nobody knows. */
  add(throughSeq: number, at: number | null, now: number): void {
    if (at === null || throughSeq <= (this.#points.at(-1)?.[0] ?? 0)) return
    const by = Math.min(at, now)
    // What came before was made by then at the latest: a version may have been kept long after its edits.
    for (let index = this.#points.length - 1; (this.#points[index]?.[1] ?? 0) > by; index--)
      this.#points[index] = [this.#points[index]?.[0] ?? 0, by]
    this.#points.push([throughSeq, by])
    // Half as exact.
    if (this.#points.length > POINTS_MAX) this.#points = this.#points.filter((_, index) => index % 2 === 0)
  }

  /** Resolves when the store has it, for good. */
  async keep(store: Pick<DocumentStore, 'keyedRecords' | 'readAuthors'>, documentId: string): Promise<void> {
    const through = this.#points.at(-1)?.[0]
    if (through === undefined) return
    const [row] = (await store.readAuthors(documentId, { afterSeq: through - 1, limit: 1 })).items
    const stored: StoredTimes = { points: this.#points, until: row?.committedAt ?? 0 }
    await store.keyedRecords?.put({ kind: 'imported-times', id: documentId, value: JSON.stringify(stored), lifetimeMs: null })
  }
}

/** How many at the front of a list fulfil what holds for a front part of it only. */
function countOf<Item>(items: readonly Item[], holds: (item: Item) => boolean): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >> 1
    const item = items[middle]
    if (item !== undefined && holds(item)) low = middle + 1
    else high = middle
  }
  return low
}

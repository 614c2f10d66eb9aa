// Rows of the log that are durable in the journal and not yet in the LMDB file, in memory, by document: readers look here first.
import { assert } from '../../core/assert.js'
import type { JournalRow } from './journal-records.js'

/** What a row costs beside its update. */
const ROW_OVERHEAD_BYTES = 256

export class PendingRows {
  /** Those of a document have seqs that follow one another. */
  readonly #byDocument = new Map<string, JournalRow[]>()
  readonly #hidden = new Set<string>()
  #count = 0
  #bytes = 0

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  documentIds(): string[] {
    return [...this.#byDocument.keys()]
  }

  add(rows: readonly JournalRow[]): void {
    for (const row of rows) {
      const { documentId, seq, update } = row.entry
      const ofDocument = this.#byDocument.get(documentId)
      if (ofDocument === undefined) this.#byDocument.set(documentId, [row])
      else {
        assert(ofDocument.at(-1)?.entry.seq === seq - 1, 'the rows of a document follow one another')
        ofDocument.push(row)
      }
      this.#count += 1
      this.#bytes += update.length + ROW_OVERHEAD_BYTES
    }
  }

  /** The document's last row, or null. */
  newest(documentId: string): JournalRow | null {
    return this.#visible(documentId)?.at(-1) ?? null
  }

  row(documentId: string, seq: number): JournalRow | null {
    const ofDocument = this.#visible(documentId)
    return ofDocument?.[seq - (ofDocument[0]?.entry.seq ?? 0)] ?? null
  }

  /** The document's rows through a position, oldest first: at most `rowsMax`, and no more than `bytesMax` of updates unless one alone has more. */
  oldest(documentId: string, throughPosition: number, rowsMax: number, bytesMax: number): readonly JournalRow[] {
    const rows: JournalRow[] = []
    let bytes = 0
    for (const row of this.#byDocument.get(documentId) ?? []) {
      bytes += row.entry.update.length
      if (row.position > throughPosition || rows.length >= rowsMax || (rows.length > 0 && bytes > bytesMax)) break
      rows.push(row)
    }
    return rows
  }

  /** Within a transaction that has put all rows of a document into the file: from here to its end the document is read from there. */
  hide(documentId: string): void {
    this.#hidden.add(documentId)
  }

  showAll(): void {
    if (this.#hidden.size > 0) this.#hidden.clear()
  }

  /** These rows, the oldest of their documents, are in the file. */
  drop(rows: readonly JournalRow[]): void {
    const counts = new Map<string, number>()
    for (const { entry } of rows) {
      counts.set(entry.documentId, (counts.get(entry.documentId) ?? 0) + 1)
      this.#bytes -= entry.update.length + ROW_OVERHEAD_BYTES
    }
    for (const [documentId, count] of counts) {
      const left = this.#byDocument.get(documentId)?.slice(count) ?? []
      if (left.length === 0) this.#byDocument.delete(documentId)
      else this.#byDocument.set(documentId, left)
    }
    this.#count -= rows.length
  }

  #visible(documentId: string): readonly JournalRow[] | undefined {
    return this.#hidden.has(documentId) ? undefined : this.#byDocument.get(documentId)
  }
}

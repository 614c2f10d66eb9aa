// Cursors of subscribers in memory.
import type { ChangeCursors, DocumentBehind } from '../change-cursors.js'
import { isUnfinished } from '../unfinished.js'
import type { MemoryDocument } from './memory-document.js'

export class MemoryChangeCursors implements ChangeCursors {
  readonly #documents: ReadonlyMap<string, MemoryDocument>

  constructor(documents: ReadonlyMap<string, MemoryDocument>) {
    this.#documents = documents
  }

  async toldOf(subscriber: string, documentId: string): Promise<number | null> {
    const document = this.#documents.get(documentId)
    return document === undefined || isUnfinished(document.incarnation) ? null : (document.cursors.get(subscriber) ?? 0)
  }

  async advance(subscriber: string, documentId: string, seq: number): Promise<void> {
    const document = this.#documents.get(documentId)
    document?.cursors.set(subscriber, Math.max(seq, document.cursors.get(subscriber) ?? 0))
  }

  async behind(subscriber: string, { after, since }: { readonly after?: string; readonly since: number }) {
    const items = [...this.#documents].flatMap(([documentId, { incarnation, head, updatedAt, cursors }]): DocumentBehind[] => {
      if (isUnfinished(incarnation)) return []
      const seq = cursors.get(subscriber) ?? 0
      const isAfter = after === undefined || Buffer.compare(Buffer.from(documentId), Buffer.from(after)) > 0
      return isAfter && head > seq && (seq > 0 || updatedAt > since) ? [{ documentId, seq, head }] : []
    })
    items.sort((one, other) => Buffer.compare(Buffer.from(one.documentId), Buffer.from(other.documentId)))
    return { items, next: null }
  }
}

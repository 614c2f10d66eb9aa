// Cursors of subscribers in the embedded store: one table, beside the rows that they point into.
import { assert } from '../../core/assert.js'
import { type ChangeCursors, type DocumentBehind, isSubscriber, LOOKED_AT_PER_PAGE } from '../change-cursors.js'
import { isUnfinished } from '../unfinished.js'
import type { CommitQueue } from './commit-queue.js'
import type { Environment } from './environment.js'
import { cursorKey, documentKey, rowPrefix } from './keys.js'
import { sealCursor, unsealCursor, unsealDocument } from './layout.js'
import { readDocument } from './reading.js'

const CURSOR_BYTES = 1024

export class LmdbChangeCursors implements ChangeCursors {
  readonly #environment: Environment
  readonly #queue: CommitQueue

  constructor(environment: Environment, queue: CommitQueue) {
    this.#environment = environment
    this.#queue = queue
  }

  async toldOf(subscriber: string, documentId: string): Promise<number | null> {
    this.#queue.check()
    const document = readDocument(this.#environment, documentId)
    if (document === null || isUnfinished(document.incarnation)) return null
    return this.#read(cursorKey(rowPrefix(documentId), subscriber))
  }

  advance(subscriber: string, documentId: string, seq: number): Promise<void> {
    assert(isSubscriber(subscriber), 'a subscriber has a short name')
    const decide = (): (() => void) => {
      const key = cursorKey(rowPrefix(documentId), subscriber)
      const isThere = this.#environment.documents.doesExist(documentKey(documentId))
      const isNews = isThere && seq > this.#read(key)
      return () => {
        if (isNews) void this.#environment.changeCursors.put(key, sealCursor(key, seq))
      }
    }
    return this.#queue.run(CURSOR_BYTES, decide, [documentId])
  }

  async behind(subscriber: string, { after, since }: { readonly after?: string; readonly since: number }) {
    await this.#queue.applyAll()
    const { documents } = this.#environment
    const range = after === undefined ? {} : { start: documentKey(after), exclusiveStart: true }
    const items: DocumentBehind[] = []
    let last: string | null = null
    let looked = 0
    for (const { key: found, value } of documents.getRange({ ...range, limit: LOOKED_AT_PER_PAGE })) {
      const key = Buffer.from(found)
      const documentId = key.toString('utf8')
      looked += 1
      last = documentId
      const { incarnation, head, updatedAt } = unsealDocument(key, Buffer.from(value))
      if (isUnfinished(incarnation)) continue
      const seq = this.#read(cursorKey(rowPrefix(documentId), subscriber))
      if (head > seq && (seq > 0 || updatedAt > since)) items.push({ documentId, seq, head })
    }
    return { items, next: looked === LOOKED_AT_PER_PAGE ? last : null }
  }

  #read(key: Buffer): number {
    const value = this.#environment.changeCursors.get(key)
    return value === undefined ? 0 : unsealCursor(key, value)
  }
}

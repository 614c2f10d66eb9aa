// Documents by their last change, the newest first. No store keeps that order, which would cost every edit: all of them are looked at, page
// by page.
import { setImmediate } from 'node:timers/promises'
import { WeftError } from '../../core/errors.js'
import type { DocumentInfo, DocumentStore, Page } from '../../persistence/store.js'

const PAGE = 500

export interface ChangeQuery {
  readonly prefix?: string
  /** The `next` of the page before. */
  readonly after?: string
  readonly limit: number
  /** See `DocumentQuery`. */
  readonly which?: 'finished' | 'all'
}

/** Rejects with `malformed` for an `after` that is none. Holds a few times `limit` at once, whatever the number of documents. */
export async function lastChanged(
  store: Pick<DocumentStore, 'listDocuments'>,
  { prefix = '', after, limit, which = 'finished' }: ChangeQuery,
): Promise<Page<DocumentInfo, string>> {
  const last = after === undefined ? null : cursorIn(after)
  let found: DocumentInfo[] = []
  const keepBest = (): void => {
    found = found.sort(byChange).slice(0, limit + 1)
  }
  for (let from: string | null | undefined; from !== null; ) {
    const page: Page<DocumentInfo, string> = await store.listDocuments({
      prefix,
      which,
      limit: PAGE,
      ...(from === undefined ? {} : { after: from }),
    })
    for (const info of page.items) if (last === null || byChange(last, info) < 0) found.push(info)
    if (found.length > 4 * limit) keepBest()
    from = page.next
    // The embedded store answers in the same turn.
    await setImmediate()
  }
  keepBest()
  const items = found.slice(0, limit)
  const end = items.at(-1)
  return { items, next: found.length > limit && end !== undefined ? `${end.updatedAt} ${end.documentId}` : null }
}

type Place = Pick<DocumentInfo, 'updatedAt' | 'documentId'>

function byChange(one: Place, other: Place): number {
  return other.updatedAt - one.updatedAt || (one.documentId < other.documentId ? -1 : one.documentId > other.documentId ? 1 : 0)
}

function cursorIn(text: string): Place {
  const [, time, documentId] = /^(\d{1,16}) ([\s\S]+)$/.exec(text) ?? []
  if (time === undefined || documentId === undefined)
    throw new WeftError('malformed', '`after` takes the `next` of the page before, of a list in the same order.')
  return { updatedAt: Number(time), documentId }
}

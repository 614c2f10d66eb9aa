// Pages of lists that lie in memory whole, the newest first. What a page costs is one pass over the list, whatever lies before it.

import { z } from '@hono/zod-openapi'
import { WeftError } from '../../../core/errors.js'
import { limitParameter } from './schemas.js'

export interface PageRequest {
  /** The `next` of the page before; undefined for the first. */
  readonly after?: string | undefined
  readonly limit: number
}

export interface Page<Item> {
  readonly items: readonly Item[]
  /** What to ask after for the next page; null at the end. */
  readonly next: string | null
}

interface Place {
  readonly at: number
  readonly name: string
}

/** The query of a route that answers with such a page. */
export const pageQuery = z.object({
  after: z.string().max(600).optional().openapi({ description: 'The `next` of the page before.' }),
  limit: limitParameter(1_000, 100),
})

/**
 * `placeOf` gives when an item was made, in milliseconds since the Unix epoch, and a name that no other item has: pages stay in step while items come and go. Throws `malformed` for an
 * `after` that no page had as its `next`.
 */
export function newestFirst<Item>(all: Iterable<Item>, placeOf: (item: Item) => Place, { after, limit }: PageRequest): Page<Item> {
  const from = after === undefined ? null : placeIn(after)
  const order = (one: Item, other: Item): number => compare(placeOf(one), placeOf(other))
  // One more than asked for says whether there is another page.
  const wanted = limit + 1
  let found: Item[] = []
  for (const item of all) {
    if (from !== null && compare(placeOf(item), from) <= 0) continue
    found.push(item)
    if (found.length >= 2 * wanted) found = found.sort(order).slice(0, wanted)
  }
  const items = found.sort(order).slice(0, limit)
  const last = items.at(-1)
  return { items, next: found.length <= limit || last === undefined ? null : cursorOf(placeOf(last)) }
}

function compare(one: Place, other: Place): number {
  if (one.at !== other.at) return other.at - one.at
  return one.name < other.name ? -1 : one.name > other.name ? 1 : 0
}

function cursorOf({ at, name }: Place): string {
  return `${at}:${name}`
}

function placeIn(cursor: string): Place {
  const [, at, name] = /^(\d{1,16}):(.*)$/s.exec(cursor) ?? []
  if (at === undefined || name === undefined) throw new WeftError('malformed', 'after: takes the `next` of the page before.')
  return { at: Number(at), name }
}

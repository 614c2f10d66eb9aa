// Pages of what lies in memory: whole, once each, and in step while items come and go.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { newestFirst } from '../../server/api/framework/newest-first.js'

interface Item {
  readonly at: number
  readonly name: string
}

const place = (item: Item): Item => item

function pagesOf(all: () => readonly Item[], limit: number, between: () => void = () => {}): readonly (readonly Item[])[] {
  const pages: (readonly Item[])[] = []
  for (let after: string | undefined; ; ) {
    const { items, next } = newestFirst(all(), place, { after, limit })
    pages.push(items)
    if (next === null) return pages
    after = next
    between()
  }
}

describe('pages of lists, the newest first', () => {
  // Times come several times, and the order of the list is none.
  const all: readonly Item[] = Array.from({ length: 1_000 }, (_, index) => ({ at: ((index * 7919) % 1_000) >> 2, name: `user:${index}:ü` }))
  const sorted = [...all].sort((one, other) => other.at - one.at || (one.name < other.name ? -1 : 1))

  test('every item is on one page, whatever their size', () => {
    for (const limit of [1, 7, 500, 999, 1_000, 1_001]) {
      const pages = pagesOf(() => all, limit)
      assert.deepEqual(pages.flat(), sorted)
      assert.ok(pages.every((page) => page.length <= limit))
      assert.equal(pages.length, Math.ceil(1_000 / limit))
    }
    assert.deepEqual(newestFirst([], place, { limit: 3 }), { items: [], next: null })
  })

  test('what comes and goes between two pages repeats nothing and leaves nothing out', () => {
    let now: readonly Item[] = all
    let round = 0
    const pages = pagesOf(
      () => now,
      100,
      () => {
        round++
        // The last item shown goes, which the next page begins after; a new one comes.
        now = [...now.filter((item) => item !== sorted[round * 100 - 1]), { at: 10_000 + round, name: 'new' }]
      },
    )
    assert.deepEqual(pages.flat(), sorted)
  })

  test('G5: a cursor that no page gave is refused in words', () => {
    for (const after of ['', 'x', '12', ':a', `${'9'.repeat(17)}:a`])
      assert.throws(() => newestFirst(all, place, { after, limit: 1 }), { code: 'malformed', message: /`next` of the page before/ })
  })
})

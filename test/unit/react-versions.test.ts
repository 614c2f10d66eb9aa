// React's useVersions: the list comes, follows what is done here, and what comes too late is not shown.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import type { DocumentVersion, VersionsQuery } from '../../client/index.js'
import { type OpenDocument, useVersions, type Versions } from '../../client/react/index.js'
import { act, renderHook } from '../helpers/react-page.js'

const version = (seq: number): DocumentVersion => ({ seq, name: `v${seq}`, description: null, author: null, createdAt: seq, stateBytes: 1 })

interface Question {
  readonly query: VersionsQuery
  answer(items: readonly DocumentVersion[], next?: number): Promise<void>
  fail(error: Error): Promise<void>
}

/** A document whose server is asked by hand. */
function asked() {
  const questions: Question[] = []
  const done: string[] = []
  const session = {
    versions: (query: VersionsQuery) =>
      new Promise((resolve, reject) => {
        questions.push({
          query,
          answer: (items, next) => act(async () => resolve({ items, next: next ?? null })),
          fail: (error) => act(async () => reject(error)),
        })
      }),
    keep: async (name: string) => {
      done.push(`keep ${name}`)
      return version(9)
    },
    restore: async (at: string) => {
      done.push(`restore ${at}`)
      return { method: 'undo', roots: [], replaced: [], keptBefore: 9, seq: 10 }
    },
  }
  const next = (): Question => {
    const first = questions.shift()
    assert.ok(first, 'something was asked')
    return first
  }
  return { document: { session } as unknown as OpenDocument, questions, done, next }
}

test('versions are asked for when they are shown, again when something is kept or restored here, and more of them on demand', async () => {
  const { document, questions, done, next } = asked()
  const page = renderHook((of: OpenDocument | null) => useVersions(of, { limit: 2 }), {
    initialProps: null as OpenDocument | null,
    reactStrictMode: true,
  })
  const latest = (): Versions => page.result.current
  const shown = (): string => {
    const { versions, hasMore, loading, error } = latest()
    const list = versions?.map(({ seq }) => seq).join() ?? 'none'
    return `${list}${hasMore ? ' and more' : ''}${loading ? ' …' : ''}${error === null ? '' : ` ${error.message}`}`
  }
  assert.equal(shown(), 'none')
  assert.equal(latest().keep, null)
  page.rerender(document)
  assert.equal(shown(), 'none …')
  // Strict mode listens twice, and asks once.
  assert.equal(questions.length, 1)
  const first = next()
  assert.deepEqual(first.query, { limit: 2 })
  await first.answer([version(8), version(7)], 7)
  assert.equal(shown(), '8,7 and more')
  await act(async () => latest().more())
  const older = next()
  assert.deepEqual(older.query, { limit: 2, before: 7 })
  await older.answer([version(3)])
  assert.equal(shown(), '8,7,3')
  await act(async () => void (await latest().keep?.('nine')))
  assert.equal(shown(), '8,7,3 …')
  const late = next()
  await act(async () => void (await latest().restore?.('v8')))
  await next().answer([version(10), version(9)], 9)
  await late.answer([version(9)])
  assert.equal(shown(), '10,9 and more', 'what comes too late is not shown')
  assert.deepEqual(done, ['keep nine', 'restore v8'])
  await act(async () => latest().refresh())
  await next().fail(new Error('not now'))
  assert.equal(shown(), '10,9 and more not now')
})

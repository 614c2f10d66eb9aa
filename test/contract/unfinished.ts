// The store contract: a document that is being made is in no list before it is finished, and is finished in one step.
import assert from 'node:assert/strict'
import type { DocumentStore } from '../../persistence/store.js'
import { finished, unfinished } from '../../persistence/unfinished.js'
import { type ContractTest, nodeB, takeFence, Writer } from './fixture.js'

const LIFE = unfinished('life-1')

async function listed(store: DocumentStore, query: { readonly which?: 'all'; readonly limit?: number } = {}): Promise<readonly string[]> {
  const found: string[] = []
  for (let after: string | null | undefined; after !== null; ) {
    const page = await store.listDocuments({ limit: 2, ...query, ...(after === undefined ? {} : { after }) })
    assert.ok(page.items.length <= (query.limit ?? 2))
    found.push(...page.items.map(({ documentId }) => documentId))
    after = page.next
  }
  return found
}

export function unfinishedContract(test: ContractTest): void {
  test('H6: a document that is not finished is in no list and behind no cursor, and all of it is there once it is', async (store, {
    reopen,
  }) => {
    for (const id of ['a', 'c', 'e']) await (await Writer.claim(store, id)).appendMany(1)
    for (const id of ['a/b', 'd', 'f']) await (await Writer.claim(store, id, { incarnation: LIFE })).appendMany(1)
    const writer = await (await Writer.claim(store, 'b', { incarnation: LIFE })).appendMany(5)
    assert.equal(await writer.keep('First draft', 3), 'written')
    await store.saveQuarantine(writer.quarantine(5, 'made up'))
    for (const limit of [1, 2, 3, 10]) {
      assert.deepEqual(await listed(store, { limit }), ['a', 'c', 'e'])
      assert.deepEqual(await listed(store, { limit, which: 'all' }), ['a', 'a/b', 'b', 'c', 'd', 'e', 'f'])
      const { items } = await store.listDocuments({ limit, which: 'all' })
      assert.deepEqual(
        items.map(({ unfinished: marked }) => marked === true),
        [false, true, true, false, true, false, true].slice(0, limit),
      )
    }
    assert.deepEqual((await store.listDocuments({ prefix: 'b', limit: 1 })).items, [])
    const behind = async (): Promise<readonly string[]> =>
      (await store.changeCursors?.behind('hook', { since: 0 }))?.items.map(({ documentId }) => documentId) ?? []
    assert.deepEqual(await behind(), ['a', 'c', 'e'])
    assert.equal(await store.changeCursors?.toldOf('hook', 'b'), null)
    writer.check(await store.openDocument('b'))
    assert.equal(await store.finishDocument('b', writer.fence, LIFE), 'written')
    assert.equal(await store.finishDocument('b', writer.fence, LIFE), 'written', 'repeating it changes nothing')
    const after = reopen === undefined ? store : await reopen()
    const done = new Writer(after, 'b', writer.fence, finished(LIFE))
    done.updates.push(...writer.updates)
    const read = await after.openDocument('b')
    done.check(read)
    assert.equal(read.quarantine?.seq, 5)
    assert.deepEqual(
      (await after.listVersions('b', { limit: 10 })).items.map(({ seq, name }) => [seq, name]),
      [[3, 'First draft']],
    )
    assert.deepEqual(await listed(after), ['a', 'b', 'c', 'e'])
    if (reopen === undefined) assert.deepEqual(await behind(), ['a', 'b', 'c', 'e'])
    assert.equal(await after.changeCursors?.toldOf('hook', 'b'), 0)
    // Its life goes on under the other name, and no more under the one before.
    assert.deepEqual([...(await after.append([writer.entry(Uint8Array.of(1))])).fencedShards], [writer.fence.shard])
    await done.append('and on')
    done.check(await after.openDocument('b'))
    assert.deepEqual(await after.prune('b', { logWindowMs: 1_000_000, hourlySnapshots: 0, dailySnapshots: 0 }), {
      logRowsRemoved: 0,
      snapshotsRemoved: 0,
    })
  })

  test('O1: under a stale fence, or of another life, or of no document, nothing is finished', async (store) => {
    const writer = await (await Writer.claim(store, 'a', { incarnation: LIFE })).appendMany(2)
    assert.equal(await store.finishDocument('a', writer.fence, unfinished('life-2')), 'fenced')
    const absent = await Writer.claim(store, 'absent', { incarnation: LIFE })
    assert.equal(await store.finishDocument('absent', absent.fence, LIFE), 'fenced')
    await takeFence(store, 'a', nodeB)
    assert.equal(await store.finishDocument('a', writer.fence, LIFE), 'fenced')
    assert.deepEqual(await listed(store), [])
    assert.deepEqual(await listed(store, { which: 'all' }), ['a'])
    writer.check(await store.openDocument('a'))
  })
}

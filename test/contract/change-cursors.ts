// The store contract: how far subscribers were told of changes (E1), in what grows with the documents only (E2).
import assert from 'node:assert/strict'
import type { ChangeCursors, DocumentBehind } from '../../persistence/change-cursors.js'
import type { DocumentStore } from '../../persistence/store.js'
import { type ContractTest, Writer } from './fixture.js'

function cursorsOf(store: DocumentStore): ChangeCursors {
  assert.ok(store.changeCursors !== undefined, 'the store keeps cursors')
  return store.changeCursors
}

async function allBehind(store: DocumentStore, subscriber: string, since = 0): Promise<readonly DocumentBehind[]> {
  const found: DocumentBehind[] = []
  for (let after: string | null = ''; after !== null; ) {
    const page = await cursorsOf(store).behind(subscriber, { since, ...(after === '' ? {} : { after }) })
    found.push(...page.items)
    after = page.next
  }
  return found
}

export function changeCursorsContract(test: ContractTest): void {
  test('E1: a document is behind until the subscriber was told of its head, and again after its next edit', async (store, { reopen }) => {
    const a = await (await Writer.claim(store, 'a é')).appendMany(3)
    const b = await (await Writer.claim(store, 'b')).appendMany(1)
    assert.deepEqual(await allBehind(store, 'hook'), [
      { documentId: 'a é', seq: 0, head: 3 },
      { documentId: 'b', seq: 0, head: 1 },
    ])
    await cursorsOf(store).advance('hook', 'a é', 3)
    assert.deepEqual(await allBehind(store, 'hook'), [{ documentId: 'b', seq: 0, head: 1 }])
    assert.deepEqual(await Promise.all(['a é', 'b', 'nothing'].map((id) => cursorsOf(store).toldOf('hook', id))), [3, 0, null])
    // Each subscriber has cursors of its own.
    assert.equal((await allBehind(store, 'other')).length, 2)
    await b.appendMany(1)
    await a.appendMany(2)
    await cursorsOf(store).advance('hook', 'b', 1)
    const again = reopen === undefined ? store : await reopen()
    assert.deepEqual(await allBehind(again, 'hook'), [
      { documentId: 'a é', seq: 3, head: 5 },
      { documentId: 'b', seq: 1, head: 2 },
    ])
  })

  test('E1: a cursor never goes back, and none is kept for a document that is not there', async (store) => {
    await (await Writer.claim(store, 'a')).appendMany(5)
    await cursorsOf(store).advance('hook', 'a', 4)
    await cursorsOf(store).advance('hook', 'a', 2)
    await cursorsOf(store).advance('hook', 'nothing', 7)
    assert.deepEqual(await allBehind(store, 'hook'), [{ documentId: 'a', seq: 4, head: 5 }])
  })

  test('E1: a document that was deleted and begun anew has no cursor of its life before', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(5)
    await cursorsOf(store).advance('hook', 'a', 5)
    assert.equal(await store.deleteDocument('a', writer.fence), 'written')
    assert.deepEqual(await allBehind(store, 'hook'), [])
    await (await Writer.claim(store, 'a')).appendMany(2)
    assert.deepEqual(await allBehind(store, 'hook'), [{ documentId: 'a', seq: 0, head: 2 }])
  })

  test('E2: of documents without a cursor only those count that changed since, and a page goes on where the one before it ended', async (store) => {
    const writers = []
    for (let number = 0; number < 12; number++) writers.push(await (await Writer.claim(store, `doc/${number}`)).appendMany(1))
    const { items } = await store.listDocuments({ limit: 100 })
    const newest = Math.max(...items.map(({ updatedAt }) => updatedAt))
    assert.deepEqual(await allBehind(store, 'hook', newest), [])
    const ids = (await allBehind(store, 'hook')).map(({ documentId }) => documentId)
    assert.deepEqual(ids, [...ids].sort())
    assert.equal(ids.length, 12)
    assert.equal((await cursorsOf(store).behind('hook', { since: 0, after: 'doc/5' })).items[0]?.documentId, 'doc/6')
  })
}

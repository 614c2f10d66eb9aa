// The store contract: who wrote each row, and who first used each client id.
import assert from 'node:assert/strict'
import type { ClientIdUse, DocumentStore, FirstUse } from '../../persistence/store.js'
import { bytesOf, type ContractTest, keepNothing, nodeB, Writer } from './fixture.js'

const CLIENT_ID_MAX = Number.MAX_SAFE_INTEGER

async function usersOfRows(store: DocumentStore, documentId: string): Promise<readonly (readonly string[])[]> {
  return (await store.readAuthors(documentId, { afterSeq: 0, limit: 100 })).items.map(({ users }) => users.toSorted())
}

async function firstUses(store: DocumentStore, documentId: string): Promise<readonly FirstUse[]> {
  return (await store.readFirstUses(documentId, { limit: 1_000 })).items
}

const withoutTime = (uses: readonly FirstUse[]) => uses.map(({ clientId, user, seq }) => ({ clientId, user, seq }))

export function authorsContract(test: ContractTest): void {
  test('H5: each row names its users, in pages, with the time of its commit', async (store) => {
    const writer = await Writer.claim(store, 'a')
    const rows = [['ann'], [], ['ben', 'ann'], ['früh 🌱 \u0000', 'x'.repeat(256)], ['ann']]
    for (const users of rows) await writer.append('.', { users })
    assert.deepEqual(
      await usersOfRows(store, 'a'),
      rows.map((users) => users.toSorted()),
    )
    const log = (await store.readLog('a', 0, 5, 1_000)) ?? []
    const { items } = await store.readAuthors('a', { afterSeq: 0, limit: 100 })
    assert.deepEqual(
      items.map(({ seq, committedAt }) => ({ seq, committedAt })),
      log.map(({ seq, committedAt }) => ({ seq, committedAt })),
    )
    const first = await store.readAuthors('a', { afterSeq: 0, limit: 2 })
    assert.deepEqual([first.items.map(({ seq }) => seq), first.next], [[1, 2], 2])
    const rest = await store.readAuthors('a', { afterSeq: 2, limit: 3 })
    assert.deepEqual([rest.items.map(({ seq }) => seq), rest.next], [[3, 4, 5], null])
    assert.deepEqual(await store.readAuthors('a', { afterSeq: 5, limit: 3 }), { items: [], next: null })
    assert.deepEqual(await store.readAuthors('never written', { afterSeq: 0, limit: 3 }), { items: [], next: null })
    writer.check(await store.openDocument('a'))
  })

  test('H5: a row with four hundred users keeps all of them, and each document has its own', async (store) => {
    const crowd = Array.from({ length: 400 }, (_, index) => `user-${index}`)
    const [a, b] = [await Writer.claim(store, 'a'), await Writer.claim(store, 'b')]
    await a.append('.', { users: crowd })
    await b.append('.', { users: ['user-7', 'somebody else'] })
    assert.deepEqual(await usersOfRows(store, 'a'), [crowd.toSorted()])
    assert.deepEqual(await usersOfRows(store, 'b'), [['somebody else', 'user-7']])
  })

  test('H5: of the users of a client id the first is remembered, with the row and its time', async (store) => {
    const writer = await Writer.claim(store, 'a')
    const uses = (...of: readonly (readonly [number, string])[]): readonly ClientIdUse[] =>
      of.map(([clientId, user]) => ({ clientId, user }))
    await writer.append('.', { users: ['ann'], firstUses: uses([7, 'ann'], [CLIENT_ID_MAX, 'ann']) })
    await writer.append('.', { users: ['ben'], firstUses: uses([7, 'ben'], [0, 'ben'], [2 ** 32 - 1, 'ben']) })
    assert.deepEqual(withoutTime(await firstUses(store, 'a')), [
      { clientId: 0, user: 'ben', seq: 2 },
      { clientId: 7, user: 'ann', seq: 1 },
      { clientId: 2 ** 32 - 1, user: 'ben', seq: 2 },
      { clientId: CLIENT_ID_MAX, user: 'ann', seq: 1 },
    ])
    const times = new Map((await store.readAuthors('a', { afterSeq: 0, limit: 9 })).items.map(({ seq, committedAt }) => [seq, committedAt]))
    for (const { seq, usedAt } of await firstUses(store, 'a')) assert.equal(usedAt, times.get(seq))
    // One id is looked for by the one before it.
    assert.deepEqual(withoutTime((await store.readFirstUses('a', { after: 6, limit: 1 })).items), [{ clientId: 7, user: 'ann', seq: 1 }])
    assert.notEqual((await store.readFirstUses('a', { after: 7, limit: 1 })).items[0]?.clientId, 8)
    const page = await store.readFirstUses('a', { limit: 3 })
    assert.equal(page.next, 2 ** 32 - 1)
    assert.deepEqual(withoutTime((await store.readFirstUses('a', { after: 2 ** 32 - 1, limit: 3 })).items), [
      { clientId: CLIENT_ID_MAX, user: 'ann', seq: 1 },
    ])
    assert.deepEqual(await store.readFirstUses('a', { after: CLIENT_ID_MAX, limit: 3 }), { items: [], next: null })
    assert.deepEqual(await store.readFirstUses('b', { limit: 3 }), { items: [], next: null })
  })

  test('H5: a batch with users that is repeated after an unknown outcome says nothing twice', async (store) => {
    const writer = await Writer.claim(store, 'a')
    const entry = { ...writer.entry(bytesOf('.')), users: ['ann'], firstUses: [{ clientId: 1, user: 'ann' }] }
    for (let times = 0; times < 3; times++) assert.deepEqual([...(await store.append([entry])).fencedShards], [])
    assert.deepEqual(await usersOfRows(store, 'a'), [['ann']])
    assert.deepEqual(withoutTime(await firstUses(store, 'a')), [{ clientId: 1, user: 'ann', seq: 1 }])
  })

  test('H5: what is fenced leaves no author behind, beside what is written', async (store) => {
    const [stale, other] = [await (await Writer.claim(store, 'a')).appendMany(1), await Writer.claim(store, 'b')]
    const current = await Writer.claim(store, 'a', { claimant: nodeB })
    const authors = (clientId: number) => ({ users: [`user ${clientId}`], firstUses: [{ clientId, user: `user ${clientId}` }] })
    const { fencedShards } = await store.append([
      { ...stale.entry(bytesOf('late')), ...authors(1) },
      { ...other.entry(bytesOf('in time')), ...authors(2) },
    ])
    assert.deepEqual([...fencedShards], [stale.fence.shard])
    assert.deepEqual(await usersOfRows(store, 'a'), [[]])
    assert.deepEqual(await firstUses(store, 'a'), [])
    assert.deepEqual(await usersOfRows(store, 'b'), [['user 2']])
    assert.deepEqual(withoutTime(await firstUses(store, 'b')), [{ clientId: 2, user: 'user 2', seq: 1 }])
    assert.notEqual(current.fence.epoch, stale.fence.epoch)
  })

  test('H5: first uses outlive the log, and go with the document', async (store) => {
    const writer = await Writer.claim(store, 'a')
    for (const user of ['ann', 'ben', 'cat']) await writer.append('.', { users: [user], firstUses: [{ clientId: writer.head, user }] })
    await writer.save()
    await store.prune('a', keepNothing)
    const left = await store.readAuthors('a', { afterSeq: 0, limit: 9 })
    assert.deepEqual(
      left.items.map(({ users }) => users),
      left.items.map(({ seq }) => [['ann'], ['ben'], ['cat']][seq - 1]),
    )
    assert.equal((await firstUses(store, 'a')).length, 3)
    assert.equal(await store.deleteDocument('a', writer.fence), 'written')
    assert.deepEqual(await firstUses(store, 'a'), [])
    assert.deepEqual(await usersOfRows(store, 'a'), [])
    const next = await Writer.claim(store, 'a', { incarnation: 'life-2' })
    await next.append('.', { users: ['dan'], firstUses: [{ clientId: 1, user: 'dan' }] })
    assert.deepEqual(withoutTime(await firstUses(store, 'a')), [{ clientId: 1, user: 'dan', seq: 1 }])
  })

  test('H5: who wrote is there when the store is opened again', async (store, underTest) => {
    const writer = await Writer.claim(store, 'a')
    await writer.append('.', { users: ['ann', 'ben'], firstUses: [{ clientId: 1, user: 'ben' }] })
    if (underTest.reopen === undefined) return
    const again = await underTest.reopen()
    assert.deepEqual(await usersOfRows(again, 'a'), [['ann', 'ben']])
    assert.deepEqual(withoutTime(await firstUses(again, 'a')), [{ clientId: 1, user: 'ben', seq: 1 }])
    const later = new Writer(again, 'a', writer.fence, writer.incarnation)
    later.updates.push(...writer.updates)
    await later.append('.', { users: ['ben', 'cat'], firstUses: [{ clientId: 2, user: 'cat' }] })
    assert.deepEqual(await usersOfRows(again, 'a'), [
      ['ann', 'ben'],
      ['ben', 'cat'],
    ])
  })
}

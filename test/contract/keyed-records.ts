// The store contract: what access control keeps. Keys and revocations are there for everybody (X3), and of several who use one ticket one succeeds (X4).
import assert from 'node:assert/strict'
import type { KeyedRecords, KeyedRecordWrite } from '../../persistence/keyed-records.js'
import type { DocumentStore } from '../../persistence/store.js'
import type { ContractTest } from './fixture.js'

const key = (id: string, value = '{}'): KeyedRecordWrite => ({ kind: 'key', id, value, lifetimeMs: null })

function recordsOf(store: DocumentStore): KeyedRecords {
  assert.ok(store.keyedRecords !== undefined, 'the store keeps keyed records')
  return store.keyedRecords
}

export function keyedRecordsContract(test: ContractTest): void {
  test('X4: of many who insert one record at the same time one succeeds, and none later', async (store) => {
    const records = recordsOf(store)
    const used: KeyedRecordWrite = { kind: 'used', id: 'ticket \u0000 é', value: '{}', lifetimeMs: 3_600_000 }
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => records.insert(used)))
    assert.equal(outcomes.filter((written) => written).length, 1)
    assert.equal(await records.insert(used), false)
    // Another kind has ids of its own.
    assert.equal(await records.insert({ ...used, kind: 'key' }), true)
  })

  test('D1: a record that was written is there for whoever opens the store next, whole', async (store, { reopen }) => {
    const value = JSON.stringify({ text: 'a "quoted" \u0000 😀', list: [1, 2] })
    const before = Date.now()
    await recordsOf(store).put(key('b', value))
    await recordsOf(store).put(key('a'))
    // Every write that resolved is committed.
    const again = recordsOf(reopen === undefined ? store : await reopen())
    const listed = await again.list('key')
    assert.deepEqual(
      listed.map(({ id, expiresAt }) => ({ id, expiresAt })),
      [
        { id: 'a', expiresAt: null },
        { id: 'b', expiresAt: null },
      ],
    )
    assert.equal(listed[1]?.value, value)
    assert.ok(Math.abs((listed[1]?.createdAt ?? 0) - before) < 60_000)
    assert.deepEqual(await again.list('revocation'), [])
  })

  test('X3: a record is replaced by one that is put, and gone once it is removed', async (store) => {
    const records = recordsOf(store)
    await records.put(key('a', '{"one":1}'))
    await records.put(key('a', '{"two":2}'))
    assert.deepEqual(
      (await records.list('key')).map(({ value }) => value),
      ['{"two":2}'],
    )
    assert.equal((await records.find('key', 'a'))?.value, '{"two":2}')
    assert.deepEqual([await records.find('used', 'a'), await records.find('key', 'b')], [null, null])
    assert.equal(await records.remove('key', 'a'), true)
    assert.equal(await records.remove('key', 'a'), false)
    assert.equal(await records.find('key', 'a'), null)
    assert.deepEqual(await records.list('key'), [])
    assert.equal(await records.insert(key('a')), true)
  })

  test('a record that has expired counts as none, by the clock of the store, and is cleared away by later ones', async (store) => {
    const records = recordsOf(store)
    for (let number = 0; number < 5; number++) await records.insert({ kind: 'used', id: `t${number}`, value: '{}', lifetimeMs: 60_000 })
    assert.equal((await records.list('used')).length, 5)
    // What an hour brings, on any clock: the records are written as of an hour ago.
    await records.put({ kind: 'used', id: 'old', value: '{}', lifetimeMs: -3_600_000 })
    assert.equal((await records.list('used')).length, 5)
    assert.equal(await records.remove('used', 'old'), false)
    await records.put({ kind: 'used', id: 'old', value: '{}', lifetimeMs: -3_600_000 })
    assert.equal(await records.insert({ kind: 'used', id: 'old', value: '{}', lifetimeMs: 60_000 }), true)
    assert.equal((await records.list('used')).length, 6)
  })
}

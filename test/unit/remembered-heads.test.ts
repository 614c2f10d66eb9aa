// What a process remembers about the logs it appends to: only what was read or written under one view of its lease, and never more than that.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LeaseView, RememberedHeads } from '../../persistence/postgres/remembered-heads.js'
import type { AppendEntry } from '../../persistence/store.js'

const boot = 'boot-a'
const view = (leaseVersion: number, newestAt = 1_000): LeaseView => ({ boot, leaseVersion, serverLife: 1, newestAt })
const entry = (documentId: string, seq: number, epoch = 5): AppendEntry => ({
  documentId,
  fence: { shard: 0, epoch, boot },
  seq,
  incarnation: 'life',
  update: new Uint8Array(),
})
const read = (documentId: string, seq: number, of: LeaseView) => ({
  documentId,
  view: of,
  key: seq * 10,
  epoch: 5,
  incarnation: 'life',
  seq,
})

test('O1: a document that was read under the present view is remembered for its next row, and for no other row, epoch or life', () => {
  const heads = new RememberedHeads()
  heads.learn(read('a', 7, view(3)))
  assert.deepEqual(heads.recall([entry('a', 8)])?.heads, [{ key: 70, epoch: 5, incarnation: 'life', seq: 7 }])
  for (const other of [entry('a', 7), entry('a', 9), entry('a', 8, 6), { ...entry('a', 8), incarnation: 'other' }, entry('b', 8)])
    assert.equal(heads.recall([other]), null)
  assert.equal(heads.recall([entry('a', 8), entry('b', 1)]), null, 'a batch is remembered as a whole')
})

test('O1: what was read under an older lease is not mixed with what is known under a newer one, and the newer drops the older', () => {
  const heads = new RememberedHeads()
  heads.remember(view(4), [entry('a', 1)], [1])
  heads.learn(read('b', 7, view(3)))
  assert.equal(heads.recall([entry('b', 8)]), null)
  assert.ok(heads.recall([entry('a', 2)]))
  heads.learn(read('b', 7, view(5)))
  assert.ok(heads.recall([entry('b', 8)]))
  assert.equal(heads.recall([entry('a', 2)]), null)
})

test('O1: an append that ends after its view has passed records nothing', () => {
  const heads = new RememberedHeads()
  heads.learn(read('a', 7, view(3)))
  const recalled = heads.recall([entry('a', 8)])
  assert.ok(recalled)
  heads.learn(read('a', 7, view(4)))
  heads.advance(recalled, 2_000)
  assert.ok(heads.recall([entry('a', 8)]))
  assert.equal(heads.recall([entry('a', 9)]), null)
})

test('D5: commit times do not fall: the view has the newest time of all that was read and written under it', () => {
  const heads = new RememberedHeads()
  heads.learn(read('a', 1, view(3, 5_000)))
  heads.learn(read('b', 1, view(3, 4_000)))
  const recalled = heads.recall([entry('a', 2), entry('b', 2)])
  assert.equal(recalled?.view.newestAt, 5_000)
  assert.ok(recalled)
  heads.advance(recalled, 6_000)
  assert.equal(heads.recall([entry('b', 3)])?.view.newestAt, 6_000)
  heads.remember(view(3, 5_500), [entry('b', 3)], [10])
  assert.equal(heads.recall([entry('a', 3)])?.view.newestAt, 6_000)
})

test('O1: a read that is older than the last append takes nothing back', () => {
  const heads = new RememberedHeads()
  heads.remember(view(3), [entry('a', 8)], [70])
  heads.learn({ ...read('a', 7, view(3)), key: 70 })
  assert.ok(heads.recall([entry('a', 9)]))
})

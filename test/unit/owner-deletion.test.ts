// What those who have a document open see while it is deleted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WeftError } from '../../core/errors.js'
import { OwnerBench } from '../helpers/owner-bench.js'

test('H4: who has a document open is told that it was deleted once it is gone from the store, and not before', async () => {
  const bench = await OwnerBench.start()
  const session = await bench.join('d')
  session.doc.getText('body').insert(0, 'typed just before')
  const release = bench.store.stall('deleteDocument')
  const deletion = bench.directory.command('d', { kind: 'delete' })
  await bench.clock.settle()
  assert.equal(bench.head('d'), 1, 'what was typed before is committed first')
  assert.equal(session.acknowledgedThrough, 1)
  const toldOf = (): string | null => session.detachedBy?.code ?? null
  assert.equal(toldOf(), null)
  assert.equal(session.paused, true)
  session.doc.getText('body').insert(0, 'too late ')
  await bench.clock.settle()
  assert.deepEqual(
    session.refusals.map(({ error }) => error.code),
    ['overloaded'],
  )
  release()
  await deletion
  assert.equal(toldOf(), 'no-such-document')
  assert.equal(bench.head('d'), 0)
  assert.equal((await bench.store.openDocument('d')).incarnation, null, 'and what came too late made no new one')
})

test('H4: a deletion that the store does not take leaves the document, its sessions attach anew, and it can be deleted again', async () => {
  const bench = await OwnerBench.start()
  const session = await bench.join('d')
  session.doc.getText('body').insert(0, 'stays')
  await bench.clock.settle()
  bench.store.failBefore('deleteDocument', new WeftError('store-unavailable', 'Failed on demand.'))
  await assert.rejects(bench.directory.command('d', { kind: 'delete' }), { code: 'store-unavailable' })
  assert.equal(session.detachedBy?.code, 'owner-moved')
  const again = await bench.join('d')
  assert.equal(again.doc.getText('body').toString(), 'stays')
  await bench.directory.command('d', { kind: 'delete' })
  assert.equal(again.detachedBy?.code, 'no-such-document')
  assert.equal(bench.head('d'), 0)
})

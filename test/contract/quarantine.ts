// The store contract: what was found to be unusable in a document is remembered for whoever opens it next (D8).
import assert from 'node:assert/strict'
import { type ContractTest, nodeB, takeFence, Writer } from './fixture.js'

export function quarantineContract(test: ContractTest): void {
  test('D8: a quarantine is there for whoever opens the document next, and the log is still whole', async (store, { reopen }) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(6)
    await writer.save(2)
    assert.equal((await store.openDocument('a')).quarantine, null)
    assert.equal(await store.saveQuarantine(writer.quarantine(4, 'its struct 7 \u0000 \ud800 is odd')), 'written')
    const again = reopen === undefined ? store : await reopen()
    const read = await again.openDocument('a')
    assert.equal(read.quarantine?.seq, 4)
    assert.match(read.quarantine?.reason ?? '', /^its struct 7 .*is odd$/)
    writer.check(read)
    assert.equal((await again.openDocument('b')).quarantine, null)
  })

  test('D8: a point before the quarantine is read without it, one behind it with it', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(6)
    await store.saveQuarantine(writer.quarantine(4, 'made up'))
    assert.equal((await store.readAt('a', { seq: 3 })).quarantine, null)
    assert.deepEqual((await store.readAt('a', { seq: 4 })).quarantine, { seq: 4, reason: 'made up' })
  })

  test('D8: a snapshot that reaches as far supersedes a quarantine, one before it does not', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(6)
    await store.saveQuarantine(writer.quarantine(4, 'made up'))
    await writer.save(3)
    assert.equal((await store.openDocument('a')).quarantine?.seq, 4)
    await writer.save(4)
    assert.equal((await store.openDocument('a')).quarantine, null)
    await store.saveQuarantine(writer.quarantine(6, 'another'))
    assert.deepEqual((await store.openDocument('a')).quarantine, { seq: 6, reason: 'another' })
  })

  test('D8: a quarantine is lifted by name, once', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(3)
    await store.saveQuarantine(writer.quarantine(2, 'made up'))
    assert.equal(await store.liftQuarantine('a'), true)
    assert.equal((await store.openDocument('a')).quarantine, null)
    assert.equal(await store.liftQuarantine('a'), false)
    assert.equal(await store.liftQuarantine('nobody wrote this'), false)
  })

  test('O1: a quarantine under a stale fence, of another life or of a document that is not there is fenced', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(3)
    assert.equal(await store.saveQuarantine({ ...writer.quarantine(2, 'made up'), incarnation: 'life-2' }), 'fenced')
    const absent = await Writer.claim(store, 'absent')
    assert.equal(await store.saveQuarantine(absent.quarantine(1, 'made up')), 'fenced')
    await takeFence(store, 'a', nodeB)
    assert.equal(await store.saveQuarantine(writer.quarantine(2, 'made up')), 'fenced')
    assert.equal((await store.openDocument('a')).quarantine, null)
  })

  test('D8: a new life of a deleted document is not quarantined', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(3)
    await store.saveQuarantine(writer.quarantine(2, 'made up'))
    await store.deleteDocument('a', writer.fence)
    await (await Writer.claim(store, 'a', { incarnation: 'life-2' })).appendMany(3)
    assert.equal((await store.openDocument('a')).quarantine, null)
  })
}

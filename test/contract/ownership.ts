// The store contract: who may write. Claims by compare-and-set, and fences inside the write.
import assert from 'node:assert/strict'
import { shardOf } from '../../core/document-id.js'
import { bytesOf, type ContractTest, idsInDistinctShards, idsInOneShard, nodeA, nodeB, takeFence, Writer } from './fixture.js'

export function ownershipContract(test: ContractTest): void {
  test('O1: a fresh store owns nothing, and a first claim starts at epoch 1', async (store) => {
    assert.deepEqual(await store.readOwnership(), [])
    assert.deepEqual(
      await store.claimShards(nodeA, [
        { shard: 0, epoch: 0 },
        { shard: 1023, epoch: 0 },
      ]),
      [
        { shard: 0, epoch: 1 },
        { shard: 1023, epoch: 1 },
      ],
    )
    const ownership = [...(await store.readOwnership())].sort((a, b) => a.shard - b.shard)
    assert.deepEqual(ownership, [
      { shard: 0, epoch: 1, owner: nodeA },
      { shard: 1023, epoch: 1, owner: nodeA },
    ])
  })

  test('O1: a claim with an outdated epoch is left out, the others of the call are granted', async (store) => {
    await store.claimShards(nodeA, [{ shard: 5, epoch: 0 }])
    const grants = await store.claimShards(nodeB, [
      { shard: 5, epoch: 0 },
      { shard: 6, epoch: 0 },
    ])
    assert.deepEqual(grants, [{ shard: 6, epoch: 1 }])
    assert.deepEqual(await store.claimShards(nodeB, [{ shard: 7, epoch: 3 }]), [], 'an epoch that never was is not current')
    assert.deepEqual((await store.readOwnership()).find(({ shard }) => shard === 5)?.owner, nodeA)
  })

  test('O1: of concurrent claims on one shard exactly one is granted', async (store) => {
    const claimants = Array.from({ length: 8 }, (_, index) => ({ nodeId: `node-${index}`, boot: `boot-${index}` }))
    const answers = await Promise.all(claimants.map((claimant) => store.claimShards(claimant, [{ shard: 9, epoch: 0 }])))
    const winners = claimants.filter((_, index) => answers[index]?.length === 1)
    assert.equal(winners.length, 1)
    assert.deepEqual(await store.readOwnership(), [{ shard: 9, epoch: 1, owner: winners[0] }])
  })

  test('O1: all 1024 shards can be claimed in one call', async (store) => {
    const seen = Array.from({ length: 1024 }, (_, shard) => ({ shard, epoch: 0 }))
    assert.equal((await store.claimShards(nodeA, seen)).length, 1024)
    assert.equal((await store.readOwnership()).length, 1024)
  })

  test('O1: a released shard keeps its epoch, has no owner, and refuses who released it', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(1)
    await store.releaseShards(nodeA, [writer.fence])
    assert.deepEqual(await store.readOwnership(), [{ shard: writer.fence.shard, epoch: 1, owner: null }])
    const { fencedShards } = await store.append([writer.entry(bytesOf('late'))])
    assert.deepEqual([...fencedShards], [writer.fence.shard])
    assert.deepEqual(
      await store.claimShards(
        nodeB,
        [writer.fence].map(({ shard, epoch }) => ({ shard, epoch })),
      ),
      [{ shard: writer.fence.shard, epoch: 2 }],
    )
    writer.check(await store.openDocument('a'))
  })

  test('O1: a release by another boot, or of another epoch, changes nothing', async (store) => {
    const fence = await takeFence(store, 'a')
    const held = [{ shard: fence.shard, epoch: 1, owner: nodeA }]
    await store.releaseShards({ nodeId: nodeA.nodeId, boot: 'another boot' }, [fence])
    assert.deepEqual(await store.readOwnership(), held)
    await store.releaseShards(nodeA, [{ shard: fence.shard, epoch: 2 }])
    await store.releaseShards(nodeA, [{ shard: (fence.shard + 1) % 1024, epoch: 1 }])
    assert.deepEqual(await store.readOwnership(), held)
  })

  test('O1: a stale epoch is refused inside a batch while the other shards of it commit', async (store) => {
    const [stale, current] = idsInDistinctShards(2)
    assert.ok(stale !== undefined && current !== undefined)
    const old = await (await Writer.claim(store, stale)).appendMany(2)
    const other = await (await Writer.claim(store, current)).appendMany(2)
    await takeFence(store, stale, nodeB)
    const update = bytesOf('one more')
    const { fencedShards } = await store.append([old.entry(bytesOf('too late')), other.entry(update)])
    assert.deepEqual([...fencedShards], [shardOf(stale)])
    other.updates.push(update)
    old.check(await store.openDocument(stale))
    other.check(await store.openDocument(current))
  })

  test('O1: the same epoch from another boot is fenced', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(1)
    const { fencedShards } = await store.append([{ ...writer.entry(bytesOf('x')), fence: { ...writer.fence, boot: 'another boot' } }])
    assert.deepEqual([...fencedShards], [writer.fence.shard])
    writer.check(await store.openDocument('a'))
  })

  test('O1: an epoch of the future, and a shard that nobody claimed, are fenced', async (store) => {
    const writer = await Writer.claim(store, 'a')
    const future = await store.append([{ ...writer.entry(bytesOf('x')), fence: { ...writer.fence, epoch: 2 } }])
    assert.deepEqual([...future.fencedShards], [writer.fence.shard])
    const [unclaimed] = idsInDistinctShards(2).filter((id) => shardOf(id) !== writer.fence.shard)
    assert.ok(unclaimed !== undefined)
    const fence = { shard: shardOf(unclaimed), epoch: 0, boot: nodeA.boot }
    const nobody = await store.append([{ documentId: unclaimed, fence, seq: 1, incarnation: 'life-1', update: bytesOf('x') }])
    assert.deepEqual([...nobody.fencedShards], [fence.shard])
    assert.equal((await store.openDocument(unclaimed)).incarnation, null)
    assert.equal((await store.openDocument('a')).incarnation, null)
  })

  test('O1: when one document of a shard is refused, nothing of that shard is written', async (store) => {
    const [first, second] = idsInOneShard()
    const a = await (await Writer.claim(store, first)).appendMany(2)
    const b = new Writer(store, second, a.fence, 'life-1')
    const { fencedShards } = await store.append([b.entry(bytesOf('b')), a.entry(bytesOf('taken'), 2)])
    assert.deepEqual([...fencedShards], [a.fence.shard])
    a.check(await store.openDocument(first))
    assert.equal((await store.openDocument(second)).head, 0)
  })

  test('O1: snapshots, versions and deletes of a stale owner are fenced', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(3)
    await takeFence(store, 'a', nodeB)
    assert.equal(await store.saveSnapshot(writer.snapshot()), 'fenced')
    assert.equal(await writer.keep('v1'), 'fenced')
    assert.equal(await store.deleteDocument('a', writer.fence), 'fenced')
    const read = await store.openDocument('a')
    assert.equal(read.snapshot, null)
    writer.check(read)
    assert.deepEqual((await store.listVersions('a', { limit: 10 })).items, [])
  })

  test('O1: takeovers race with appends: no row of the old epoch appears after the new owner has read', async (store) => {
    const old = await Writer.claim(store, 'a')
    for (let round = 0; round < 10; round++) {
      const update = bytesOf(`${round};`)
      const [appended, fence] = await Promise.all([
        store.append([old.entry(update)]),
        takeFence(store, 'a', { nodeId: 'node', boot: `boot ${round}` }),
      ])
      const read = await store.openDocument('a')
      if (appended.fencedShards.size === 0) old.updates.push(update)
      if (read.head > 0 || old.head > 0) old.check(read)
      const late = await store.append([old.entry(bytesOf('late'))])
      assert.equal(late.fencedShards.size, 1)
      old.fence = fence
    }
  })
}

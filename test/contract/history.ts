// The store contract: snapshots, versions, points in time, lists, deleting.
import assert from 'node:assert/strict'
import { bytesOf, type ContractTest, nodeB, rejectsWith, sameBytes, takeFence, Writer } from './fixture.js'

export function historyContract(test: ContractTest): void {
  test('D6: a document opens from its newest snapshot and the tail after it', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(10)
    await writer.save(4)
    await writer.save(8)
    let read = await store.openDocument('a')
    assert.equal(read.snapshot?.seq, 8)
    assert.ok((read.snapshot?.savedAt ?? 0) > 0)
    writer.check(read)
    await writer.save(10)
    read = await store.openDocument('a')
    assert.deepEqual(read.tail, [])
    writer.check(read)
  })

  test('D6: saving a snapshot again is harmless, and one that arrives late does not replace a newer one', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(6)
    await writer.save(6)
    await writer.save(6)
    await writer.save(2)
    const read = await store.openDocument('a')
    assert.equal(read.snapshot?.seq, 6)
    writer.check(read)
    writer.check(await store.readAt('a', { seq: 3 }), 3)
    assert.equal((await store.readAt('a', { seq: 3 })).snapshot?.seq, 2)
  })

  test('D6: a snapshot of a document that was never written is fenced', async (store) => {
    const writer = await Writer.claim(store, 'a')
    assert.equal(await store.saveSnapshot({ ...writer.snapshot(), seq: 1, state: bytesOf('x') }), 'fenced')
    assert.equal((await store.openDocument('a')).incarnation, null)
  })

  test('D6: a snapshot cannot be ahead of the log', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(2)
    await assert.rejects(store.saveSnapshot({ ...writer.snapshot(), seq: 3 }))
    writer.check(await store.openDocument('a'))
  })

  test('D5: the log is read in pages by bytes, at least one row each', async (store) => {
    const writer = await Writer.claim(store, 'a')
    for (const length of [10, 10, 10, 1000, 10]) await writer.append(new Uint8Array(length).fill(length % 256))
    const seqs = async (after: number, through: number, bytesMax: number) =>
      (await store.readLog('a', after, through, bytesMax))?.map((row) => row.seq)
    assert.deepEqual(await seqs(0, 5, 1_000_000), [1, 2, 3, 4, 5])
    assert.deepEqual(await seqs(0, 5, 1), [1])
    assert.deepEqual(await seqs(0, 5, 20), [1, 2])
    assert.deepEqual(await seqs(0, 5, 21), [1, 2, 3])
    assert.deepEqual(await seqs(3, 5, 1), [4])
    assert.deepEqual(await seqs(1, 3, 1_000_000), [2, 3])
    assert.deepEqual(await seqs(5, 5, 100), [])
    assert.deepEqual(await seqs(4, 99, 100), [5], 'through a seq above the head means through the head')
    assert.deepEqual(await seqs(7, 99, 100), [])
    const rows = (await store.readLog('a', 0, 5, 1_000_000)) ?? []
    assert.ok(rows.every((row, index) => sameBytes(row.update, writer.updates[index] ?? bytesOf('?'))))
  })

  test('H1: the state at every seq equals a replay to that seq', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(9)
    await writer.save(3)
    await writer.save(7)
    for (let seq = 1; seq <= 9; seq++) {
      const read = await store.readAt('a', { seq })
      writer.check(read, seq)
      assert.equal(read.snapshot?.seq ?? 0, seq >= 7 ? 7 : seq >= 3 ? 3 : 0)
    }
  })

  test('H1: a time means the last commit at or before it', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(8)
    await writer.save(3)
    const rows = (await store.readLog('a', 0, 8, 1_000_000)) ?? []
    const lastAt = (time: number) => rows.findLast((row) => row.committedAt <= time)?.seq ?? 0
    for (const row of rows) {
      for (const time of [row.committedAt, row.committedAt + 0.5, row.committedAt - 0.5]) {
        const seq = lastAt(time)
        if (seq > 0) writer.check(await store.readAt('a', { time }), seq)
        else await rejectsWith('no-such-document', store.readAt('a', { time }))
      }
    }
    writer.check(await store.readAt('a', { time: (rows.at(-1)?.committedAt ?? 0) + 1e9 }), 8)
  })

  test('H1: points that the document never reached are no-such-document', async (store) => {
    await rejectsWith('no-such-document', store.readAt('a', { seq: 1 }))
    await rejectsWith('no-such-document', store.readAt('a', { time: 1e15 }))
    await (await Writer.claim(store, 'a')).appendMany(2)
    await rejectsWith('no-such-document', store.readAt('a', { seq: 0 }))
    await rejectsWith('no-such-document', store.readAt('a', { seq: 3 }))
    await rejectsWith('no-such-document', store.readAt('a', { time: 1 }))
  })

  test('H3: a version is kept under its name, renamed in place, and read back at its seq', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(5)
    assert.equal(await writer.keep('First draft', 2, 'ada', 'As it went to the printer — ünïcode'), 'written')
    const [version] = (await store.listVersions('a', { limit: 10 })).items
    assert.ok(version !== undefined)
    assert.deepEqual(version, {
      seq: 2,
      name: 'First draft',
      description: 'As it went to the printer — ünïcode',
      author: 'ada',
      createdAt: version.createdAt,
      stateBytes: writer.state(2).length,
    })
    assert.ok(version.createdAt > 0)
    assert.equal(await writer.keep('Draft — ünïcode 文', 2), 'written')
    assert.deepEqual((await store.listVersions('a', { limit: 10 })).items, [
      { ...version, name: 'Draft — ünïcode 文', description: null, author: null },
    ])
    const read = await store.readAt('a', { seq: 2 })
    assert.equal(read.snapshot?.seq, 2)
    writer.check(read, 2)
  })

  test('H3: a snapshot becomes a version where it is, and saving the snapshot again keeps the version', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(3)
    await writer.save(3)
    assert.equal(await writer.keep('v', 3), 'written')
    await writer.save(3)
    assert.deepEqual(
      (await store.listVersions('a', { limit: 10 })).items.map(({ seq, name }) => ({ seq, name })),
      [{ seq: 3, name: 'v' }],
    )
  })

  test('H3: a version that comes from elsewhere brings its time along, and keeps it when it is renamed', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(2)
    const keepAt = (name: string, createdAt: number) => store.keepVersion(writer.snapshot(2), { name, author: 'ada', createdAt })
    assert.equal(await keepAt('as it was', 1_700_000_000_000), 'written')
    assert.equal(await keepAt('renamed', 1_600_000_000_000), 'written')
    const versions = (await store.listVersions('a', { limit: 10 })).items.map(({ name, createdAt }) => ({ name, createdAt }))
    assert.deepEqual(versions, [{ name: 'renamed', createdAt: 1_700_000_000_000 }])
    await store.dropVersion('a', 2)
    await keepAt('kept anew', 1_650_000_000_000)
    assert.equal((await store.listVersions('a', { limit: 10 })).items[0]?.createdAt, 1_650_000_000_000)
  })

  test('H3: versions are listed newest first, in pages', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(7)
    for (const seq of [5, 1, 7, 3]) await writer.keep(`v${seq}`, seq)
    await writer.save(6)
    const seen: number[] = []
    let before: number | undefined
    for (let page = 0; page < 4; page++) {
      const { items, next } = await store.listVersions('a', { limit: 2, ...(before === undefined ? {} : { before }) })
      seen.push(...items.map((version) => version.seq))
      if (next === null) break
      before = next
    }
    assert.deepEqual(seen, [7, 5, 3, 1])
    assert.deepEqual(await store.listVersions('nobody wrote this', { limit: 2 }), { items: [], next: null })
    assert.equal((await store.listVersions('a', { limit: 4 })).next, null, 'a page that is exactly full is the last')
  })

  test('H3: snapshots that nobody kept are listed where all are asked for, without a name', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(6)
    await writer.save(2)
    await writer.keep('v', 4)
    await writer.save(6)
    const { items, next } = await store.listVersions('a', { limit: 9, which: 'all' })
    assert.deepEqual(
      items.map(({ seq, name, description, author, stateBytes }) => ({ seq, name, description, author, stateBytes })),
      [6, 4, 2].map((seq) => ({
        seq,
        name: seq === 4 ? 'v' : null,
        description: null,
        author: null,
        stateBytes: writer.state(seq).length,
      })),
    )
    assert.ok(items.every(({ createdAt }) => createdAt > 0))
    assert.equal(next, null)
    assert.deepEqual((await store.listVersions('a', { limit: 1, which: 'all', before: 6 })).next, 4)
  })

  test('H3: dropping a version leaves its snapshot', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(3)
    await writer.keep('v', 2)
    assert.equal(await store.dropVersion('a', 2), true)
    assert.equal(await store.dropVersion('a', 2), false)
    assert.equal(await store.dropVersion('a', 3), false)
    assert.equal(await store.dropVersion('nobody wrote this', 1), false)
    assert.deepEqual((await store.listVersions('a', { limit: 10 })).items, [])
    assert.equal((await store.readAt('a', { seq: 2 })).snapshot?.seq, 2)
    writer.check(await store.openDocument('a'))
  })

  test('D6: documents are listed in byte order, by prefix, in pages', async (store) => {
    const ids = ['b', 'a', 'a/2', 'a/10', 'a/1', 'a%', 'a_', 'A', 'é', 'z', '\uffff', '😀', 'a/\uffff', 'a/😀']
    for (const id of ids) await (await Writer.claim(store, id)).appendMany(2)
    const byteOrder = [...ids].sort((a, b) => Buffer.compare(bytesOf(a), bytesOf(b)))
    const all = async (prefix: string | undefined, limit: number) => {
      const found: string[] = []
      let after: string | undefined
      for (;;) {
        const page = await store.listDocuments({
          limit,
          ...(prefix === undefined ? {} : { prefix }),
          ...(after === undefined ? {} : { after }),
        })
        assert.ok(page.items.length <= limit)
        found.push(...page.items.map((item) => item.documentId))
        if (page.next === null) return found
        after = page.next
      }
    }
    assert.deepEqual(await all(undefined, 100), byteOrder)
    assert.deepEqual(await all(undefined, 3), byteOrder)
    assert.deepEqual(await all('a/', 1), ['a/1', 'a/10', 'a/2', 'a/\uffff', 'a/😀'])
    assert.deepEqual(await all('a%', 5), ['a%'])
    assert.deepEqual(await all('😀', 5), ['😀'])
    assert.deepEqual(await all('nothing begins so', 5), [])
    assert.equal((await store.listDocuments({ prefix: 'a/', limit: 5 })).next, null, 'a page that is exactly full is the last')
    const [info] = (await store.listDocuments({ prefix: 'b', limit: 1 })).items
    const committedAt = (await store.readLog('b', 1, 2, 1000))?.[0]?.committedAt
    assert.deepEqual(info, { documentId: 'b', head: 2, updatedAt: committedAt })
  })

  test('D6: a cursor that lies outside the prefix does not widen it', async (store) => {
    for (const id of ['a', 'b/1', 'b/2', 'c']) await (await Writer.claim(store, id)).appendMany(1)
    const page = await store.listDocuments({ prefix: 'b/', after: 'a', limit: 10 })
    assert.deepEqual(
      page.items.map((item) => item.documentId),
      ['b/1', 'b/2'],
    )
    assert.deepEqual((await store.listDocuments({ prefix: 'b/', after: 'c', limit: 10 })).items, [])
  })

  test('D6: a deleted document is gone with its history, and a new life has its own incarnation', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(5)
    const neighbour = await (await Writer.claim(store, 'a/b')).appendMany(2)
    await writer.save(3)
    await writer.keep('v', 4)
    assert.equal(await store.deleteDocument('a', writer.fence), 'written')
    assert.deepEqual(await store.openDocument('a'), { incarnation: null, snapshot: null, tail: [], head: 0, quarantine: null })
    assert.deepEqual((await store.listVersions('a', { limit: 5 })).items, [])
    assert.deepEqual(
      (await store.listDocuments({ limit: 5 })).items.map((item) => item.documentId),
      ['a/b'],
    )
    await rejectsWith('no-such-document', store.readAt('a', { seq: 4 }))
    assert.equal(await store.deleteDocument('a', writer.fence), 'written', 'deleting again is harmless')
    await rejectsWith('document-corrupt', store.append([writer.entry(bytesOf('a late row of the old life'))]))

    const reborn = await Writer.claim(store, 'a', { incarnation: 'life-2', claimant: nodeB })
    await reborn.appendMany(2)
    reborn.check(await store.openDocument('a'))
    assert.deepEqual(await store.listVersions('a', { limit: 5 }), { items: [], next: null })
    const stale = new Writer(store, 'a', reborn.fence, 'life-1')
    assert.equal((await store.append([stale.entry(bytesOf('x'), 3)])).fencedShards.size, 1)
    reborn.check(await store.openDocument('a'))
    neighbour.check(await store.openDocument('a/b'))
  })

  test('O1: a takeover sees everything the old owner was told is durable', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(5)
    await writer.save(2)
    const next = new Writer(store, 'a', await takeFence(store, 'a', nodeB), writer.incarnation)
    next.updates.push(...writer.updates)
    next.check(await store.openDocument('a'))
    await next.appendMany(2)
    const read = await store.openDocument('a')
    next.check(read)
    assert.deepEqual(
      read.tail.map((row) => row.epoch),
      [1, 1, 1, 2, 2],
    )
  })
}

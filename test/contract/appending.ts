// The store contract: appending rows, and what a reader then finds.
import assert from 'node:assert/strict'
import { bytesOf, type ContractTest, idsInDistinctShards, nodeB, rejectsWith, sameBytes, takeFence, Writer } from './fixture.js'

export function appendingContract(test: ContractTest): void {
  test('D4: a document that was never written is empty, without incarnation', async (store) => {
    assert.deepEqual(await store.openDocument('nobody wrote this'), {
      incarnation: null,
      snapshot: null,
      tail: [],
      head: 0,
      quarantine: null,
    })
    assert.deepEqual(await store.readLog('nobody wrote this', 0, 10, 1000), [])
  })

  test('D1 D5: appended rows are read back in order, whole, with epoch and commit time', async (store) => {
    const writer = await Writer.claim(store, 'a')
    await writer.append(new Uint8Array([0, 0]))
    await writer.append(new Uint8Array())
    await writer.append(Uint8Array.from({ length: 200_000 }, (_, index) => index % 251))
    const read = await store.openDocument('a')
    writer.check(read)
    assert.deepEqual(
      read.tail.map((row) => row.update.length),
      [2, 0, 200_000],
    )
    assert.deepEqual(new Set(read.tail.map((row) => row.epoch)), new Set([writer.fence.epoch]))
    const times = read.tail.map((row) => row.committedAt)
    assert.ok(
      times.every((time, index) => Number.isFinite(time) && time >= (times[index - 1] ?? 1)),
      `commit times do not fall: ${times}`,
    )
  })

  test('the store keeps its own copy of what it is given', async (store) => {
    const writer = await Writer.claim(store, 'a')
    const update = bytesOf('as it was when appended')
    const appended = store.append([writer.entry(update)])
    await appended
    writer.updates.push(update.slice())
    const state = writer.state()
    await store.saveSnapshot({ ...writer.snapshot(), state })
    update.fill(0)
    state.fill(0)
    writer.check(await store.openDocument('a'))
    assert.ok(sameBytes((await store.readLog('a', 0, 1, 100))?.[0]?.update ?? new Uint8Array(), writer.state()))
  })

  test('D1 D3: everything that was acknowledged is there after closing and opening again', async (store, underTest) => {
    if (underTest.reopen === undefined) return
    const writer = await (await Writer.claim(store, 'a')).appendMany(5)
    await writer.save(3)
    await writer.keep('kept', 2)
    const again = await underTest.reopen()
    writer.check(await again.openDocument('a'))
    assert.equal((await again.listVersions('a', { limit: 10 })).items[0]?.name, 'kept')
    assert.deepEqual(await again.readOwnership(), [{ shard: writer.fence.shard, epoch: 1, owner: { nodeId: 'node-a', boot: 'boot-a' } }])
    const next = new Writer(again, 'a', await takeFence(again, 'a', nodeB), writer.incarnation)
    next.updates.push(...writer.updates)
    assert.equal(next.fence.epoch, 2)
    await next.appendMany(1)
    next.check(await again.openDocument('a'))
  })

  test('D1: a batch of many documents commits as one', async (store) => {
    const ids = idsInDistinctShards(100)
    const writers = await Promise.all(ids.map((id) => Writer.claim(store, id)))
    const { fencedShards } = await store.append(writers.map((writer) => writer.entry(bytesOf(writer.documentId))))
    assert.equal(fencedShards.size, 0)
    for (const writer of writers) {
      writer.updates.push(bytesOf(writer.documentId))
      writer.check(await store.openDocument(writer.documentId))
    }
  })

  test('an empty batch is a batch', async (store) => {
    assert.equal((await store.append([])).fencedShards.size, 0)
  })

  test('D6: repeating a batch after an unknown outcome counts as written, once', async (store) => {
    const [first, second] = idsInDistinctShards(2)
    assert.ok(first !== undefined && second !== undefined)
    const a = await (await Writer.claim(store, first)).appendMany(1)
    const b = await Writer.claim(store, second)
    const both = [a.entry(bytesOf('two')), b.entry(bytesOf('one'))]
    // The first try wrote only a part as far as the caller knows; the repeat has both.
    await store.append(both.slice(0, 1))
    for (let repeat = 0; repeat < 2; repeat++) assert.equal((await store.append(both)).fencedShards.size, 0)
    a.updates.push(bytesOf('two'))
    b.updates.push(bytesOf('one'))
    a.check(await store.openDocument(first))
    b.check(await store.openDocument(second))
    await a.appendMany(1)
    assert.equal((await store.append(both)).fencedShards.size, 0, 'also when later rows followed')
    a.check(await store.openDocument(first))
  })

  test('O1: a seq that another row has taken fences the shard', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(2)
    const { fencedShards } = await store.append([writer.entry(bytesOf('something else'), 2)])
    assert.deepEqual([...fencedShards], [writer.fence.shard])
    writer.check(await store.openDocument('a'))
  })

  test('O1: the same bytes at the same seq under another epoch are another row', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(1)
    const [update] = writer.updates
    assert.ok(update !== undefined)
    writer.fence = await takeFence(store, 'a', nodeB)
    const { fencedShards } = await store.append([writer.entry(update, 1)])
    assert.deepEqual([...fencedShards], [writer.fence.shard])
  })

  test('O1: another incarnation fences the shard, for rows and for snapshots', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(2)
    const stranger = new Writer(store, 'a', writer.fence, 'another life')
    const { fencedShards } = await store.append([stranger.entry(bytesOf('x'), 3)])
    assert.deepEqual([...fencedShards], [writer.fence.shard])
    assert.equal(await store.saveSnapshot({ ...writer.snapshot(), incarnation: 'another life' }), 'fenced')
    writer.check(await store.openDocument('a'))
  })

  test('D5: a batch with an entry that would leave a gap is refused as a whole', async (store) => {
    const [first, second] = idsInDistinctShards(2)
    assert.ok(first !== undefined && second !== undefined)
    const a = await (await Writer.claim(store, first)).appendMany(1)
    const b = await Writer.claim(store, second)
    await rejectsWith('document-corrupt', store.append([b.entry(bytesOf('fine')), a.entry(bytesOf('gap'), 3)]))
    await rejectsWith('document-corrupt', store.append([b.entry(bytesOf('gap'), 2)]))
    await assert.rejects(store.append([a.entry(bytesOf('gap'), 3)]), (error: Error) => error.message.includes(first))
    a.check(await store.openDocument(first))
    assert.equal((await store.openDocument(second)).head, 0)
    await b.appendMany(1)
  })

  test('D5: concurrent appends to many documents lose and mix up nothing', async (store) => {
    const writers = await Promise.all(idsInDistinctShards(20).map((id) => Writer.claim(store, id)))
    await Promise.all(writers.map((writer) => writer.appendMany(15)))
    for (const writer of writers) writer.check(await store.openDocument(writer.documentId))
  })

  test('D5: of concurrent appends at one seq exactly one is written', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(1)
    const answers = await Promise.all([1, 2, 3, 4].map((n) => store.append([writer.entry(bytesOf(`rival ${n}`))])))
    const written = answers.flatMap((answer, index) => (answer.fencedShards.size === 0 ? [index + 1] : []))
    assert.equal(written.length, 1)
    writer.updates.push(bytesOf(`rival ${written[0]}`))
    writer.check(await store.openDocument('a'))
  })

  test('D7: a probe shows that the store takes writes, and belongs to no document', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(2)
    for (let time = 0; time < 2; time++) await store.probe()
    writer.check(await store.openDocument('a'))
    assert.deepEqual(
      (await store.listDocuments({ limit: 5 })).items.map(({ documentId }) => documentId),
      ['a'],
    )
  })

  test('D5: a read that runs beside appends is one consistent cut', async (store) => {
    const writer = await Writer.claim(store, 'a')
    const appending = (async () => {
      for (let round = 0; round < 10; round++) {
        await writer.appendMany(4)
        await writer.save()
        await store.prune('a', { logWindowMs: 0, hourlySnapshots: 0, dailySnapshots: 0 })
      }
    })()
    let done = false
    const finished = appending.finally(() => {
      done = true
    })
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve))
      const read = await store.openDocument('a')
      if (read.head === 0) continue
      const known = new Writer(store, 'a', writer.fence, writer.incarnation)
      for (let seq = 1; seq <= read.head; seq++) known.updates.push(bytesOf(`a ${seq};`))
      known.check(read)
    }
    await finished
    writer.check(await store.openDocument('a'))
  })

  test('D5: ids of any kind are told apart: Unicode, slashes, zero bytes, prefixes of one another, 512 bytes', async (store) => {
    const ids = [
      'a',
      'a/',
      'a/b',
      'a\u0000',
      'a\u0000b',
      ' ',
      'ä',
      'é',
      'e\u0301',
      '文書/今日',
      '𝒳',
      '\uffff',
      '%',
      '_',
      "'",
      '\\',
      'x'.repeat(512),
      '😀'.repeat(128),
    ]
    const writers = []
    for (const id of ids) {
      const writer = await Writer.claim(store, id, { incarnation: `life of ${id.slice(0, 8).replaceAll('\u0000', '0')}` })
      writers.push(await writer.appendMany(2))
      await writer.save(1)
      await writer.keep('v', 2)
    }
    for (const writer of writers) {
      writer.check(await store.openDocument(writer.documentId))
      writer.check(await store.readAt(writer.documentId, { seq: 1 }), 1)
      assert.equal((await store.listVersions(writer.documentId, { limit: 5 })).items.length, 1)
    }
  })

  test('D6: a snapshot of 64 MiB and its tail are read back whole', async (store) => {
    const writer = await (await Writer.claim(store, 'large')).appendMany(1)
    const state = new Uint8Array(64 * 1024 * 1024 + 1)
    for (let index = 0; index < state.length; index += 4093) state[index] = index
    assert.equal(await store.saveSnapshot({ ...writer.snapshot(), state }), 'written')
    await writer.appendMany(1)
    const read = await store.openDocument('large')
    assert.ok(read.snapshot !== null && sameBytes(read.snapshot.state, state))
    assert.deepEqual(
      read.tail.map((row) => row.seq),
      [2],
    )
  })

  test('after close everything is refused with store-unavailable, and close may be repeated', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(1)
    await Promise.all([store.close(), store.close()])
    await store.close()
    const policy = { logWindowMs: 0, hourlySnapshots: 0, dailySnapshots: 0 }
    const calls: (() => Promise<unknown>)[] = [
      () => store.readOwnership(),
      () => store.claimShards(nodeB, [{ shard: 1, epoch: 0 }]),
      () => store.releaseShards(nodeB, [{ shard: 1, epoch: 1 }]),
      () => store.append([writer.entry(bytesOf('x'))]),
      () => store.append([]),
      () => store.openDocument('a'),
      () => store.readLog('a', 0, 1, 100),
      () => store.saveSnapshot(writer.snapshot()),
      () => store.readAt('a', { seq: 1 }),
      () => store.listDocuments({ limit: 1 }),
      () => store.listVersions('a', { limit: 1 }),
      () => writer.keep('v'),
      () => store.dropVersion('a', 1),
      () => store.deleteDocument('a', writer.fence),
      () => store.prune('a', policy),
      () => store.saveQuarantine(writer.quarantine(1, 'made up')),
      () => store.liftQuarantine('a'),
      () => store.probe(),
    ]
    for (const call of calls) await rejectsWith('store-unavailable', call())
  })

  test('D1: close waits for the appends that run', async (store, underTest) => {
    if (underTest.reopen === undefined) return
    const writer = await Writer.claim(store, 'a')
    const outcome = store.append([writer.entry(bytesOf('just in time'))]).then(
      () => 'written',
      () => 'rejected',
    )
    await store.close()
    const again = await underTest.reopen()
    const read = await again.openDocument('a')
    if ((await outcome) === 'written') assert.equal(read.head, 1)
  })
}

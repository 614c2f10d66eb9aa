// The store contract: pruning removes what nobody needs and nothing else (H3), checked by cases and by a seeded random history against a model.
import assert from 'node:assert/strict'
import { seededRandom } from '../../core/random.js'
import { bytesOf, type ContractTest, keepNothing, rejectsWith, Writer } from './fixture.js'

const HOUR_MS = 3_600_000

export function pruningContract(test: ContractTest): void {
  test('H3: pruning truncates the log to the second-newest snapshot, not to the newest', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(10)
    await writer.save(3)
    await writer.save(6)
    await writer.save(9)
    assert.deepEqual(await store.prune('a', keepNothing), { logRowsRemoved: 6, snapshotsRemoved: 1 })
    writer.check(await store.openDocument('a'))
    for (const seq of [6, 7, 8, 9, 10]) writer.check(await store.readAt('a', { seq }), seq)
    for (const seq of [1, 3, 5]) await rejectsWith('document-corrupt', store.readAt('a', { seq }))
    assert.deepEqual(await store.prune('a', keepNothing), { logRowsRemoved: 0, snapshotsRemoved: 0 }, 'pruning again finds nothing')
    await writer.appendMany(2)
    writer.check(await store.openDocument('a'))
  })

  test('H3: with one snapshot, or none, the whole log stays', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(4)
    assert.deepEqual(await store.prune('a', keepNothing), { logRowsRemoved: 0, snapshotsRemoved: 0 })
    await writer.save(3)
    assert.deepEqual(await store.prune('a', keepNothing), { logRowsRemoved: 0, snapshotsRemoved: 0 })
    for (let seq = 1; seq <= 4; seq++) writer.check(await store.readAt('a', { seq }), seq)
    assert.deepEqual(await store.prune('nobody wrote this', keepNothing), { logRowsRemoved: 0, snapshotsRemoved: 0 })
  })

  test('H3: the window holds on to the log, however many snapshots there are', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(6)
    for (const seq of [2, 4, 6]) await writer.save(seq)
    await store.prune('a', { ...keepNothing, logWindowMs: HOUR_MS })
    for (let seq = 1; seq <= 6; seq++) writer.check(await store.readAt('a', { seq }), seq)
    assert.deepEqual((await store.readLog('a', 0, 6, 1000))?.length, 6)
  })

  test('H1, H3: a node whose clock is days ahead, or behind, prunes nothing of the window', async (store, { setClockWrong }) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(6)
    for (const seq of [2, 4, 6]) await writer.save(seq)
    for (const days of [30, -30, 4000]) {
      setClockWrong(days * 24 * HOUR_MS)
      const { logRowsRemoved } = await store.prune('a', { ...keepNothing, logWindowMs: 7 * 24 * HOUR_MS })
      assert.equal(logRowsRemoved, 0)
    }
    for (let seq = 1; seq <= 6; seq++) writer.check(await store.readAt('a', { seq }), seq)
    setClockWrong(0)
    assert.deepEqual(await store.prune('a', keepNothing), { logRowsRemoved: 4, snapshotsRemoved: 0 })
  })

  test('H1, H3: a node that starts while its clock is days ahead prunes nothing of the window', async (store, {
    reopen,
    setClockWrong,
  }) => {
    if (reopen === undefined) return
    const writer = await (await Writer.claim(store, 'a')).appendMany(6)
    for (const seq of [2, 4, 6]) await writer.save(seq)
    setClockWrong(8 * 24 * HOUR_MS)
    for (let start = 1; start <= 3; start++) {
      const reopened = await reopen()
      const { logRowsRemoved } = await reopened.prune('a', { ...keepNothing, logWindowMs: 7 * 24 * HOUR_MS })
      assert.equal(logRowsRemoved, 0)
      for (let seq = 1; seq <= 6; seq++) writer.check(await reopened.readAt('a', { seq }), seq)
    }
    setClockWrong(0)
    assert.deepEqual(await (await reopen()).prune('a', keepNothing), { logRowsRemoved: 4, snapshotsRemoved: 0 })
  })

  test('H3: rows that were written while the clock was days ahead make nothing before them older', async (store, { setClockWrong }) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(3)
    setClockWrong(30 * 24 * HOUR_MS)
    await writer.appendMany(3)
    for (const seq of [2, 4, 6]) await writer.save(seq)
    setClockWrong(0)
    await writer.appendMany(1)
    const rows = (await store.readLog('a', 0, 7, 1_000_000)) ?? []
    for (const [index, row] of rows.entries()) assert.ok(row.committedAt >= (rows[index - 1]?.committedAt ?? 0), 'commit times do not fall')
    const { logRowsRemoved } = await store.prune('a', { ...keepNothing, logWindowMs: 7 * 24 * HOUR_MS })
    assert.equal(logRowsRemoved, 0)
    for (let seq = 1; seq <= 7; seq++) writer.check(await store.readAt('a', { seq }), seq)
  })

  test('H3: readLog says when the log no longer reaches back', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(8)
    await writer.save(4)
    await writer.save(7)
    await store.prune('a', keepNothing)
    assert.equal(await store.readLog('a', 0, 8, 1000), null)
    assert.equal(await store.readLog('a', 3, 8, 1000), null)
    assert.equal(await store.readLog('a', 3, 4, 1000), null)
    assert.deepEqual(
      (await store.readLog('a', 4, 8, 1000))?.map((row) => row.seq),
      [5, 6, 7, 8],
    )
  })

  test('H3: a version outlives pruning, alone at its seq, until it is dropped', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(9)
    await writer.keep('release', 2, 'ada')
    for (const seq of [4, 6, 8]) await writer.save(seq)
    await store.prune('a', keepNothing)
    writer.check(await store.readAt('a', { seq: 2 }), 2)
    assert.equal((await store.listVersions('a', { limit: 5 })).items[0]?.name, 'release')
    await store.dropVersion('a', 2)
    assert.deepEqual(await store.prune('a', keepNothing), { logRowsRemoved: 0, snapshotsRemoved: 1 })
    await rejectsWith('document-corrupt', store.readAt('a', { seq: 2 }))
    writer.check(await store.openDocument('a'))
  })

  test('O1: an entry whose seq was pruned fences its shard', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(6)
    await writer.save(4)
    await writer.save(5)
    await store.prune('a', keepNothing)
    assert.equal((await store.append([writer.entry(writer.updates[0] ?? bytesOf('?'), 1)])).fencedShards.size, 1)
    writer.check(await store.openDocument('a'))
  })

  test('H1: a time before what is left of the log means the newest snapshot from before it', async (store) => {
    const writer = await (await Writer.claim(store, 'a')).appendMany(2)
    await writer.keep('early', 2)
    await turnOfTheClock(store, writer)
    for (const seq of [writer.head - 1, writer.head]) await writer.save(seq)
    const early = (await store.readAt('a', { seq: 2 })).snapshot?.savedAt ?? 0
    await store.prune('a', keepNothing)
    writer.check(await store.readAt('a', { time: early }), 2)
    await rejectsWith('document-corrupt', store.readAt('a', { time: 1 }))
  })

  test('H3: random histories, random pruning: what the window, the versions and the fallback need stays', async (store) => {
    const seed = Number(process.env['WEFT_TEST_SEED'] ?? 20_261_122)
    console.log(`seed ${seed} (set WEFT_TEST_SEED to replay another)`)
    const random = seededRandom(seed)
    for (let history = 0; history < 8; history++) await randomHistory(store, `history ${history}`, random)
  })
}

/** Appends until the store's clock has moved on, whatever clock that is; at most a few hundred rows. */
async function turnOfTheClock(store: Writer['store'], writer: Writer): Promise<void> {
  const saved = (await store.readAt(writer.documentId, { seq: writer.head })).snapshot?.savedAt ?? 0
  for (let row = 0; row < 500; row++) {
    await writer.appendMany(1)
    const [last] = (await store.readLog(writer.documentId, writer.head - 1, writer.head, 1)) ?? []
    if (last !== undefined && last.committedAt > saved) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function randomHistory(store: Writer['store'], documentId: string, random: ReturnType<typeof seededRandom>): Promise<void> {
  const writer = await Writer.claim(store, documentId)
  const committedAt: number[] = [0]
  const versions = new Set<number>()
  let readableFrom = 1
  for (let step = 0; step < 40; step++) {
    const roll = random.below(10)
    if (roll < 5 || writer.head === 0) {
      await writer.append(random.bytes(1 + random.below(40)))
      const [row] = (await store.readLog(documentId, writer.head - 1, writer.head, 1)) ?? []
      committedAt.push(row?.committedAt ?? 0)
      continue
    }
    const seq = readableFrom + random.below(writer.head - readableFrom + 1)
    if (roll < 7) await writer.save(seq)
    else if (roll === 7) {
      await writer.keep(`v${seq}`, seq)
      versions.add(seq)
    } else if (roll === 8) {
      assert.equal(await store.dropVersion(documentId, seq), versions.delete(seq))
    } else {
      // The window begins about when that row was committed; by how much later, the time that the call takes bounds.
      const intendedStart = (committedAt[1 + random.below(writer.head)] ?? 0) + random.below(3) - 1
      const before = Date.now()
      const policy = { logWindowMs: Math.max(0, before - intendedStart), hourlySnapshots: random.below(2), dailySnapshots: random.below(2) }
      await store.prune(documentId, policy)
      const windowStart = Date.now() - policy.logWindowMs
      readableFrom = Math.max(
        readableFrom,
        committedAt.findLastIndex((time) => time <= windowStart),
        1,
      )
    }
    writer.check(await store.openDocument(documentId))
    for (let point = readableFrom; point <= writer.head; point++) writer.check(await store.readAt(documentId, { seq: point }), point)
    for (const version of versions) writer.check(await store.readAt(documentId, { seq: version }), version)
    const listed = (await store.listVersions(documentId, { limit: 1000 })).items.map((version) => version.seq)
    assert.deepEqual(
      listed,
      [...versions].sort((a, b) => b - a),
    )
  }
}

// The retention policy, by cases and as properties: what it says may go is never what anybody needs (H3).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { planPrune, type SnapshotOutline } from '../../persistence/retention.js'

const HOUR_MS = 3_600_000
const none = { logWindowMs: 0, hourlySnapshots: 0, dailySnapshots: 0 }

const history = fc
  .record({
    gaps: fc.array(
      fc.record({ rows: fc.integer({ min: 1, max: 50 }), ms: fc.integer({ min: 0, max: 40 * HOUR_MS }), kept: fc.boolean() }),
      { maxLength: 30 },
    ),
    seqAtWindowStart: fc.nat({ max: 1500 }),
    hourlySnapshots: fc.nat({ max: 5 }),
    dailySnapshots: fc.nat({ max: 5 }),
  })
  .map(({ gaps, seqAtWindowStart, ...counts }) => {
    const snapshots: SnapshotOutline[] = []
    let seq = 0
    let savedAt = 1_700_000_000_000
    for (const gap of gaps) {
      seq += gap.rows
      savedAt += gap.ms
      snapshots.push({ seq, savedAt, kept: gap.kept })
    }
    return { outline: { snapshots, seqAtWindowStart }, policy: { ...none, ...counts } }
  })

test('H3: whatever goes, every seq of the window has a snapshot or the beginning of the log below it', () => {
  fc.assert(
    fc.property(history, ({ outline, policy }) => {
      const plan = planPrune(outline, policy)
      const left = outline.snapshots.filter((snapshot) => !plan.removeSnapshots.includes(snapshot.seq))
      const base = left.findLast((snapshot) => snapshot.seq <= outline.seqAtWindowStart)?.seq ?? 0
      assert.ok(base >= plan.removeLogThrough || plan.removeLogThrough === 0, 'rows from the base of the window on are there')
      assert.ok(plan.removeLogThrough <= Math.max(outline.seqAtWindowStart, 0))
    }),
  )
})

test('H3: the two newest snapshots stay, and the log reaches back to the older one', () => {
  fc.assert(
    fc.property(history, ({ outline, policy }) => {
      const plan = planPrune(outline, policy)
      for (const snapshot of outline.snapshots.slice(-2)) assert.ok(!plan.removeSnapshots.includes(snapshot.seq))
      assert.ok(plan.removeLogThrough <= (outline.snapshots.at(-2)?.seq ?? 0))
    }),
  )
})

test('H3: versions stay', () => {
  fc.assert(
    fc.property(history, ({ outline, policy }) => {
      const removed = new Set(planPrune(outline, policy).removeSnapshots)
      for (const snapshot of outline.snapshots) if (snapshot.kept) assert.ok(!removed.has(snapshot.seq))
    }),
  )
})

test('H3: pruning twice removes nothing more', () => {
  fc.assert(
    fc.property(history, ({ outline, policy }) => {
      const plan = planPrune(outline, policy)
      const snapshots = outline.snapshots.filter((snapshot) => !plan.removeSnapshots.includes(snapshot.seq))
      assert.deepEqual(planPrune({ ...outline, snapshots }, policy), { ...plan, removeSnapshots: [] })
    }),
  )
})

test('H3: one snapshot an hour and one a day are kept, the newest of each, as many as asked for', () => {
  const snapshots = Array.from({ length: 24 * 10 * 2 }, (_, half) => ({ seq: half + 1, savedAt: half * (HOUR_MS / 2), kept: false }))
  const outline = { snapshots, seqAtWindowStart: 10_000 }
  const left = (policy: { hourlySnapshots: number; dailySnapshots: number }) => {
    const removed = new Set(planPrune(outline, { ...none, ...policy }).removeSnapshots)
    return snapshots.filter((snapshot) => !removed.has(snapshot.seq)).map((snapshot) => snapshot.seq)
  }
  assert.deepEqual(left({ hourlySnapshots: 0, dailySnapshots: 0 }), [479, 480])
  assert.deepEqual(left({ hourlySnapshots: 3, dailySnapshots: 0 }), [476, 478, 479, 480])
  assert.deepEqual(left({ hourlySnapshots: 0, dailySnapshots: 3 }), [384, 432, 479, 480])
  assert.equal(left({ hourlySnapshots: 24, dailySnapshots: 30 }).length, 24 + 9 + 1)
})

// The pace of documents and of the process: pure functions, a document's spending, and what the event loop has to spare.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { EventLoopLoad } from '../../server/document/event-loop-load.js'
import { defaultTuning } from '../../server/document/tuning.js'
import { commitPeriodMs, DocumentPace, documentPeriodMs, RowRate } from '../../server/document/view/pace.js'
import { ManualClock } from '../helpers/manual-clock.js'

const period = (sessions: number): number => documentPeriodMs(sessions, defaultTuning)

/** When broadcasts leave of edits that come at these times, in milliseconds, to so many sessions. */
function broadcasts(editsAt: readonly number[], sessions: number, busy: number): readonly number[] {
  const pace = new DocumentPace()
  const left: number[] = []
  for (const editAt of editsAt) {
    if (editAt <= (left.at(-1) ?? -1)) continue
    const dueAt = pace.dueAt(editAt, sessions, defaultTuning)
    pace.broadcast(dueAt, sessions, defaultTuning, busy)
    left.push(dueAt)
  }
  return left
}

const every = (ms: number, count: number): readonly number[] => Array.from({ length: count }, (_, index) => index * ms)

test('a few sessions are served at once, a crowd every 16 ms rising to 42 ms at most', () => {
  assert.deepEqual([0, 1, 7].map(period), [0, 0, 0])
  const periods = [8, 50, 100, 200, 10_000].map(period)
  assert.ok(periods.every((period, index) => period >= 16 && period <= 42 && period >= (periods[index - 1] ?? 0)))
  assert.equal(periods.at(-1), 42)
})

test('a quiet room is served at once while the process has time to spare, and at its pace when it has none', () => {
  const edits = every(50, 40)
  assert.deepEqual(broadcasts(edits, 100, 0), edits)
  const paced = broadcasts(every(5, 400), 100, 1)
  const gaps = paced.slice(1).map((at, index) => at - (paced[index] ?? 0))
  assert.ok(
    gaps.every((gap) => gap > period(100) - 0.001 && gap < period(100) + 5),
    `${gaps}`,
  )
})

test('a busy room keeps its pace, however much time the process has, and is served at once again after a pause', () => {
  const busy = broadcasts(every(1, 5_000), 250, 0)
  const gaps = busy.slice(1).map((at, index) => at - (busy[index] ?? 0))
  assert.ok(
    gaps.slice(5).every((gap) => gap > period(250) - 0.001),
    `${gaps.slice(0, 10)}`,
  )
  const pause = 5_300
  assert.equal(broadcasts([...every(1, 5_000), pause], 250, 0).at(-1), pause)
})

test('nobody waits longer than the period of the room', () => {
  for (const busy of [0, 0.5, 0.9, 1])
    for (const sessions of [8, 50, 250, 1_000]) {
      const left = broadcasts(every(1, 3_000), sessions, busy)
      assert.ok(left.slice(1).every((at, index) => at - (left[index] ?? 0) <= period(sessions) + 1))
    }
})

test('commits run at once while rows are few, or there is time to spare and the store answers at once', () => {
  assert.equal(commitPeriodMs(100, 1, 10), 0)
  assert.equal(commitPeriodMs(2_000, 0, 0), 0)
})

test('commits run every 2 ms rising to 5 ms in a busy process, and no oftener than a slow store lets others have its time', () => {
  const periods = [150, 500, 1_000, 1e6].map((rows) => commitPeriodMs(rows, 1, 0))
  assert.ok(periods.every((period, index) => period >= 2 && period <= 5 && period >= (periods[index - 1] ?? 0)))
  assert.equal(periods.at(-1), 5)
  assert.equal(commitPeriodMs(2_000, 0, 1), 2)
  assert.equal(commitPeriodMs(2_000, 0, 100), 5)
  assert.equal(commitPeriodMs(2_000, 0.5, 0), 2.5)
})

test('a process is busy by what its event loop lately did of the time', () => {
  const clock = new ManualClock()
  let activeMs = 0
  const load = new EventLoopLoad(clock, (since) => {
    const [active, idle] = [activeMs - (since?.active ?? 0), clock.monotonic() - activeMs - (since?.idle ?? 0)]
    return { active, idle, utilization: active + idle === 0 ? 0 : active / (active + idle) }
  })
  const pass = async (ms: number, share: number): Promise<number> => {
    for (let passed = 0; passed < ms; passed += 20) {
      await clock.advance(20)
      activeMs += 20 * share
      load.busyness()
    }
    return load.busyness()
  }
  return (async () => {
    assert.equal(await pass(1_000, 0.2), 0)
    const some = await pass(1_000, 0.5)
    assert.ok(some > 0.3 && some < 0.6, `${some}`)
    assert.ok((await pass(1_000, 0.95)) > 0.99)
    // After a long quiet time the next look is not held up by what was before.
    await clock.advance(60_000)
    assert.equal(load.busyness(), 0)
  })()
})

test('the rate of rows settles at what comes in, whether in many commits or few, and falls off when nothing does', () => {
  for (const [rows, everyMs] of [
    [1, 2],
    [10, 20],
  ] as const) {
    const rate = new RowRate()
    for (let now = 0; now < 5_000; now += everyMs) rate.record(rows, now)
    assert.ok(Math.abs(rate.perSecond(5_000) - 500) < 30, `${rate.perSecond(5_000)}`)
    assert.ok(rate.perSecond(8_000) < 5)
  }
})

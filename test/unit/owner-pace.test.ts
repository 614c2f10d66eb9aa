// The pace of documents and of the process: pure functions, and a rate that decays.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { defaultTuning } from '../../server/document/tuning.js'
import { commitPeriodMs, documentPeriodMs, RowRate } from '../../server/document/view/pace.js'

const period = (sessions: number): number => documentPeriodMs(sessions, defaultTuning)

test('a few sessions are served at once, a crowd every 16 ms rising to 42 ms', () => {
  assert.deepEqual([0, 1, 7].map(period), [0, 0, 0])
  const periods = [8, 50, 100, 200, 10_000].map(period)
  assert.ok(periods.every((period, index) => period >= 16 && period <= 42 && period >= (periods[index - 1] ?? 0)))
  assert.equal(periods.at(-1), 42)
})

test('commits of the process run at once when quiet, and every 2 ms rising to 5 ms under load', () => {
  assert.equal(commitPeriodMs(100), 0)
  const periods = [150, 500, 1_000, 1e6].map(commitPeriodMs)
  assert.ok(periods.every((period, index) => period >= 2 && period <= 5 && period >= (periods[index - 1] ?? 0)))
  assert.equal(periods.at(-1), 5)
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

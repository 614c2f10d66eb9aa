// What a store believes of a clock that jumps, when it decides what is old enough to be removed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../core/random.js'
import { type KeptTime, StoreTime, UNKNOWN_TIME } from '../../persistence/store-time.js'

const HOUR_MS = 3_600_000

class SetClock {
  wallMs = 1_000_000 * HOUR_MS
  uptimeMs = 5

  now(): number {
    return this.wallMs
  }

  monotonic(): number {
    return this.uptimeMs
  }

  pass(ms: number): void {
    this.wallMs += ms
    this.uptimeMs += ms
  }
}

function startOf(clock: SetClock, kept: KeptTime | null = null): StoreTime {
  return new StoreTime({ ...unused, now: () => clock.now(), monotonic: () => clock.monotonic() }, kept)
}

const unused = {
  after: (): never => assert.fail('no timers'),
  soon: (): never => assert.fail('no timers'),
}

test('H3: time passes as it does, and small adjustments of the clock are followed', () => {
  const clock = new SetClock()
  const time = startOf(clock)
  assert.equal(time.credible(), clock.wallMs)
  clock.pass(100 * HOUR_MS)
  clock.wallMs += 5_000
  assert.equal(time.credible(), clock.wallMs)
  clock.wallMs -= 20_000
  assert.equal(time.credible(), clock.wallMs)
})

test('H3: a clock that jumps ahead is believed when it has stayed there for a day, one that goes back at once', () => {
  const clock = new SetClock()
  const time = startOf(clock)
  const begin = clock.wallMs
  clock.wallMs += 500 * HOUR_MS
  assert.equal(time.credible(), begin)
  clock.pass(23 * HOUR_MS)
  assert.equal(time.credible(), begin + 23 * HOUR_MS)
  clock.pass(2 * HOUR_MS)
  assert.equal(time.credible(), clock.wallMs)
  clock.wallMs -= 500 * HOUR_MS
  assert.equal(time.credible(), clock.wallMs)
})

test('H3: a clock that was wrong for a while is believed again as soon as it is right', () => {
  const clock = new SetClock()
  const time = startOf(clock)
  for (const wrongMs of [-700 * HOUR_MS, 700 * HOUR_MS]) {
    clock.wallMs += wrongMs
    assert.ok(time.credible() <= clock.wallMs - Math.max(0, wrongMs))
    clock.wallMs -= wrongMs
    clock.pass(HOUR_MS)
    assert.equal(time.credible(), clock.wallMs)
  }
})

test('H3: a clock that jumps ahead again and again is believed one jump after the other, a day after each', () => {
  const clock = new SetClock()
  const time = startOf(clock)
  const begin = clock.wallMs
  for (let jump = 1; jump <= 10; jump++) {
    clock.wallMs += 10 * HOUR_MS
    time.credible()
    clock.pass(20 * HOUR_MS)
    assert.equal(time.credible(), begin + 20 * jump * HOUR_MS + 10 * (jump - 1) * HOUR_MS)
  }
})

test('H3: whoever starts with a clock that is days ahead of what was written down believes it after a day of work, over restarts', () => {
  const clock = new SetClock()
  let time = startOf(clock)
  const begin = clock.wallMs
  const restart = (downMs: number): void => {
    const kept = JSON.parse(JSON.stringify(time.kept()))
    clock.wallMs += downMs
    clock.uptimeMs = 3
    time = startOf(clock, kept)
  }
  restart(30_000)
  assert.equal(time.credible(), clock.wallMs, 'a restart is no doubt')
  const before = clock.wallMs
  restart(200 * HOUR_MS)
  assert.equal(time.credible(), before)
  clock.pass(9 * HOUR_MS)
  restart(15 * HOUR_MS)
  clock.pass(9 * HOUR_MS)
  assert.equal(time.credible(), before + 18 * HOUR_MS)
  restart(15 * HOUR_MS)
  clock.pass(9 * HOUR_MS)
  assert.equal(time.credible(), clock.wallMs - 30 * HOUR_MS, 'the first was believed; two nights are not yet')
  assert.ok(time.credible() > begin)
})

test('H3: a start with a clock that is days ahead, and right at the next one, believes nothing of it', () => {
  const clock = new SetClock()
  const first = startOf(clock)
  clock.wallMs += 200 * HOUR_MS
  const wrong = startOf(clock, first.kept())
  clock.pass(20 * HOUR_MS)
  wrong.credible()
  clock.wallMs -= 200 * HOUR_MS
  const right = startOf(clock, wrong.kept())
  assert.equal(right.credible(), clock.wallMs)
  clock.pass(HOUR_MS)
  assert.equal(right.credible(), clock.wallMs)
  assert.deepEqual(right.kept().doubts, [])
})

test('H3: time that is unknown is believed after a day, and until then nothing is old', () => {
  const clock = new SetClock()
  const time = startOf(clock, UNKNOWN_TIME)
  assert.equal(time.credible(), 0)
  clock.pass(25 * HOUR_MS)
  assert.equal(time.credible(), clock.wallMs)
})

test('H3: random clocks and restarts: credible time is never later than the clock, and nothing is forgotten of what it showed', () => {
  const random = seededRandom(7)
  for (let run = 0; run < 200; run++) {
    const clock = new SetClock()
    let time = startOf(clock)
    for (let step = 0; step < 200; step++) {
      const kind = random.below(4)
      if (kind === 0) clock.wallMs += (random.below(400) - 200) * HOUR_MS
      if (kind === 1) time = startOf(clock, JSON.parse(JSON.stringify(time.kept())))
      clock.pass(random.below(20) * HOUR_MS)
      const { believedMs, doubts } = time.kept()
      assert.ok(time.credible() <= clock.wallMs)
      assert.ok(doubts.length <= 64)
      const shown = doubts.reduce((sum, { ms }) => sum + ms, believedMs)
      assert.ok(Math.abs(shown - clock.wallMs) < 60_000, 'beliefs and doubts together are the clock')
      for (const { ageMs } of doubts) assert.ok(ageMs < 24 * HOUR_MS)
    }
  }
})

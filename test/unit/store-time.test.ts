// What a store believes of a clock that jumps, when it decides what is old enough to be removed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreTime } from '../../persistence/store-time.js'

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

function startOf(clock: SetClock): StoreTime {
  return new StoreTime({ ...unused, now: () => clock.now(), monotonic: () => clock.monotonic() })
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

test('H3: a clock that jumps ahead again and again is not believed', () => {
  const clock = new SetClock()
  const time = startOf(clock)
  const begin = clock.wallMs
  for (let jump = 1; jump <= 10; jump++) {
    clock.wallMs += 10 * HOUR_MS
    clock.pass(20 * HOUR_MS)
    assert.equal(time.credible(), begin + 20 * jump * HOUR_MS)
  }
})

// The heartbeat on a clock that stands still: when it pings, whom it gives up, and whom it does not.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { Heartbeat } from '../../server/transport/heartbeat.js'
import { ManualClock } from '../helpers/manual-clock.js'

function setUp(pongMsMax = 10_000) {
  const clock = new ManualClock()
  const seen = { pings: 0, silentAt: null as number | null }
  const traffic = { waiting: 0, taken: 0 }
  const heartbeat = new Heartbeat({
    clock,
    pingPeriodMs: 25_000,
    pongMsMax,
    ping: () => void seen.pings++,
    traffic: () => ({ ...traffic }),
    silent: () => {
      seen.silentAt = clock.monotonic()
    },
  })
  return { clock, heartbeat, seen, traffic }
}

describe('heartbeat', () => {
  test('G3: a client that answers nothing is given up after 35 s', () => {
    const { clock, seen } = setUp()
    clock.advance(34_999)
    assert.deepEqual(seen, { pings: 1, silentAt: null })
    clock.advance(1)
    assert.equal(seen.silentAt, 35_000)
    assert.equal(clock.timerCount, 0)
  })

  test('G3: after the last sign of life it takes 35 s, whenever that was', () => {
    const { clock, heartbeat, seen } = setUp()
    clock.advance(24_000)
    heartbeat.heard()
    clock.advance(34_999)
    assert.equal(seen.silentAt, null)
    // Its timer is shared with others, and may be some milliseconds late.
    clock.advance(101)
    assert.ok((seen.silentAt ?? 0) >= 59_000)
  })

  test('G3: an answered ping starts the period anew at once, however long the answer might have taken', () => {
    const { clock, heartbeat, seen } = setUp(100_000)
    clock.advance(25_000)
    heartbeat.heard()
    clock.advance(124_999)
    assert.deepEqual(seen, { pings: 2, silentAt: null })
    clock.advance(1)
    assert.equal(seen.silentAt, 150_000)
  })

  test('G3: a process that stood still reads what came meanwhile before it gives anybody up', () => {
    const { clock, heartbeat, seen } = setUp()
    clock.advance(25_000)
    clock.standStill(600_000)
    clock.advance(0)
    assert.equal(seen.silentAt, null)
    heartbeat.heard()
    clock.advance(20_000)
    assert.deepEqual(seen, { pings: 1, silentAt: null })
    clock.advance(20_000)
    assert.notEqual(seen.silentAt, null)
  })

  test('G3: a process that is late for ever gives up who is silent', () => {
    const { clock, seen } = setUp()
    for (let count = 0; count < 10 && seen.silentAt === null; count++) {
      clock.standStill(30_000)
      clock.advance(0)
    }
    assert.notEqual(seen.silentAt, null)
  })

  test('a client that answers pings stays, for two minutes and more', () => {
    const { clock, heartbeat, seen } = setUp()
    for (let second = 0; second < 150; second++) {
      const before = seen.pings
      clock.advance(1_000)
      if (seen.pings > before) heartbeat.heard()
    }
    assert.equal(seen.silentAt, null)
    assert.equal(seen.pings, 6)
  })

  test('an answer within the ping call itself counts', () => {
    const clock = new ManualClock()
    let silent = false
    const heartbeat: Heartbeat = new Heartbeat({
      clock,
      pingPeriodMs: 25_000,
      pongMsMax: 10_000,
      ping: () => heartbeat.heard(),
      traffic: () => ({ waiting: 0, taken: 0 }),
      silent: () => {
        silent = true
      },
    })
    clock.advance(200_000)
    assert.equal(silent, false)
    heartbeat.stop()
  })

  test('while we do not read, silence says nothing; afterwards the period starts anew', () => {
    const { clock, heartbeat, seen } = setUp()
    clock.advance(30_000)
    heartbeat.suspend()
    clock.advance(500_000)
    assert.equal(seen.silentAt, null)
    heartbeat.resume()
    clock.advance(34_999)
    assert.equal(seen.silentAt, null)
    clock.advance(1)
    assert.equal(seen.silentAt, 565_000)
  })

  test('a slow reader that still takes data is there; once it takes none it is given up', () => {
    const { clock, seen, traffic } = setUp()
    traffic.waiting = 1_000_000
    for (let second = 0; second < 100; second++) {
      traffic.taken += 1_000
      clock.advance(1_000)
    }
    assert.equal(seen.silentAt, null)
    clock.advance(20_000)
    assert.notEqual(seen.silentAt, null)
  })

  test('a probe pings at once and is true on any sign of life, false in silence', async () => {
    const { clock, heartbeat, seen } = setUp()
    const first = heartbeat.probe()
    assert.equal(seen.pings, 1)
    heartbeat.heard()
    assert.equal(await first, true)
    clock.advance(25_000)
    const second = heartbeat.probe()
    clock.advance(10_000)
    assert.equal(await second, false)
    assert.equal(await heartbeat.probe(), false)
  })

  test('stopping leaves no timer', () => {
    const { clock, heartbeat } = setUp()
    heartbeat.stop()
    heartbeat.resume()
    assert.equal(clock.timerCount, 0)
  })
})

// How much of a transfer is under way: on a clock that stands still, and a link that carries as much as the test says.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { TransferWindows } from '../../server/transport/transfer-windows.js'
import { ManualClock } from '../helpers/manual-clock.js'

const KiB = 1024

function setUp() {
  const clock = new ManualClock()
  const marks: number[] = []
  let stalls = 0
  let hears = true
  const windows = new TransferWindows({
    clock,
    stalledMsMax: 30_000,
    pingPeriodMs: 25_000,
    ping: (mark) => void marks.push(mark),
    mayHear: () => hears,
    stalled: () => {
      stalls++
      windows.stop()
    },
  })
  return {
    clock,
    windows,
    marks,
    stalls: () => stalls,
    hear: (may: boolean) => {
      hears = may
    },
  }
}

/** Sends a transfer over a link that carries so many bytes a second; returns the sizes of its pieces. */
function send(bytes: number, bytesPerSecond: number): { readonly sizes: number[]; readonly stalls: number; readonly longestMs: number } {
  const { clock, windows, marks, stalls } = setUp()
  const sizes: number[] = []
  const ends: number[] = []
  let left = bytes
  let linkFreeAt = 0
  let longestMs = 0
  while (left > 0 || ends.length > 0) {
    while (left > 0 && windows.room > 0) {
      const size = Math.min(left, windows.room)
      left -= size
      sizes.push(size)
      linkFreeAt = Math.max(linkFreeAt, clock.monotonic()) + (size / bytesPerSecond) * 1000
      ends.push(linkFreeAt)
      windows.sent(size, 0.02)
    }
    const at = ends.shift() ?? 0
    longestMs = Math.max(longestMs, at - clock.monotonic())
    clock.advance(Math.ceil(at - clock.monotonic()))
    windows.confirmed(marks[sizes.length - ends.length - 1] ?? 0)
  }
  return { sizes, stalls: stalls(), longestMs }
}

describe('windows of a transfer', () => {
  test('G9: pieces begin small and grow while the link proves fast', () => {
    const { sizes } = send(20_000 * KiB, 100_000 * KiB)
    assert.equal(sizes[0], 8 * KiB)
    assert.ok(Math.max(...sizes) >= 2_048 * KiB)
  })

  test('G9: on a slow link pieces stay so small that each takes a small part of what a heartbeat waits', () => {
    const { sizes, longestMs } = send(3_000 * KiB, 90 * KiB)
    assert.ok(Math.max(...sizes) <= 64 * KiB)
    assert.ok(longestMs < 2_500)
  })

  test('G9: a link that moves 4 KiB in each heartbeat finishes, and a pong comes in each', () => {
    const { sizes, stalls, longestMs } = send(200 * KiB, (4 * KiB) / 25)
    assert.equal(stalls, 0)
    assert.equal(sizes.at(-1), 4 * KiB)
    assert.ok(longestMs <= 50_000)
    const settled = sizes.slice(6)
    assert.ok(settled.every((size) => size === 4 * KiB))
  })

  test('at most two pieces are under way, and those who wait take turns', () => {
    const { windows, marks } = setUp()
    windows.sent(8 * KiB, 0.02)
    assert.ok(windows.room > 0)
    windows.sent(8 * KiB, 0.02)
    assert.equal(windows.room, 0)
    assert.equal(windows.inFlightBytes, 16 * KiB)
    const served: string[] = []
    for (const name of ['first', 'second', 'third'])
      windows.whenRoom(() => {
        served.push(name)
        windows.sent(8 * KiB, 0.02)
      })
    windows.confirmed(marks[0] ?? 0)
    assert.deepEqual(served, ['first'])
    windows.confirmed(marks[1] ?? 0)
    windows.confirmed(marks[2] ?? 0)
    assert.deepEqual(served, ['first', 'second', 'third'])
    windows.stop()
  })

  test('a client that confirms nothing is given up in bounded time; while we do not read its pongs it is not', () => {
    const { windows, clock, stalls, hear } = setUp()
    windows.sent(8 * KiB, 0.02)
    hear(false)
    clock.advance(300_000)
    assert.equal(stalls(), 0)
    hear(true)
    clock.advance(300_000)
    assert.equal(stalls(), 1)
    assert.equal(clock.timerCount, 0)
  })

  test('a process that stood still reads the pongs that came meanwhile before it gives anybody up', () => {
    const { windows, clock, marks, stalls } = setUp()
    windows.sent(8 * KiB, 0.02)
    clock.standStill(600_000)
    clock.advance(0)
    assert.equal(stalls(), 0)
    windows.confirmed(marks[0] ?? 0)
    clock.advance(600_000)
    assert.equal(stalls(), 0)
    assert.equal(clock.timerCount, 0)
  })

  test('a pong that nobody waits for changes nothing', () => {
    const { windows } = setUp()
    windows.confirmed(5)
    assert.equal(windows.room, 8 * KiB)
    windows.stop()
  })
})

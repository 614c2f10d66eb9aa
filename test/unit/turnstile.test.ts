// Loads that never wait for anything follow each other without giving the event loop a turn, unless the turnstile does.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Turnstile } from '../../server/document/turnstile.js'
import { Openings } from '../../server/gateway/openings.js'
import { ManualClock } from '../helpers/manual-clock.js'

/** Time goes by while work is done. */
class WorkingClock extends ManualClock {
  workedMs = 0

  override monotonic(): number {
    return super.monotonic() + this.workedMs
  }
}

/** Lets all promises settle. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 1_000; turn++) await Promise.resolve()
}

test('G7: what is loaded without waiting yields the event loop after a few milliseconds, and all get in, in order', async () => {
  const clock = new WorkingClock()
  const turnstile = new Turnstile(2, clock)
  const done: number[] = []
  for (let load = 0; load < 20; load++) {
    void turnstile.enter().then((leave) => {
      clock.workedMs += 1
      done.push(load)
      leave()
      leave()
    })
  }
  await settle()
  assert.ok(done.length >= 4 && done.length < 12, `${done.length} in the first turn`)
  for (let turn = 0; turn < 10; turn++) {
    clock.flush()
    await settle()
  }
  assert.deepEqual(
    done,
    Array.from({ length: 20 }, (_, load) => load),
  )
})

test('a connection opens openingsPerConnectionMax documents at a time, in order, and those that end at once or are given up make room', () => {
  const begun: number[] = []
  const openings: Openings = new Openings(2, (channel) => {
    begun.push(channel)
    if (channel === 3) openings.ended(3)
  })
  for (const channel of [1, 2, 3, 4, 5]) openings.add(channel)
  assert.deepEqual(begun, [1, 2])
  openings.ended(2)
  assert.deepEqual(begun, [1, 2, 3, 4])
  openings.ended(2)
  assert.deepEqual(begun, [1, 2, 3, 4])
  openings.clear()
  openings.ended(1)
  assert.deepEqual(begun, [1, 2, 3, 4])
})

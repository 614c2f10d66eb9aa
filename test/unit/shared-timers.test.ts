// Timers that share those of a clock: each is told once, not early and hardly late, and none is left.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { seededRandom } from '../../core/random.js'
import { SharedTimer } from '../../core/shared-timers.js'
import { ManualClock } from '../helpers/manual-clock.js'

test('each timer is told once, when its last time has come, and what is cancelled is not, whatever the order', () => {
  const random = seededRandom(11)
  const clock = new ManualClock()
  const told: number[] = []
  const wanted = new Map<number, { readonly from: number; readonly to: number }>()
  const timers = Array.from({ length: 40 }, (_, index): SharedTimer => {
    const due = (): void => {
      const times = wanted.get(index)
      assert.ok(times !== undefined, `timer ${index} was cancelled, or told before`)
      assert.ok(clock.monotonic() >= times.from && clock.monotonic() <= times.to, `timer ${index} at ${clock.monotonic()}`)
      wanted.delete(index)
      told.push(index)
      // Some go on by themselves, and some end others, also such as are due at the same moment.
      if (index % 3 === 0) set(index, random.below(30_000))
      if (index % 5 === 0) cancel((index + 1) % 40)
    }
    return new SharedTimer(clock, { due })
  })
  const set = (index: number, delayMs: number): void => {
    const from = clock.monotonic() + delayMs
    wanted.set(index, { from, to: from + delayMs / 250 + 1 })
    timers[index]?.set(delayMs)
  }
  const cancel = (index: number): void => {
    wanted.delete(index)
    timers[index]?.cancel()
  }
  for (let step = 0; step < 3_000; step++) {
    const index = random.below(40)
    if (random.below(4) === 0) cancel(index)
    else set(index, random.below(2) === 0 ? 15_000 : random.below(30_000))
    assert.ok(clock.timerCount <= 1)
    clock.advance(random.below(300))
  }
  assert.ok(told.length > 300, `${told.length} were told`)
  for (let index = 0; index < 40; index++) cancel(index)
  assert.equal(clock.timerCount, 0)
})

test('what one host throws is heard of, and keeps no other from its time', () => {
  const clock = new ManualClock()
  let told = 0
  const failing = new SharedTimer(clock, {
    due: () => {
      throw new Error('of the host')
    },
  })
  const next = new SharedTimer(clock, { due: () => void told++ })
  failing.set(1_000)
  next.set(1_000)
  assert.throws(() => clock.advance(2_000), /of the host/)
  assert.equal(told, 1)
})

// How much comes in a second.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Rate } from '../../core/rate.js'
import { ManualClock } from '../helpers/manual-clock.js'

test('G1: two seconds of the limit may come at once, then so many in each second, and a pause gives no more than two seconds of it', () => {
  const clock = new ManualClock()
  const rate = new Rate(clock, 100, 2)
  const come = (attempts: number): number => Array.from({ length: attempts }, () => rate.admits()).filter((taken) => taken).length
  assert.equal(come(1_000), 200)
  let admitted = 0
  for (let tick = 0; tick < 1_000; tick++) {
    clock.advance(10)
    admitted += come(20)
  }
  assert.ok(Math.abs(admitted - 1_000) <= 1, `${admitted} in ten seconds`)
  clock.advance(3_600_000)
  assert.equal(come(1_000), 200)
})

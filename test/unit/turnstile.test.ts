// Loads that never wait for anything follow each other without giving the event loop a turn, unless the turnstile does.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Turnstile } from '../../core/turnstile.js'
import { Openings, OpeningTurns } from '../../server/gateway/openings.js'
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

test('G7: who comes while there are places waits for the next turn too, once this one is used up', async () => {
  const clock = new WorkingClock()
  const turnstile = new Turnstile(4, clock)
  let through = 0
  for (let count = 0; count < 20; count++)
    void turnstile.enter().then((leave) => {
      through += 1
      clock.workedMs += 3
      leave()
    })
  await Promise.resolve()
  let turns = 0
  for (; through < 20; turns++) {
    const before = through
    clock.turn()
    await new Promise((resolve) => setImmediate(resolve))
    assert.ok(through > before && through - before < 8, `${through - before} in a turn`)
  }
  assert.ok(turns >= 4, `${turns} turns`)
})

test('a connection opens openingsPerConnectionMax documents at a time, in order, and those that end at once or are given up make room', () => {
  const begun: number[] = []
  const fulls: boolean[] = []
  const openings: Openings = new Openings(
    new OpeningTurns(new ManualClock()),
    2,
    (channel) => {
      begun.push(channel)
      if (channel === 3) openings.ended(3)
    },
    (full) => fulls.push(full),
  )
  for (const channel of [1, 2, 3, 4, 5]) openings.add(channel)
  assert.deepEqual(begun, [1, 2])
  openings.ended(2)
  assert.deepEqual(begun, [1, 2, 3, 4])
  openings.ended(2)
  assert.deepEqual(begun, [1, 2, 3, 4])
  assert.deepEqual(fulls, [true], 'from two that wait to none')
  openings.clear()
  assert.deepEqual(fulls, [true, false])
  openings.ended(1)
  assert.deepEqual(begun, [1, 2, 3, 4])
})

test('G7: all connections together begin so many openings in one turn, and who opens one document waits for no flood of them', () => {
  const clock = new ManualClock()
  const turns = new OpeningTurns(clock)
  let begun = 0
  const connectionWith = (count: number): Openings => {
    const openings: Openings = new Openings(
      turns,
      32,
      (channel) => {
        begun += 1
        // It ends at once, as one does that needs nothing from the disk.
        openings.ended(channel)
      },
      () => {},
    )
    for (let channel = 1; channel <= count; channel++) openings.add(channel)
    return openings
  }
  for (let connection = 0; connection < 500; connection++) connectionWith(100)
  assert.ok(begun < 50, `${begun} at once`)
  for (let turn = 0; turn < 100; turn++) {
    const before = begun
    clock.turn()
    assert.ok(begun > before && begun - before < 50, `${begun - before} in a turn`)
  }
  let opened = 0
  new Openings(
    turns,
    32,
    () => {
      opened += 1
    },
    () => {},
  ).add(1)
  clock.turn()
  assert.equal(opened, 1)
  while (begun < 50_000) clock.turn()
})

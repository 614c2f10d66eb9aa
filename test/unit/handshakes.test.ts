// Connections that were admitted begin a few at a time, and leave the event loop to those who are here and to those who come.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Handshakes } from '../../server/gateway/handshakes.js'
import { ManualClock } from '../helpers/manual-clock.js'

/** Time goes by while work is done. */
class WorkingClock extends ManualClock {
  workedMs = 0

  override monotonic(): number {
    return super.monotonic() + this.workedMs
  }
}

function scene(connectionsPerSecondMax: number) {
  const clock = new WorkingClock()
  const handshakes = new Handshakes(clock, { connectionsPerSecondMax })
  const begun: number[] = []
  const add = (count: number): void => {
    const first = begun.length
    for (let index = 0; index < count; index++)
      handshakes.add(() => {
        clock.workedMs += 1
        begun.push(first + index)
      })
  }
  return { clock, handshakes, begun, add }
}

test('G7: connections that come at once begin in order, a few milliseconds of them at a time, and all of them begin', async () => {
  const { clock, begun, add } = scene(500)
  add(100)
  assert.equal(begun.length, 4, 'as many as fit into one turn begin at once')
  await clock.advance(4)
  assert.equal(begun.length, 8, 'nobody else comes: they go on after a short pause')
  await clock.advance(200)
  assert.deepEqual(
    begun,
    Array.from({ length: 100 }, (_, index) => index),
  )
  add(1)
  assert.equal(begun.length, 101, 'after a quiet time one begins at once')
})

test('G7: while others come those that wait are begun more rarely, but they are begun', async () => {
  const { clock, handshakes, begun, add } = scene(500)
  add(100)
  for (let ms = 0; ms < 24; ms++) {
    handshakes.came()
    await clock.advance(1)
  }
  assert.equal(begun.length, 4)
  for (let ms = 0; ms < 24; ms++) {
    handshakes.came()
    await clock.advance(1)
  }
  assert.equal(begun.length, 8)
})

test('G1: connectionsPerSecondMax: no more than a second of connections wait to begin, and who may let in more waits less', async () => {
  const { handshakes, begun, add } = scene(20)
  add(23)
  assert.equal(handshakes.isFull, false)
  add(1)
  assert.deepEqual([handshakes.isFull, begun.length], [true, 4])
  const fast = scene(5_000)
  fast.add(100)
  fast.handshakes.came()
  await fast.clock.advance(4)
  assert.equal(fast.begun.length, 8, 'it does not wait longer for those who come')
})

test('G7: one that cannot be let in keeps nobody behind it out', async () => {
  const { clock, handshakes, begun, add } = scene(500)
  const broken = (): void => {
    throw new Error('it cannot be let in')
  }
  assert.throws(() => handshakes.add(broken), /cannot be let in/)
  add(10)
  assert.equal(begun.length, 4)
  await clock.advance(200)
  assert.equal(begun.length, 10)
})

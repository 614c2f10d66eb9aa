// Those who send something large, or leave, share the event loop, however many they are.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { SharedTurns, type Step } from '../../core/shared-turns.js'
import { ManualClock } from '../helpers/manual-clock.js'

const PIECE_MS = 1.5

/** Time goes by while pieces are made ready. */
class WorkingClock extends ManualClock {
  workedMs = 0

  override monotonic(): number {
    return super.monotonic() + this.workedMs
  }
}

/** Somebody who sends so many pieces in a row. */
function sender(clock: WorkingClock, name: string, pieces: number, sent: string[]): Step {
  return () => {
    clock.workedMs += PIECE_MS
    sent.push(name)
    pieces -= 1
    return pieces > 0
  }
}

test('G7: pieces of many readers are made ready a few in each turn of the event loop, for one after the other, until all have theirs', () => {
  const clock = new WorkingClock()
  const turns = new SharedTurns(clock)
  const sent: string[] = []
  const names = Array.from({ length: 40 }, (_, index) => `reader ${index}`)
  for (const name of names) turns.add(sender(clock, name, 3, sent))
  while (sent.length < 120) {
    const [before, workedBefore] = [sent.length, clock.workedMs]
    clock.turn()
    assert.ok(sent.length > before)
    assert.ok(clock.workedMs - workedBefore < 8, `${clock.workedMs - workedBefore} ms in a turn`)
  }
  clock.flush()
  assert.deepEqual(sent.toSorted(), [...names, ...names, ...names].toSorted())
  assert.ok(sent.indexOf('reader 39') < sent.lastIndexOf('reader 20'), 'the last one does not wait until another one has all')
})

test('a single reader gets its pieces at once, also one that is added while another one sends', () => {
  const clock = new WorkingClock()
  const turns = new SharedTurns(clock)
  const sent: string[] = []
  turns.add(() => {
    turns.add(sender(clock, 'second', 1, sent))
    return sender(clock, 'first', 1, sent)()
  })
  assert.deepEqual(sent, ['first', 'second'])
})

test('G7: a sender that fails does not keep the others from sending', () => {
  const clock = new WorkingClock()
  const turns = new SharedTurns(clock)
  const sent: string[] = []
  assert.throws(() =>
    turns.add(() => {
      turns.add(sender(clock, 'other', 1, sent))
      throw new Error('broken')
    }),
  )
  turns.add(sender(clock, 'third', 1, sent))
  assert.deepEqual(sent, ['other', 'third'])
})

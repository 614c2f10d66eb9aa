// A client is brought up to date about awareness part by part, however often it falls behind meanwhile.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedTurns } from '../../core/shared-turns.js'
import { type AwarenessReceiver, OwedAwareness } from '../../server/gateway/owed-awareness.js'
import { ManualClock } from '../helpers/manual-clock.js'

/** A client that takes so many parts, and then none until it is told to. */
class Reader implements AwarenessReceiver {
  readonly carrier: { readonly sending: SharedTurns }
  readonly #clock: ManualClock
  parts: Uint8Array[] = []
  readonly sent: Uint8Array[] = []
  room = 0

  constructor(clock: ManualClock) {
    this.#clock = clock
    this.carrier = { sending: new SharedTurns(clock) }
  }

  get takesStates(): boolean {
    return this.room > 0
  }

  states(): readonly Uint8Array[] {
    return this.parts
  }

  sendStates(part: Uint8Array): void {
    this.room -= 1
    this.sent.push(part)
    // Sending takes its time, so that not all of it is done in one turn.
    this.#clock.standStill(3)
  }
}

const part = (value: number): Uint8Array => Uint8Array.of(1, value)

test('G7: parts are sent in turns, while there is room, and after a pause those that are missing or have changed', () => {
  const clock = new ManualClock()
  const reader = new Reader(clock)
  const owed = new OwedAwareness(reader)
  const [a, b, c, d] = [part(1), part(2), part(3), part(4)]
  reader.parts = [a, b, c, d]
  owed.send()
  assert.deepEqual(reader.sent, [], 'no room')
  reader.room = 3
  owed.send()
  assert.deepEqual(reader.sent, [a, b], 'what one turn has time for')
  clock.flush()
  assert.deepEqual(reader.sent, [a, b, c])
  // It has fallen behind, and was not sent a change of the second part.
  const changed = part(20)
  reader.parts = [a, changed, c, d]
  owed.owe()
  reader.room = 10
  owed.send()
  clock.flush()
  assert.deepEqual(reader.sent, [a, b, c, changed, d])
  owed.send()
  assert.equal(reader.sent.length, 5, 'nothing is owed')
})

test('whoever asks is told all of it again, also while it is being told', () => {
  const clock = new ManualClock()
  const reader = new Reader(clock)
  const owed = new OwedAwareness(reader)
  reader.parts = [part(1), part(2), part(3)]
  reader.room = 10
  owed.send()
  owed.oweAll()
  owed.send()
  clock.flush()
  assert.deepEqual(reader.sent, [...reader.parts, ...reader.parts])
})

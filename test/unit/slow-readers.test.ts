// Who is given up when memory is used up: the readers that hold the most of it and take the least.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { MemoryBudget } from '../../core/memory-budget.js'
import { type Reader, SlowReaders } from '../../server/transport/slow-readers.js'
import { ManualClock } from '../helpers/manual-clock.js'

const MiB = 1024 * 1024

/** A client with so much in front of it. */
class PlayedReader implements Reader {
  readonly name: string
  readonly #budget: MemoryBudget
  takenBytes = 0
  waitingBytes = 0
  closedWith: number | null = null

  constructor(name: string, budget: MemoryBudget) {
    this.name = name
    this.#budget = budget
  }

  wait(bytes: number): this {
    this.waitingBytes += bytes
    this.#budget.account('outboxes').add(bytes)
    return this
  }

  giveUp(error: { readonly closeCode: number }): void {
    this.closedWith = error.closeCode
    this.wait(-this.waitingBytes)
  }
}

function setUp(names: readonly string[]) {
  const clock = new ManualClock()
  const budget = new MemoryBudget(100 * MiB)
  const readers = names.map((name) => new PlayedReader(name, budget))
  let counted = 0
  const slow = new SlowReaders(
    clock,
    budget,
    () => readers.filter((reader) => reader.closedWith === null),
    () => {
      counted += 1
    },
  )
  const closed = (): string[] => readers.filter((reader) => reader.closedWith !== null).map((reader) => reader.name)
  return { clock, budget, readers, slow, closed, counted: () => counted }
}

test('G8: when memory is full the largest outboxes are given up as too slow, no more of them than needed', async () => {
  const { clock, readers, closed, counted, budget } = setUp(['small', 'largest', 'large', 'none'])
  const [small, largest, large] = readers as [PlayedReader, PlayedReader, PlayedReader]
  small.wait(10 * MiB)
  large.wait(30 * MiB)
  largest.wait(70 * MiB)
  await clock.advanceAsync(0)
  assert.deepEqual(closed(), ['largest'])
  assert.equal(largest.closedWith, 4508)
  assert.equal(counted(), 1)
  assert.equal(budget.level, 'calm')
  await clock.advanceAsync(5_000)
  assert.deepEqual(closed(), ['largest'])
})

test('G8: who takes what waits is spared while there is somebody who does not, even if less waits for that one', async () => {
  const { clock, readers, closed } = setUp(['fast', 'stuck'])
  const [fast, stuck] = readers as [PlayedReader, PlayedReader]
  fast.wait(60 * MiB)
  stuck.wait(25 * MiB)
  fast.takenBytes = 10
  await clock.advanceAsync(600)
  assert.deepEqual(closed(), [], 'near the bound nobody is given up')
  fast.takenBytes = 5 * MiB
  fast.wait(20 * MiB)
  await clock.advanceAsync(0)
  assert.deepEqual(closed(), ['stuck'])
})

test('G8: it looks again for as long as memory is short, and leaves no timer behind', async () => {
  const { clock, readers, closed, slow, budget } = setUp(['first', 'second'])
  const [first, second] = readers as [PlayedReader, PlayedReader]
  budget.account('documents').add(85 * MiB)
  first.wait(20 * MiB)
  await clock.advanceAsync(0)
  assert.deepEqual(closed(), ['first'])
  second.wait(20 * MiB)
  await clock.advanceAsync(500)
  assert.deepEqual(closed(), ['first', 'second'])
  slow.stop()
  assert.equal(clock.timerCount, 0)
})

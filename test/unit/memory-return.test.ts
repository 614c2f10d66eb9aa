// When memory is given back to the system after a burst.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { MemoryBudget } from '../../core/memory-budget.js'
import { MemoryReturn, type ProcessMemory, processMemory, returnLoadingMemory } from '../../server/composition/memory-return.js'
import { ManualClock } from '../helpers/manual-clock.js'

const MiB = 1024 * 1024

test('G8: after most of what was held is gone it collects once, and not for what comes and goes', () => {
  const clock = new ManualClock()
  const budget = new MemoryBudget(1024 * MiB)
  const documents = budget.account('documents')
  let collected = 0
  const watch = new MemoryReturn(clock, budget, {
    resident: () => (collected === 0 ? 500 * MiB : 100 * MiB),
    live: () => 0,
    busyShare: () => 0.5,
    collect: () => {
      collected += 1
    },
    collectAll: () => assert.fail('nothing is kept'),
  })
  documents.add(40 * MiB)
  clock.advance(2_000)
  documents.add(-40 * MiB)
  clock.advance(2_000)
  assert.equal(collected, 0, 'too little')
  documents.add(500 * MiB)
  clock.advance(2_000)
  documents.add(-200 * MiB)
  clock.advance(2_000)
  assert.equal(collected, 0, 'most is still there')
  documents.add(-200 * MiB)
  clock.advance(2_000)
  assert.equal(collected, 1)
  clock.advance(60_000)
  assert.equal(collected, 1)
  watch.stop()
  assert.equal(clock.timerCount, 0)
})

/** What holds 600 MiB, of which 500 are lost at once; then `meanwhile` has its way for half a minute. Returns how often all was collected. */
function collectedAll(
  residentAfter: number,
  meanwhile: (documents: ReturnType<MemoryBudget['account']>) => void = () => {},
  live = 100 * MiB,
): number {
  const clock = new ManualClock()
  const budget = new MemoryBudget(1024 * MiB)
  const documents = budget.account('documents')
  let resident = 600 * MiB
  let all = 0
  const memory: ProcessMemory = {
    resident: () => resident,
    live: () => live,
    busyShare: () => 0.5,
    collect: () => {
      resident = residentAfter
    },
    collectAll: () => {
      all += 1
      resident = 100 * MiB
    },
  }
  const watch = new MemoryReturn(clock, budget, memory)
  documents.add(550 * MiB)
  clock.advance(2_000)
  documents.add(-500 * MiB)
  clock.advance(2_000)
  meanwhile(documents)
  clock.advance(60_000)
  watch.stop()
  return all
}

test('G8: an engine that keeps the pages it has emptied is made to give them up, once', () => {
  assert.equal(collectedAll(600 * MiB), 1)
  assert.equal(collectedAll(200 * MiB), 0, 'it gave them back by itself')
  assert.equal(
    collectedAll(600 * MiB, (documents) => documents.add(400 * MiB)),
    0,
    'they are needed again',
  )
  assert.equal(
    collectedAll(600 * MiB, () => {}, 300 * MiB),
    0,
    'so much is in use that it would take long',
  )
})

/** A process that holds nothing of the budget; what the system counts for it, and how busy it is, are told. */
class Process {
  readonly clock = new ManualClock()
  resident = 60 * MiB
  /** What of it objects need. */
  needed = 55 * MiB
  live = 30 * MiB
  busyShare = 0.05
  returns = 0
  readonly watch = new MemoryReturn(this.clock, new MemoryBudget(1024 * MiB), {
    resident: () => this.resident,
    live: () => this.live,
    busyShare: () => this.busyShare,
    collect: () => assert.fail('the budget has lost nothing'),
    collectAll: () => {
      this.returns += 1
      this.resident = this.needed
    },
  })

  pass(seconds: number): number {
    this.clock.advance(seconds * 1_000)
    return this.returns
  }
}

test('G8: a process that was busy gives back what it does not need once it is quiet, and not before', () => {
  const one = new Process()
  assert.equal(one.pass(60), 0, 'it has not grown')
  one.resident = 130 * MiB
  one.busyShare = 0.9
  assert.equal(one.pass(60), 0, 'it is busy')
  one.busyShare = 0.05
  assert.equal(one.pass(2), 0, 'it may be between two bursts')
  assert.equal(one.pass(6), 1)
  assert.equal(one.pass(600), 1)
  one.watch.stop()
  assert.equal(one.clock.timerCount, 0)
})

test('G8: a quiet process whose objects need what it has grown by looks once; one that grows a little, every ten minutes at most', () => {
  const one = new Process()
  one.pass(4)
  one.resident = one.needed = 120 * MiB
  assert.equal(one.pass(60), 1)
  assert.equal(one.pass(600), 1, 'it is what is needed')
  one.resident += 20 * MiB
  assert.equal(one.pass(60), 2)
  one.resident += 20 * MiB
  assert.equal(one.pass(300), 2, 'too soon')
  assert.equal(one.pass(330), 3)
  one.resident += 20 * MiB
  one.pass(60)
  one.resident += 100 * MiB
  assert.equal(one.pass(60), 4, 'a burst waits for nothing')
  one.resident = 200 * MiB
  one.live = 150 * MiB
  assert.equal(one.pass(60), 4, 'so much is in use that it would take long')
  one.watch.stop()
})

test('G8: what is collected is given back', async () => {
  const memory = processMemory()
  assert.ok(memory !== null)
  let garbage: object[] | null = Array.from({ length: 400_000 }, (_, index) => ({ index, more: [index] }))
  const before = process.memoryUsage().heapUsed
  const resident = memory.resident()
  assert.equal(garbage.length, 400_000)
  garbage = null
  memory.collect()
  while (process.memoryUsage().heapUsed > before - 20 * MiB) await new Promise((resolve) => setImmediate(resolve))
  memory.collectAll()
  while (memory.resident() > resident - 10 * MiB) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(memory.busyShare() > 0)
})

/** What is used while 40 MB are in use that are garbage once this returns. */
function usedWithGarbage(): number {
  const garbage = Array.from({ length: 400_000 }, (_, index) => ({ index, more: [index] }))
  assert.equal(garbage.length, 400_000)
  return process.memoryUsage().heapUsed
}

test('G8: what loading took is given back at once', () => {
  const before = usedWithGarbage()
  returnLoadingMemory()
  assert.ok(process.memoryUsage().heapUsed < before - 20 * MiB, `${before}, then ${process.memoryUsage().heapUsed} bytes`)
})

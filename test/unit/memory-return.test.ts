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

test('G8: what is collected is given back', async () => {
  const memory = processMemory()
  assert.ok(memory !== null)
  let garbage: object[] | null = Array.from({ length: 400_000 }, (_, index) => ({ index, more: [index] }))
  const before = process.memoryUsage().heapUsed
  assert.equal(garbage.length, 400_000)
  garbage = null
  memory.collect()
  while (process.memoryUsage().heapUsed > before - 20 * MiB) await new Promise((resolve) => setImmediate(resolve))
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

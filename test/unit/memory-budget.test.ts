// The memory budget: accounts, levels, and what a listener may do while it is told.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { MemoryBudget, type MemoryLevel } from '../../core/memory-budget.js'

function told(budget: MemoryBudget): MemoryLevel[] {
  const levels: MemoryLevel[] = []
  budget.onLevel((level) => void levels.push(level))
  return levels
}

describe('memory budget', () => {
  test('G8: accounts count into one budget, each by itself', () => {
    const budget = new MemoryBudget(1_000)
    budget.account('documents').add(300)
    budget.account('outboxes').add(200)
    budget.account('documents').add(-100)
    assert.equal(budget.account('documents').bytes, 200)
    assert.equal(budget.account('outboxes').bytes, 200)
    assert.equal(budget.account('answers').bytes, 0)
    assert.equal(budget.bytes, 400)
  })

  test('G8: tight from four fifths on, full from all of it on, and back a little below', () => {
    const budget = new MemoryBudget(1_000)
    const levels = told(budget)
    const pending = budget.account('pending')
    pending.add(799)
    assert.equal(budget.level, 'calm')
    pending.add(1)
    assert.equal(budget.level, 'tight')
    pending.add(-40)
    assert.equal(budget.level, 'tight', 'does not flutter around the mark')
    pending.add(240)
    assert.equal(budget.level, 'full')
    pending.add(-50)
    assert.equal(budget.level, 'full')
    pending.add(-1)
    assert.equal(budget.level, 'tight')
    pending.add(-949)
    assert.equal(budget.level, 'calm')
    assert.deepEqual(levels, ['tight', 'full', 'tight', 'calm'])
  })

  test('G8: a listener that gives back at once is told of the level that follows', () => {
    const budget = new MemoryBudget(1_000)
    const documents = budget.account('documents')
    const levels = told(budget)
    budget.onLevel((level) => {
      if (level === 'full') documents.add(-documents.bytes)
    })
    documents.add(1_200)
    assert.deepEqual(levels, ['full', 'calm'])
    assert.equal(budget.bytes, 0)
  })

  test('a listener that has ended hears nothing', () => {
    const budget = new MemoryBudget(10)
    const levels: MemoryLevel[] = []
    const end = budget.onLevel((level) => void levels.push(level))
    end()
    budget.account('received').add(10)
    assert.deepEqual(levels, [])
  })
})

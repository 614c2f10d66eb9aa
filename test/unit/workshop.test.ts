// Where decoded documents are worked on: a thread for what costs little, a process for what may cost much, and neither harms anybody.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import * as Y from 'yjs'
import { systemClock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import { Workshop, type WorkshopOptions } from '../../server/history/workshop/workshop.js'

const MiB = 1024 * 1024

function workshopWith(options: Partial<WorkshopOptions> = {}): { workshop: Workshop; held: () => number } {
  const budget = new MemoryBudget(1024 * MiB)
  const account = budget.account('history')
  return { workshop: new Workshop({ clock: systemClock, memoryBytesMax: 1024 * MiB, account, ...options }), held: () => account.bytes }
}

function stateOf(text: string): Uint8Array {
  const doc = new Y.Doc()
  doc.getText('t').insert(0, text)
  const state = Y.encodeStateAsUpdate(doc)
  doc.destroy()
  return state
}

function is(code: string): (error: unknown) => boolean {
  return (error) => error instanceof WeftError && error.code === code
}

describe('the workshop', () => {
  const everything = { memoryBytes: Number.MAX_SAFE_INTEGER, ms: Number.MAX_SAFE_INTEGER }
  const nothing = { memoryBytes: 0, ms: 0 }
  for (const [place, threadBounds] of [
    ['a thread', everything],
    ['a process', nothing],
  ] as const)
    test(`a task is carried out in ${place}, one after the other, and what it held is given back`, async () => {
      const { workshop, held } = workshopWith({ threadBounds })
      const texts = ['one', 'two', 'three']
      const answers = texts.map((text) => workshop.run({ kind: 'render', updates: [stateOf(text)], format: 'text', root: null }))
      assert.ok(held() > 0)
      assert.deepEqual(await Promise.all(answers), texts)
      const then = stateOf('a')
      const restored = await workshop.run({ kind: 'restore', before: [then], after: [then, stateOf('b')], root: null })
      assert.ok(typeof restored === 'object' && restored.method === 'undo' && restored.update instanceof Uint8Array)
      const edited = await workshop.run({ kind: 'edit', updates: [stateOf('a')], texts: [{ root: 't', at: 9 }], patch: [] })
      assert.match(String(edited), /has 1 characters/)
      assert.equal(held(), 0)
      await workshop.close()
    })

  test('D8: bytes that Yjs does not take are refused, and the next task is carried out', async () => {
    const { workshop } = workshopWith()
    await assert.rejects(workshop.run({ kind: 'read', updates: [Uint8Array.of(1, 2, 3)] }), is('document-quarantined'))
    assert.equal(await workshop.run({ kind: 'render', updates: [stateOf('x')], format: 'text', root: null }), 'x')
    await workshop.close()
  })

  test('G7, G8: what would cost more than a process may take is not begun, and what takes more than was told is ended', async () => {
    const costly = workshopWith({ threadBounds: nothing, memoryBytesMax: 1024 })
    await assert.rejects(costly.workshop.run({ kind: 'merge', updates: [stateOf('x'.repeat(10_000))] }), is('document-too-large'))
    await costly.workshop.close()
    const slow = workshopWith({ threadBounds: nothing, taskMsMax: 1 })
    await assert.rejects(slow.workshop.run({ kind: 'merge', updates: [stateOf('x')] }), is('document-too-large'))
    assert.equal(slow.held(), 0)
    await slow.workshop.close()
  })

  test('so many wait and no more; what waits when it closes is refused', async () => {
    const { workshop } = workshopWith()
    const asked = Array.from({ length: 200 }, () =>
      workshop.run({ kind: 'read', updates: [stateOf('x')] }).then(
        () => 'done',
        (error: WeftError) => error.code,
      ),
    )
    await Promise.resolve()
    await workshop.close()
    const came = await Promise.all(asked)
    assert.ok(came.filter((one) => one === 'overloaded').length > 100)
    assert.ok(
      came.every((one) => one === 'overloaded' || one === 'draining' || one === 'done'),
      [...new Set(came)].join(' '),
    )
    await assert.rejects(workshop.run({ kind: 'read', updates: [] }), is('draining'))
  })
})

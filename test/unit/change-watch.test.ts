// When the program is told that a document has changed: once it is quiet, not too late, one at a time, and again after a failure.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import { ChangeWatch, type QuietChange } from '../../server/events/change-watch.js'
import { ManualClock } from '../helpers/manual-clock.js'

function watchWith(tell: (change: QuietChange) => Promise<void> = () => Promise.resolve()) {
  const clock = new ManualClock()
  const told: string[] = []
  const watch = new ChangeWatch({
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    quietMs: 2_000,
    waitMsMax: 10_000,
    what: 'somebody',
    tell: (change) => {
      told.push(`${change.documentId} ${change.fromSeq}-${change.throughSeq} ${change.users.join('+')}`)
      return tell(change)
    },
  })
  return { clock, watch, told }
}

describe('changes of documents', () => {
  test('many commits are told once, when the document is quiet; each document by itself', async () => {
    const { clock, watch, told } = watchWith()
    for (let seq = 1; seq <= 5; seq++) {
      watch.committed('a', seq, ['ada'])
      await clock.advanceAsync(1_000)
    }
    watch.committed('b', 7, [])
    await clock.advanceAsync(999)
    assert.deepEqual(told, [])
    await clock.advanceAsync(1)
    assert.deepEqual(told, ['a 1-5 ada'])
    await clock.advanceAsync(2_000)
    assert.deepEqual(told, ['a 1-5 ada', 'b 7-7 '])
    assert.equal(clock.timerCount, 0)
  })

  test('a document that is never quiet is told of all the same, after the longest wait', async () => {
    const { clock, watch, told } = watchWith()
    for (let seq = 1; seq <= 25; seq++) {
      watch.committed('a', seq, [seq % 2 === 0 ? 'ada' : 'bob'])
      await clock.advanceAsync(1_000)
    }
    assert.deepEqual(told, ['a 1-10 bob+ada', 'a 11-20 bob+ada'])
  })

  test('what changes while somebody is told is told afterwards, never at the same time', async () => {
    let underWay = 0
    let release = (): void => {}
    const { clock, watch, told } = watchWith(async () => {
      underWay += 1
      assert.equal(underWay, 1)
      await new Promise<void>((resolve) => {
        release = resolve
      })
      underWay -= 1
    })
    watch.committed('a', 1, [])
    await clock.advanceAsync(2_000)
    watch.committed('a', 2, [])
    watch.committed('a', 3, [])
    await clock.advanceAsync(60_000)
    assert.deepEqual(told, ['a 1-1 '])
    release()
    await clock.advanceAsync(2_000)
    assert.deepEqual(told, ['a 1-1 ', 'a 2-3 '])
    release()
    await clock.settle()
  })

  test('a failure is told again, with what came meanwhile, after longer and longer waits', async () => {
    const failAt: number[] = []
    let fails = true
    const { clock, watch, told } = watchWith(async () => {
      failAt.push(clock.now())
      if (fails) throw new Error('the database does not answer')
    })
    watch.committed('a', 1, ['ada'])
    await clock.advanceAsync(2_000)
    watch.committed('a', 2, ['bob'])
    await clock.advanceAsync(600_000)
    const waits = failAt.slice(1).map((at, index) => at - (failAt[index] ?? 0))
    assert.ok(failAt.length >= 5 && failAt.length < 15, `${failAt.length} tries in ten minutes`)
    assert.ok((waits.at(-1) ?? 0) > 10 * (waits[0] ?? 0), waits.join(' '))
    fails = false
    await clock.advanceAsync(300_000)
    assert.equal(told.at(-1), 'a 1-2 ada+bob')
    assert.deepEqual([watch.waiting, clock.timerCount], [0, 0])
  })

  test('at the end everything that waits is told at once, or given up after a while', async () => {
    const { clock, watch, told } = watchWith()
    for (const documentId of ['a', 'b', 'c']) watch.committed(documentId, 1, [])
    const closing = watch.close(5_000)
    await clock.settle()
    await closing
    assert.deepEqual(told, ['a 1-1 ', 'b 1-1 ', 'c 1-1 '])
    assert.equal(clock.timerCount, 0)

    const hanging = watchWith(() => new Promise(() => {}))
    hanging.watch.committed('a', 1, [])
    const ended = hanging.watch.close(5_000)
    await hanging.clock.advanceAsync(5_000)
    await ended
    assert.equal(hanging.clock.timerCount, 0)
  })
})

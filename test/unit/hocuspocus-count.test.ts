// Which edits Hocuspocus' provider may be told of: its count must not reach 0 before the last one is on disk.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { HocuspocusCount } from '../../server/gateway/dialects/hocuspocus-count.js'
import { ManualClock } from '../helpers/manual-clock.js'

/** A document, what it sends from now on, and a count that is told of its step 1. */
function provider() {
  const clock = new ManualClock()
  let answers = 0
  const count = new HocuspocusCount(clock, () => {
    answers += 1
  })
  const doc = new Y.Doc()
  const sent: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => sent.push(update))
  const last = (): Uint8Array => sent.at(-1) ?? Uint8Array.of(0, 0)
  return { clock, count, doc, last, answers: () => answers, stepOne: () => count.startsAnew(Y.encodeStateVector(doc)) }
}

test('what a provider had at its step 1 is answered by its step 2 alone, and what it types from then on by itself', () => {
  const { count, doc, last, stepOne } = provider()
  const text = doc.getText('body')
  text.insert(0, 'while away')
  const queued = last()
  stepOne()
  text.insert(0, 'since then ')
  assert.equal(count.update(queued), 'never')
  assert.equal(count.update(last()), 'at-once')
  // Batched: counted when the first of them was typed, before step 1.
  assert.equal(count.update(Y.mergeUpdates([queued, last()])), 'never')
  assert.equal(count.stepTwo(), 'at-once')
  assert.equal(count.update(queued), 'at-once')
})

test('a deletion between step 1 and step 2 does not say when it was made, and is answered when nothing is on its way any more', () => {
  const { clock, count, doc, last, answers, stepOne } = provider()
  doc.getText('body').insert(0, 'text')
  stepOne()
  doc.getText('body').delete(0, 1)
  assert.equal(count.update(last()), 'late')
  count.owes()
  count.quiet()
  clock.advance(60_000)
  assert.equal(answers(), 0, 'step 2 is on its way')
  assert.equal(count.stepTwo(), 'at-once')
  count.quiet()
  clock.advance(4_900)
  doc.getText('body').insert(0, 'more')
  assert.equal(count.update(last()), 'at-once')
  clock.advance(60_000)
  assert.equal(answers(), 0, 'something was on its way')
  count.quiet()
  clock.advance(4_900)
  assert.equal(answers(), 0)
  clock.advance(100)
  assert.equal(answers(), 1)
  count.quiet()
  assert.equal(clock.timerCount, 0)
})

test('whoever begins to count anew is owed nothing of before', () => {
  const { clock, count, doc, last, answers, stepOne } = provider()
  stepOne()
  doc.getText('body').insert(0, 'text')
  doc.getText('body').delete(0, 1)
  assert.equal(count.update(last()), 'late')
  count.owes()
  count.quiet()
  stepOne()
  clock.advance(60_000)
  assert.equal(answers(), 0)
  assert.equal(clock.timerCount, 0)
})

test('G7: what is too large to be looked at is answered late, and what is no update is left to those who refuse it', () => {
  const { count, doc, last, stepOne } = provider()
  stepOne()
  doc.getText('body').insert(0, 'x'.repeat(100_000))
  assert.equal(count.update(last()), 'late')
  assert.equal(count.update(Uint8Array.of(1, 2, 3)), 'at-once')
  count.startsAnew(new Uint8Array(70_000))
  assert.equal(count.update(Uint8Array.of(0, 0)), 'late')
})

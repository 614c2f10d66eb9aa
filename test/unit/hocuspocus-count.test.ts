// Which edits Hocuspocus' provider may be told of: its count must not reach 0 before the last one is on disk, and has to reach it then.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { HocuspocusCount } from '../../server/gateway/dialects/hocuspocus-count.js'
import { HocuspocusQueue } from '../../server/gateway/dialects/hocuspocus-queue.js'
import { ManualClock } from '../helpers/manual-clock.js'

/** A document, what it sends from now on, and a count that is told of its step 1. */
function provider() {
  const clock = new ManualClock()
  const begun = { anew: 0, pings: 0, quiet: true }
  const queue = new HocuspocusQueue(clock, () => {
    begun.pings += 1
  })
  const count = new HocuspocusCount({
    clock,
    queue,
    isQuiet: () => begun.quiet,
    beginAnew: () => {
      begun.anew += 1
    },
  })
  const doc = new Y.Doc()
  const sent: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => sent.push(update))
  const last = (): Uint8Array => sent.at(-1) ?? Uint8Array.of(0, 0)
  const text = doc.getText('body')
  /** What a deletion sends. */
  const deletion = (): Uint8Array => {
    if (text.length === 0) text.insert(0, 'text')
    text.delete(0, 1)
    return last()
  }
  text.insert(0, 'some text')
  return { clock, count, queue, doc, text, last, begun, deletion, stepOne: () => count.startsAnew(Y.encodeStateVector(doc)) }
}

test('what a provider had at its step 1 is answered by its step 2 alone, and what it types from then on by itself', () => {
  const { count, queue, text, last, stepOne } = provider()
  text.insert(0, 'while away')
  const queued = last()
  stepOne()
  text.insert(0, 'since then ')
  assert.equal(count.update(queued), 'never')
  assert.equal(count.update(last()), 'at-once')
  // Batched: counted when the first of them was typed, before step 1.
  const batch = Y.mergeUpdates([queued, last()])
  assert.equal(count.update(batch), 'never')
  queue.speaks()
  queue.answered()
  count.stepTwo()
  // It may be on its way still, one of them; the next one began after that.
  assert.equal(count.update(batch), 'never')
  assert.equal(count.update(queued), 'at-once')
})

test('a deletion is counted where the queue cannot be: before the server has said anything, before the pong, and after the first step 2', () => {
  const { count, queue, begun, deletion, stepOne } = provider()
  stepOne()
  assert.equal(count.update(deletion()), 'at-once')
  queue.speaks()
  queue.speaks()
  assert.equal(begun.pings, 1)
  assert.equal(count.update(deletion()), 'open', 'the pong says it')
  assert.equal(queue.pong(), true)
  assert.equal(queue.pong(), false, 'once')
  assert.equal(count.update(deletion()), 'never', 'it may be from the queue')
  assert.equal(queue.answered(), true)
  assert.equal(queue.answered(), false, 'once')
  // Another document of the connection, whose step 2 has not come.
  assert.equal(count.update(deletion()), 'at-once')
  count.stepTwo()
  assert.equal(count.update(deletion()), 'at-once')
})

test('without a pong nothing is known of what came after the server spoke', () => {
  const { count, queue, deletion, stepOne } = provider()
  stepOne()
  queue.speaks()
  assert.equal(count.update(deletion()), 'open')
  assert.equal(queue.answered(), true)
  assert.equal(queue.pong(), false, 'too late')
  assert.equal(count.update(deletion()), 'at-once')
})

test('a provider begins anew when it is quiet, where a deletion may have been typed between pong and step 2', () => {
  const { clock, count, queue, begun, deletion, stepOne } = provider()
  stepOne()
  queue.speaks()
  queue.pong()
  assert.equal(count.update(deletion()), 'never')
  clock.advance(200)
  queue.answered()
  count.stepTwo()
  clock.advance(4_900)
  assert.equal(count.update(deletion()), 'at-once')
  begun.quiet = false
  clock.advance(5_000)
  assert.equal(begun.anew, 0, 'something is not committed')
  begun.quiet = true
  clock.advance(4_999)
  assert.equal(begun.anew, 0)
  clock.advance(1)
  assert.equal(begun.anew, 1)
  assert.equal(clock.timerCount, 0)
})

test('nobody has to begin anew whose queue came at once behind the pong, or who sent step 1 again', () => {
  const { clock, count, queue, begun, deletion, stepOne } = provider()
  stepOne()
  queue.speaks()
  queue.pong()
  clock.advance(10)
  assert.equal(count.update(deletion()), 'never')
  queue.answered()
  count.stepTwo()
  assert.equal(clock.timerCount, 0)
  const slow = provider()
  slow.stepOne()
  slow.queue.speaks()
  slow.queue.answered()
  slow.count.guesses()
  slow.count.stepTwo()
  assert.equal(slow.clock.timerCount, 1)
  slow.stepOne()
  assert.equal(slow.clock.timerCount, 0)
  assert.equal(begun.anew + slow.begun.anew, 0)
})

test('G7: what is too large to be looked at is told by where it stands, and what is no update is left to those who refuse it', () => {
  const { count, queue, doc, last, stepOne } = provider()
  stepOne()
  doc.getText('body').insert(0, 'x'.repeat(100_000))
  assert.equal(count.update(last()), 'at-once')
  queue.speaks()
  assert.equal(count.update(last()), 'open')
  assert.equal(count.update(Uint8Array.of(1, 2, 3)), 'at-once')
  count.startsAnew(new Uint8Array(70_000))
  doc.getText('body').insert(0, 'x')
  assert.equal(count.update(last()), 'open')
})

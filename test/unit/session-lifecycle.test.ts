// What a session promises over several of its states: nothing is lost or done twice between them, and nothing is left when it is over.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { WeftError } from '../../core/errors.js'
import { mayWrite, sessionBench } from '../helpers/session-bench.js'
import { assertNothingLeft, beat, sessionStates, smallOutbox, transfer, update } from '../helpers/session-states.js'

test('S6: what a client asks while it is being attached is done in order, with the right that was found out last', async () => {
  const bench = sessionBench()
  bench.session.start()
  bench.session.sync({ kind: 'nothing' })
  bench.session.write(1, update)
  bench.session.reauthorize(bench.ask)
  await bench.grant({ user: 'first', permission: 'read-only' })
  await bench.grant({ user: 'last', permission: 'read-write' })
  await bench.attach()
  assert.deepEqual(bench.calls, ['sync nothing', 'submit 1 by last'])
  await assertNothingLeft(bench)
})

test('G6: a token that is shown in mid-attach counts for what was written before, too', async () => {
  const bench = sessionBench()
  await sessionStates.attaching(bench)
  bench.session.write(1, update)
  bench.session.reauthorize(bench.ask)
  await bench.grant({ user: 'u', permission: 'read-only' })
  await bench.attach()
  assert.deepEqual(bench.calls, [])
  assert.deepEqual(bench.sent, ['opened', 'refused'])
  assert.equal(bench.client.weftOf('opened')[0]?.permission, 'read-only')
  await assertNothingLeft(bench)
})

test('G5: a document that opens after its session left is detached, and one that does not open is nobody’s error', async () => {
  const late = sessionBench()
  await sessionStates.attaching(late)
  late.session.leave()
  await late.attach()
  assert.deepEqual(late.calls, ['detach'])
  await assertNothingLeft(late)

  const failed = sessionBench()
  await sessionStates.attaching(failed)
  failed.session.leave()
  await failed.failAttach(new WeftError('store-unavailable', 'Away.'))
  assert.deepEqual(failed.endedWith, [])
  await assertNothingLeft(failed)
})

test('D4: a document that cannot be opened ends the session with the reason, once, and settles who waits', async () => {
  const bench = sessionBench()
  await sessionStates.attaching(bench)
  bench.session.write(1, update)
  let settled = false
  void bench.session.settled().then(() => {
    settled = true
  })
  await bench.clock.settle()
  assert.equal(settled, false)
  await bench.failAttach(new WeftError('store-unavailable', 'Away.'))
  assert.deepEqual(bench.endedWith, ['store-unavailable'])
  assert.equal(settled, true)
  bench.session.leave()
  assert.deepEqual(bench.calls, [])
  await assertNothingLeft(bench)
})

test('G8: something malformed that waited for the document ends its session, and not the reading of the connection', async () => {
  const bench = sessionBench({
    limits: { attachingBytesMax: 1_000 },
    receiveAwareness: () => {
      throw new WeftError('malformed', 'Not awareness.')
    },
  })
  await sessionStates.attaching(bench)
  bench.session.receiveAwareness(new Uint8Array(2_000))
  assert.equal(bench.client.isRead, false)
  await bench.attach()
  assert.deepEqual(bench.endedWith, ['malformed'])
  assert.deepEqual(bench.calls, ['leave', 'detach'])
  assert.equal(bench.client.isRead, true, 'other documents share the connection')
  await assertNothingLeft(bench)
})

test('D3: what is written on a session that is lagging or taking is acknowledged, after it has drained', async () => {
  const bench = sessionBench({ limits: smallOutbox })
  await sessionStates.lagging(bench)
  bench.session.write(1, update)
  bench.document.acknowledged(1, 9)
  bench.client.unstall()
  await bench.clock.settle()
  assert.deepEqual(bench.calls.slice(-3), ['suspend', 'submit 1 by u', 'sync after 8'])
  bench.document.catchUp({ seq: 9, updates: [update] })
  await bench.clock.settle()
  assert.deepEqual(bench.sent.slice(-2), ['state', 'acknowledged'])
  await assertNothingLeft(bench)
})

test('what applications say is dropped while a session is not open yet, and while it is behind with its edits', async () => {
  const message = { payload: 'hi', user: null, sessionId: null }
  const tell = (bench: ReturnType<typeof sessionBench>): boolean | undefined =>
    [...bench.sessions.all][0]?.tell({ ...message, frames: new Map() })
  const early = sessionBench()
  await sessionStates.attaching(early)
  assert.equal(tell(early), false)
  await early.attach()
  assert.equal(tell(early), true)
  await assertNothingLeft(early)
  const bench = sessionBench({ limits: smallOutbox })
  await sessionStates.lagging(bench)
  assert.equal(tell(bench), false)
  bench.client.unstall()
  await bench.clock.settle()
  assert.equal(tell(bench), true)
  await bench.clock.settle()
  assert.deepEqual(
    bench.sent.filter((type) => type === 'message'),
    ['message'],
  )
  await assertNothingLeft(bench)
})

test('S6: what the client asks while it lags replaces what it would have continued with', async () => {
  const bench = sessionBench({ limits: smallOutbox })
  await sessionStates.lagging(bench)
  bench.session.sync({ kind: 'nothing' })
  bench.client.unstall()
  await bench.clock.settle()
  assert.equal(bench.calls.at(-1), 'sync nothing')
  await assertNothingLeft(bench)
})

test('S6: a transfer that is confirmed goes on to its end, and then to what came meanwhile', async () => {
  const bench = sessionBench({ limits: { outboxBytesHigh: 100_000 } })
  await sessionStates.syncing(bench)
  bench.document.catchUp(transfer(4))
  bench.document.beat(beat())
  await bench.clock.settle()
  assert.deepEqual(bench.sent.slice(-5), ['piece', 'piece', 'piece', 'piece', 'state'])
  assert.equal(bench.calls.at(-1), 'sync after 7')
  bench.document.catchUp({ seq: 8, updates: [update] })
  bench.document.beat(beat())
  await bench.clock.settle()
  assert.deepEqual(bench.sent.slice(-3), ['state', 'awareness', 'update'])
  await assertNothingLeft(bench)
})

test('G2: a session that never drains is given up, and its timers with it', async () => {
  const bench = sessionBench({ limits: smallOutbox })
  await sessionStates.lagging(bench)
  await bench.clock.advanceAsync(bench.limits.laggingMsMax)
  assert.equal(bench.client.closing?.code, 4508)
  assert.deepEqual(bench.calls.slice(-2), ['leave', 'detach'])
  await assertNothingLeft(bench)
})

test('X3: a right that ends while its session is being attached, or live, ends it; another token before that does not', async () => {
  for (const state of ['attaching', 'live'] as const) {
    const bench = sessionBench()
    bench.session.start()
    await bench.grant({ ...mayWrite, expiresAt: bench.clock.now() + 60_000 })
    if (state === 'live') await bench.attach()
    await bench.clock.advanceAsync(30_000)
    bench.session.reauthorize(bench.ask)
    await bench.grant({ ...mayWrite, expiresAt: bench.clock.now() + 40_000 })
    await bench.clock.advanceAsync(39_999)
    assert.deepEqual(bench.endedWith, [])
    await bench.clock.advanceAsync(1)
    assert.deepEqual(bench.endedWith, ['unauthenticated'])
    await assertNothingLeft(bench)
  }
})

test('G1: pauses are counted once however often they are said, and end with the session', async () => {
  const bench = sessionBench()
  await sessionStates.live(bench)
  bench.document.resume()
  bench.document.pause()
  bench.document.pause()
  assert.equal(bench.client.isRead, false)
  bench.document.resume()
  assert.equal(bench.client.isRead, true)
  bench.document.pause()
  bench.session.leave()
  assert.equal(bench.client.isRead, true)
  bench.document.pause()
  bench.document.resume()
  assert.equal(bench.client.isRead, true)
  await assertNothingLeft(bench)
})

test('D1: an edit that the hook is still asked about when its client leaves is submitted before the document is left', async () => {
  let answer: () => void = () => {}
  const bench = sessionBench({
    editGuard: () =>
      new Promise((resolve) => {
        answer = resolve
      }),
  })
  await sessionStates.live(bench)
  bench.session.write(1, update)
  await bench.clock.settle()
  bench.session.leave()
  assert.equal(bench.calls.at(-1), 'leave')
  answer()
  await bench.clock.settle()
  assert.deepEqual(bench.calls.slice(-2), ['submit 1 by u', 'detach'])
  bench.document.acknowledged(1, 8)
  await assertNothingLeft(bench)
})

test('G1: an edit that the hook lets in waits on while its document takes no more, in order, and counts until it is submitted', async () => {
  const bench = sessionBench({ editGuard: () => Promise.resolve() })
  await sessionStates.live(bench)
  bench.session.write(1, update)
  bench.document.pause()
  bench.session.write(2, update)
  await bench.clock.settle()
  assert.notEqual(bench.calls.at(-1), 'submit 1 by u')
  assert.ok(bench.budget.account('received').bytes > 0)
  bench.document.resume()
  await bench.clock.settle()
  assert.deepEqual(bench.calls.slice(-2), ['submit 1 by u', 'submit 2 by u'])
  await assertNothingLeft(bench)
})

test('O5: edits that wait for a document which moved are dropped with it, unacknowledged, and count no more', async () => {
  const bench = sessionBench()
  await sessionStates.attaching(bench)
  bench.session.write(1, update)
  bench.document.pause()
  await bench.attach()
  assert.ok(bench.budget.account('received').bytes > 0)
  bench.document.detached(new WeftError('owner-moved', 'Moved.'))
  assert.deepEqual(bench.endedWith, ['owner-moved'])
  assert.deepEqual(bench.calls, ['leave', 'detach'])
  await assertNothingLeft(bench)
})

test('G1: cursors that are asked for again and again are one timer, which ends with the session', async () => {
  const bench = sessionBench()
  await sessionStates.live(bench)
  const before = bench.clock.timerCount
  for (let count = 0; count < 5; count++) bench.session.queryAwareness()
  assert.equal(bench.clock.timerCount, before + 1)
  bench.session.leave()
  assert.equal(bench.clock.timerCount, before)
  bench.session.queryAwareness()
  assert.equal(bench.clock.timerCount, before)
  await assertNothingLeft(bench)
})

// What operators are shown, with a clock that a test moves: samples, busy documents, refusals and the sessions that come first, each of bounded size.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Counters } from '../../core/counters.js'
import { type RegisteredSession, SessionRegistry } from '../../server/access/session-registry.js'
import { BusyDocuments } from '../../server/operators/busy-documents.js'
import { RecentRefusals } from '../../server/operators/recent-refusals.js'
import { percentileOf, Samples } from '../../server/operators/samples.js'
import { ManualClock } from '../helpers/manual-clock.js'

const quietLoop = { start: () => {}, stop: () => {}, read: () => ({ p99Ms: 1, maxMs: 2, busyShare: 0.5 }) }

test('samples are rates since the one before, are asked for by number, and a quarter of an hour of them is kept', () => {
  const clock = new ManualClock()
  const counters = new Counters()
  counters.add('updates_received', 1_000)
  const samples = new Samples({ clock, counters, loop: quietLoop, levels: () => ({ connections: 3, sessions: 4, countedBytes: 5 }) })
  samples.start()
  counters.add('updates_received', 20)
  for (let edit = 0; edit < 100; edit++) counters.observe('acknowledgement_seconds', 0.004)
  clock.advance(2_000)
  clock.advance(2_000)
  const [first, second] = samples.after(0)
  assert.equal(samples.through, 2)
  assert.equal(first?.editsPerSecond, 10)
  assert.deepEqual([first?.connections, first?.sessions, first?.countedBytes, first?.loopDelayP99Ms], [3, 4, 5, 1])
  // Within the bucket from 2.5 ms to 5 ms.
  assert.ok((first?.acknowledgementP99Ms ?? 0) > 2.5 && (first?.acknowledgementP99Ms ?? 0) <= 5)
  assert.equal(second?.editsPerSecond, 0)
  assert.equal(second?.acknowledgementP99Ms, null)
  assert.deepEqual(samples.after(1), [second])
  assert.deepEqual(samples.after(2), [])
  assert.equal(samples.after(99).length, 2, 'a number from before a restart gets all')
  clock.advance(2_000 * 1_000)
  assert.equal(samples.through, 1_002)
  assert.equal(samples.after(0).length, 450)
  assert.equal(samples.after(1_000).length, 2)
  samples.stop()
  assert.equal(clock.timerCount, 0)
})

test('a percentile lies within its bucket, and above the last bound is the last bound', () => {
  const buckets = [1, 2, 4]
  assert.equal(percentileOf({ buckets, counts: [0, 0, 0, 0] }, 0.99), null)
  assert.equal(percentileOf({ buckets, counts: [0, 10, 0, 0] }, 0.5), 1.5)
  assert.equal(percentileOf({ buckets, counts: [50, 0, 50, 0] }, 0.75), 3)
  assert.equal(percentileOf({ buckets, counts: [0, 0, 0, 7] }, 0.99), 4)
})

test('the busiest documents of the last window are shown, the busiest first, and no more than 4,096 are counted', () => {
  const clock = new ManualClock()
  const busy = new BusyDocuments(clock)
  busy.start()
  for (let document = 0; document < 30; document++)
    for (let commit = 0; commit <= (document * 7) % 30; commit++) busy.committed(`d${(document * 7) % 30}`, 100)
  assert.deepEqual(busy.top(), [], 'the first window is not over')
  clock.advance(5_000)
  const top = busy.top()
  assert.equal(top.length, 20)
  assert.deepEqual(top[0], { documentId: 'd29', commitsPerSecond: 6, bytesPerSecond: 600 })
  assert.deepEqual(
    top.map(({ documentId }) => documentId),
    Array.from({ length: 20 }, (_, index) => `d${29 - index}`),
  )
  for (let document = 0; document < 10_000; document++) busy.committed(`e${document}`, 1)
  busy.committed('e9999', 1)
  busy.committed('e0', 1)
  clock.advance(5_000)
  assert.equal(busy.top()[0]?.documentId, 'e0')
  assert.ok(!busy.top().some(({ documentId }) => documentId === 'e9999'), 'what comes past the bound is not counted')
  clock.advance(5_000)
  assert.deepEqual(busy.top(), [])
  busy.stop()
  assert.equal(clock.timerCount, 0)
})

test('G1: the same refusal again is counted where it stands, a hundred are kept, and what strangers chose is cut to a bounded length', () => {
  const clock = new ManualClock()
  const refusals = new RecentRefusals(clock)
  const one = { act: 'session', code: 'forbidden', user: null, address: '192.0.2.1', documentId: 'notes' }
  refusals.record({ ...one, code: 'unauthenticated' })
  refusals.record(one)
  clock.advance(1_000)
  refusals.record({ ...one, code: 'unauthenticated' })
  const [latest, before] = refusals.list()
  assert.deepEqual([latest?.code, latest?.count, (latest?.at ?? 0) - (latest?.since ?? 0)], ['unauthenticated', 2, 1_000])
  assert.deepEqual([before?.code, before?.count], ['forbidden', 1])
  for (let index = 0; index < 500; index++)
    refusals.record({ ...one, documentId: `${index} ${'x'.repeat(5_000)}`, user: 'u'.repeat(5_000) })
  assert.equal(refusals.list().length, 100)
  assert.ok(JSON.stringify(refusals.list()).length < 200_000)
  assert.match(refusals.list()[0]?.documentId ?? '', /^499 x/)
})

function sessionNamed(sessionId: string, about: Partial<RegisteredSession> = {}): RegisteredSession {
  return {
    sessionId,
    documentId: 'notes',
    user: null,
    name: null,
    permission: 'read-write',
    admin: false,
    expiresAt: null,
    address: null,
    since: 0,
    connectionId: 1,
    tokenId: null,
    issuedAt: null,
    askedAt: 0,
    tell: () => false,
    lag: () => ({ state: 'live', edits: 0, waitingBytes: 0 }),
    end: () => {},
    ...about,
  }
}

test('sessions that lag come first, then the newest, then the others, and one is found by its user, document or id', () => {
  const registry = new SessionRegistry()
  const ids = (sessions: Iterable<RegisteredSession>): string[] => [...sessions].map(({ sessionId }) => sessionId)
  for (let number = 0; number < 600; number++)
    registry.set(sessionNamed(`s${number}`, { user: `u${number % 300}`, documentId: `d${number % 10}` }))
  registry.setLagging('s3', true)
  assert.deepEqual(ids(registry.latest(3)), ['s3', 's599', 's598'])
  // Whoever is told about anew stays where they are.
  registry.set(sessionNamed('s3', { user: 'ada' }))
  assert.equal(registry.latest(1)[0]?.user, 'ada')
  registry.setLagging('s3', false)
  assert.deepEqual(ids(registry.latest(2)), ['s599', 's598'])
  assert.equal(registry.latest(1_000).length, 600, 'all of them, also those that are not among the newest')
  for (let number = 100; number < 600; number++) registry.delete(`s${number}`)
  assert.equal(registry.latest(500).length, 100)
  assert.deepEqual(ids(registry.search('s7', 10)), ['s7'])
  assert.deepEqual(ids(registry.search('u50', 10)), ['s50'])
  assert.equal(registry.search('d1', 3).size, 3)
  assert.equal(registry.countOn('d1'), 10)
  assert.equal(registry.countOn('nowhere'), 0)
  registry.setLagging('s999', true)
  registry.delete('s0')
  assert.ok(!ids(registry.latest(500)).includes('s0'))
})

// What one client may send in a second: past it the connection is read in pauses, nothing of what it sent is lost, and one that goes on is closed.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import * as Y from 'yjs'
import type { CounterName } from '../../core/counters.js'
import type { Limits } from '../../core/limits.js'
import { encoded } from '../helpers/awareness.js'
import { type BenchClient, gatewayBench } from '../helpers/gateway-bench.js'

const PER_SECOND = 10
/** Ten seconds of it may come at once. */
const BURST = PER_SECOND * 10
/** Bounds without end, so that one alone is tried. */
const unbounded = {
  messagesPerSecondMax: 1e9,
  messagesPerSecondPerSessionMax: 1e9,
  bytesPerSecondMax: 1e12,
  bytesPerSecondPerSessionMax: 1e12,
  syncsPerSecondMax: 1e9,
  syncsPerSecondPerSessionMax: 1e9,
  awarenessPerSecondMax: 1e9,
  awarenessPerSecondPerSessionMax: 1e9,
  opensPerSecondMax: 1e9,
  requestsPerSecondMax: 1e9,
  rateExceededMsMax: 1e9,
}

interface Flood {
  readonly limit: keyof typeof unbounded & keyof Limits
  readonly perSecond: number
  readonly counter: CounterName
  /** Sends one that counts as one, or as so many bytes as `perSecond` counts in tens. */
  readonly send: (client: BenchClient, number: number) => void
}

const ping = (client: BenchClient): void => client.sendWeft({ type: 'ping' })
const sync = (client: BenchClient): void => client.sendWeft({ type: 'sync', channel: 1, known: { kind: 'nothing' } })
const cursor = (client: BenchClient, number: number): void =>
  client.sendWeft({ type: 'awareness', channel: 1, update: encoded([1, number, { at: number }]) })
const submit = (client: BenchClient, number: number): void => {
  const doc = new Y.Doc()
  doc.clientID = 100 + number
  doc.getText('body').insert(0, 'x'.repeat(1_000))
  client.sendWeft({ type: 'submit', channel: 1, submission: number, update: Y.encodeStateAsUpdate(doc) })
}

const floods: readonly Flood[] = [
  { limit: 'messagesPerSecondMax', perSecond: PER_SECOND, counter: 'rates_exceeded_messages', send: ping },
  { limit: 'messagesPerSecondPerSessionMax', perSecond: PER_SECOND, counter: 'rates_exceeded_messages', send: submit },
  { limit: 'bytesPerSecondMax', perSecond: PER_SECOND * 1_000, counter: 'rates_exceeded_bytes', send: submit },
  { limit: 'bytesPerSecondPerSessionMax', perSecond: PER_SECOND * 1_000, counter: 'rates_exceeded_bytes', send: submit },
  { limit: 'syncsPerSecondMax', perSecond: PER_SECOND, counter: 'rates_exceeded_syncs', send: sync },
  { limit: 'syncsPerSecondPerSessionMax', perSecond: PER_SECOND, counter: 'rates_exceeded_syncs', send: sync },
  { limit: 'awarenessPerSecondMax', perSecond: PER_SECOND, counter: 'rates_exceeded_awareness', send: cursor },
  { limit: 'awarenessPerSecondPerSessionMax', perSecond: PER_SECOND, counter: 'rates_exceeded_awareness', send: cursor },
  {
    limit: 'opensPerSecondMax',
    perSecond: PER_SECOND,
    counter: 'rates_exceeded_opens',
    send: (client, number) => client.open(number + 1, `notes/${number}`),
  },
]

for (const { limit, perSecond, counter, send } of floods)
  describe(limit, () => {
    test(`G1: ${limit}: ten seconds of it come at once; past that the socket is not read until the rate is kept again, and nothing is lost`, async () => {
      const { clock, counters, connectWeft, stop } = await gatewayBench({ limits: { ...unbounded, [limit]: perSecond } })
      const client = connectWeft()
      client.open(1, 'notes')
      await clock.settle()
      for (let number = 1; number <= BURST / 2; number++) send(client, number)
      await clock.settle()
      assert.equal(counters.get(counter), 0)
      assert.equal(client.isRead, true)
      const before = counters.get('messages_received')
      for (let number = BURST / 2 + 1; number <= BURST * 2; number++) send(client, number)
      await clock.settle()
      assert.equal(client.isRead, false)
      assert.ok(counters.get(counter) >= 1)
      const soon = counters.get('messages_received') - before
      assert.ok(soon <= BURST, `${soon} were handled at once`)
      await clock.advanceAsync(30_000)
      assert.equal(client.isRead, true)
      assert.equal(client.closing, null)
      assert.equal(counters.get('messages_received') - before, BURST * 1.5)
      await stop()
      assert.equal(clock.timerCount, 0)
    })

    test(`G1: rateExceededMsMax: a client that goes on above ${limit} is closed with 4503 in words, and others are served`, async () => {
      const limits = { ...unbounded, [limit]: perSecond, rateExceededMsMax: 10_000 }
      const { clock, counters, connectWeft, stop } = await gatewayBench({ limits })
      const client = connectWeft()
      const other = connectWeft()
      client.open(1, 'notes')
      other.open(1, 'elsewhere')
      await clock.settle()
      for (let number = 1; number <= BURST * 5; number++) send(client, number)
      await clock.advanceAsync(60_000)
      assert.equal(client.closing?.code, 4503)
      assert.match(client.closing?.reason ?? '', /has sent more .* than this server takes/)
      assert.equal(counters.get('connections_too_fast'), 1)
      assert.equal(other.closing, null)
      assert.equal(other.isRead, true)
      await stop()
      assert.equal(clock.timerCount, 0)
    })
  })

test('G1: requestsPerSecondMax: requests without a message past it are refused, nothing is read meanwhile, and one who goes on is closed with 4503', async () => {
  const limits = { ...unbounded, requestsPerSecondMax: PER_SECOND, rateExceededMsMax: 10_000 }
  const { clock, counters, connectWeft, stop } = await gatewayBench({ limits })
  const client = connectWeft()
  const ask = (times: number): number =>
    Array.from({ length: times }, () => client.events.requested?.()).filter((fits) => fits === true).length
  assert.equal(ask(BURST), BURST)
  assert.equal(client.isRead, true)
  assert.equal(ask(50), 0)
  assert.equal(client.isRead, false)
  assert.ok(counters.get('rates_exceeded_requests') >= 1)
  await clock.advanceAsync(10_000)
  assert.equal(client.isRead, true)
  assert.ok(ask(PER_SECOND) > 0)
  assert.equal(client.closing, null)
  for (let second = 0; second < 20 && client.closing === null; second++) {
    ask(BURST)
    await clock.advanceAsync(1_000)
  }
  assert.equal((client.closing as { code: unknown } | null)?.code, 4503)
  await stop()
  assert.equal(clock.timerCount, 0)
})

test('G1: rateExceededMsMax: pauses that are far apart do not add up, however many there are', async () => {
  const limits = { ...unbounded, messagesPerSecondMax: PER_SECOND, rateExceededMsMax: 10_000 }
  const { clock, counters, connectWeft, stop } = await gatewayBench({ limits })
  const client = connectWeft()
  for (let burst = 0; burst < 20; burst++) {
    for (let number = 1; number <= BURST + 20; number++) ping(client)
    await clock.advanceAsync(20_000)
  }
  assert.equal(client.closing, null)
  assert.ok(counters.get('rates_exceeded_messages') >= 20)
  await stop()
})

// An address of webhooks over hours of a clock that a test advances: one that is away, hangs, redirects or answers without end costs a bounded number of attempts, and is told
// everything once it is sound.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Counters } from '../../core/counters.js'
import { silentLogger } from '../../core/log.js'
import { seededRandom } from '../../core/random.js'
import { MemoryStore } from '../../persistence/memory/memory-store.js'
import { Webhook } from '../../server/webhooks/webhook.js'
import { WebhookFeed } from '../../server/webhooks/webhook-feed.js'
import { Writer } from '../contract/fixture.js'
import { ManualClock } from '../helpers/manual-clock.js'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

interface Told {
  readonly documentId: string
  readonly fromSeq: number
  readonly throughSeq: number
}

type Answer = (signal: AbortSignal) => Promise<Response>

const takes: Answer = () => Promise.resolve(new Response(null, { status: 204 }))
const isAway: Answer = () => Promise.reject(new TypeError('fetch failed'))
const fails: Answer = () => Promise.resolve(new Response('no', { status: 500 }))
const hangs: Answer = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
/** To an address that nobody configured. */
const redirects: Answer = () => Promise.resolve(new Response(null, { status: 307, headers: { location: 'http://elsewhere.example/' } }))

/** An address, and the documents that it is to be told of. */
async function scene() {
  const clock = new ManualClock()
  const store = new MemoryStore({ clock })
  const told: Told[] = []
  let attempts = 0
  let answer = takes
  const post = async (
    _url: string,
    { body, signal, redirect }: { body: string; signal: AbortSignal; redirect: string },
  ): Promise<Response> => {
    attempts += 1
    assert.equal(redirect, 'manual')
    const response = await answer(signal)
    if (response.ok) told.push(JSON.parse(body).data)
    return response
  }
  const webhook = new Webhook({ url: 'http://receiver.example/hooks', secret: 'a secret for a test', clock, fetch: post as never })
  const feed = new WebhookFeed({
    webhook,
    cursors: store.changeCursors,
    records: store.keyedRecords,
    store,
    present: async () => new Set(),
    owns: () => true,
    shardsClaimed: () => 1,
    clock,
    random: seededRandom(3),
    logger: silentLogger,
    counters: new Counters(),
    quietMs: 1_000,
    waitMsMax: 5_000,
  })
  await feed.start()
  const writers = new Map<string, Writer>()
  return {
    clock,
    feed,
    told,
    attempts: () => attempts,
    answers: (next: Answer) => {
      answer = next
    },
    edit: async (documentId: string): Promise<void> => {
      const writer = writers.get(documentId) ?? (await Writer.claim(store, documentId))
      writers.set(documentId, writer)
      await writer.append('x')
      feed.committed(documentId, writer.head)
    },
    /** Each seq of each document was told, in order. */
    assertWhole: () => {
      for (const [documentId, { head }] of writers) {
        let through = 0
        for (const one of told.filter((event) => event.documentId === documentId)) {
          assert.ok(one.fromSeq <= through + 1, `${documentId}: ${one.fromSeq} follows ${through}`)
          through = Math.max(through, one.throughSeq)
        }
        assert.equal(through, head, documentId)
      }
    },
  }
}

for (const [what, answer] of Object.entries({ 'is away': isAway, fails, hangs, redirects }))
  test(`E2: an address that ${what} for an hour is tried now and then, and told all of it, in order, when it is sound again`, async () => {
    const { clock, feed, told, attempts, answers, edit, assertWhole } = await scene()
    await edit('first')
    await clock.advanceAsync(10_000)
    assert.equal(told.length, 1)
    answers(answer)
    const before = attempts()
    for (let minute = 0; minute < 60; minute++) {
      for (const id of ['first', `doc/${minute}`, `doc/${minute % 7}`]) await edit(id)
      await clock.advanceAsync(MINUTE_MS)
    }
    assert.equal(told.length, 1)
    const tried = attempts() - before
    assert.ok(tried >= 30 && tried <= 200, `${tried} attempts in an hour`)
    // As many documents as changed, however often they did.
    assert.ok(feed.waiting <= 61, `${feed.waiting} wait`)
    answers(takes)
    await clock.advanceAsync(10 * MINUTE_MS)
    assertWhole()
    assert.equal(feed.waiting, 0)
    await feed.close()
  })

test('E2: an answer whose body never ends is taken for what its status says, and nothing of the body is read on', async () => {
  const { clock, feed, answers, edit, assertWhole } = await scene()
  let cancelled = 0
  answers(async () => {
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1_024)),
      cancel: () => {
        cancelled += 1
      },
    })
    return new Response(endless, { status: 200 })
  })
  await edit('a')
  await edit('b')
  await clock.advanceAsync(HOUR_MS)
  assertWhole()
  assert.equal(cancelled, 2)
  await feed.close()
})

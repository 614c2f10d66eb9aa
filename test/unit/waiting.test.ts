// Which clients of a document wait for others, against what Yjs itself keeps as pending; and how many may (G1).
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { defaultLimits } from '../../core/limits.js'
import { type Random, seededRandom } from '../../core/random.js'
import { runAtOnce } from '../../core/slices.js'
import { inspectUpdate } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { WaitingClients } from '../../protocol/updates/waiting-clients.js'
import { randomUpdate } from '../helpers/fuzz-updates.js'
import { OwnerBench } from '../helpers/owner-bench.js'
import { randomHistory, shuffled } from '../helpers/update-generator.js'
import { updateShapes } from '../helpers/update-shapes.js'

/** The clients that Yjs has pending structs of. */
function pendingIn(doc: Y.Doc): number[] {
  const { pendingStructs } = doc.store
  if (pendingStructs === null) return []
  const pending = new Set(
    Y.decodeUpdateV2(pendingStructs.update)
      .structs.filter((struct) => !(struct instanceof Y.Skip))
      .map((struct) => struct.id.client),
  )
  return [...pending].sort((a, b) => a - b)
}

class Followed {
  readonly known = new KnownState()
  readonly waiting = new WaitingClients()
  readonly log: Uint8Array[] = []

  take(update: Uint8Array): void {
    const fresh = this.known.subtract(inspectUpdate(update, defaultLimits))
    if (fresh === null) return
    const added = inspectUpdate(fresh, defaultLimits)
    const plan = this.waiting.leavesNothing(added, this.known) ? null : runAtOnce(this.waiting.judging(added, this.known))
    if (plan !== null) this.waiting.take(plan)
    this.known.add(added)
    this.log.push(fresh)
  }

  /** What a store would give back: found anew, with the updates as they were logged. */
  reopened(): WaitingClients {
    const known = new KnownState()
    const waiting = new WaitingClients()
    for (const update of this.log) {
      const inspected = inspectUpdate(update, defaultLimits)
      known.add(inspected)
      if (!waiting.leavesNothing(inspected, known)) waiting.take(runAtOnce(waiting.judging(inspected, known)))
    }
    return waiting
  }
}

function follow(random: Random, updates: readonly Uint8Array[], seed: number): void {
  const followed = new Followed()
  for (const update of updates) {
    followed.take(update)
    // All at once: of updates that come one by one Yjs tries some of what waits again only later.
    const doc = new Y.Doc()
    Y.applyUpdate(doc, Y.mergeUpdates([...followed.log]))
    assert.deepEqual(followed.waiting.clients, pendingIn(doc), `seed ${seed}, update ${followed.log.length}`)
    if (random.below(6) === 0) assert.deepEqual(followed.reopened().clients, followed.waiting.clients, `seed ${seed}: opened anew`)
  }
}

test('S4, G7: the clients that wait are those that Yjs has pending, in whatever order honest updates come', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed)
    const { updates } = randomHistory(random, { clients: 4, steps: 50 })
    follow(random, shuffled(random, updates).slice(0, 60), seed)
  }
})

test('S4, G7: merged parts of histories, with gaps and whole, leave waiting what Yjs leaves pending', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed)
    const { updates } = randomHistory(random, { clients: 4, steps: 40 })
    const parts = shuffled(random, updates).slice(0, 60)
    const merged: Uint8Array[] = []
    while (parts.length > 0) merged.push(Y.mergeUpdates(parts.splice(0, 1 + random.below(12))))
    follow(random, merged, seed)
  }
})

test('G1: past waitingClientsPerDocumentMax clients that wait for one another are refused, and let in once they do not', async () => {
  const bench = await OwnerBench.start({ limits: { waitingClientsPerDocumentMax: 10 } })
  const session = await bench.join('doc')
  const waiting = updateShapes['clients that wait for one another']
  session.submit(waiting(10))
  session.submit(waiting(30))
  await bench.clock.settle()
  assert.deepEqual(
    session.refusals.map(({ submission, error }) => [submission, error.code, error.closeCode]),
    [[2, 'dependencies-missing', 4413]],
  )
  // The one at the end of the chain: what waited is taken in, and as many may wait again.
  session.submit(Uint8Array.of(1, 1, 11, 0, 4, 1, 1, 116, 1, 97, 0))
  session.submit(waiting(11))
  await bench.clock.settle()
  assert.equal(session.refusals.length, 1)
  assert.equal((await bench.stored('doc')).getText('t').length, 11)
})

test('G1: clients that wait for each other in a circle count, too', async () => {
  const circles = (pairs: number): Uint8Array => {
    const blocks: number[] = []
    for (let client = pairs * 2; client > 0; client--) blocks.push(1, client, 0, 0x84, client % 2 === 0 ? client - 1 : client + 1, 0, 1, 97)
    return Uint8Array.from([pairs * 2, ...blocks, 0])
  }
  const bench = await OwnerBench.start({ limits: { waitingClientsPerDocumentMax: 10 } })
  const session = await bench.join('doc')
  session.submit(circles(5))
  session.submit(circles(6))
  await bench.clock.settle()
  assert.deepEqual(
    session.refusals.map(({ submission }) => submission),
    [2],
  )
})

test('G7: random updates that nobody would send are followed to the end, and never wait when everything they name is there', () => {
  let waited = 0
  for (let seed = 1; seed <= 1_500; seed++) {
    const random = seededRandom(seed)
    const followed = new Followed()
    for (let step = 0; step < 4; step++) {
      const update = randomUpdate(random)
      try {
        inspectUpdate(update, defaultLimits)
      } catch {
        continue
      }
      followed.take(update)
    }
    waited += followed.waiting.count
    // Yjs loses some of those that wait for each other, so it never has more of them.
    const doc = new Y.Doc()
    for (const update of followed.log) Y.applyUpdate(doc, update)
    for (const client of pendingIn(doc))
      assert.ok(followed.waiting.clients.includes(client), `seed ${seed}: client ${client} waits in Yjs only`)
    for (const client of followed.waiting.clients)
      assert.ok(Y.getState(doc.store, client) < followed.known.lastEnd(client), `seed ${seed}: client ${client} waits here only`)
  }
  assert.ok(waited > 500)
})

// Where compactions run: in a thread or in a process by their cost, one at a time in each, in fair order, and with nothing outside that they could harm.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import * as Y from 'yjs'
import { systemClock } from '../../core/clock.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import type { DecodingCost } from '../../protocol/updates/decoding-cost.js'
import { indexOf } from '../../protocol/updates/encoded-document.js'
import { inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import { ContainedCompactor } from '../../server/document/compactor/contained-compactor.js'
import { CompactionLane } from '../../server/document/compactor/lane.js'
import type { CompactionAnswer, CompactionPlace, CompactionRequest } from '../../server/document/compactor/place.js'
import { CompactionProcess } from '../../server/document/compactor/process.js'
import { alternatingGaps, gcStructs, manyClients } from '../attack/shapes.js'
import { history } from '../helpers/history.js'
import { ManualClock } from '../helpers/manual-clock.js'
import { canonicalState } from '../helpers/states.js'

const MiB = 1024 * 1024
const account = () => new MemoryBudget(1024 * MiB).account('compaction')
const anything = { memoryBytes: Number.MAX_VALUE, ms: Number.MAX_VALUE }

function assertReadsAs(state: Uint8Array, doc: Y.Doc): void {
  const compacted = new Y.Doc()
  Y.applyUpdate(compacted, state)
  assert.equal(canonicalState(compacted), canonicalState(doc))
}

describe('in a thread', () => {
  test('D6, D8: it compacts, names poison, survives it, and ends', async () => {
    const compactor = new ContainedCompactor({ clock: systemClock, compactionBytesMax: 512 * MiB, account: account() })
    const { updates, doc } = history(5, 200)
    const [first, poisoned, second] = await Promise.all([
      compactor.compact({ base: null, tail: updates }),
      compactor.compact({ base: null, tail: [...updates.slice(0, 4), Uint8Array.of(1, 1, 1, 0, 0x1f, 0, 0), ...updates.slice(4)] }),
      compactor.compact({ base: null, tail: updates.slice(0, 100) }),
    ])
    assert.equal(first.outcome, 'compacted')
    assert.ok(first.outcome === 'compacted')
    assertReadsAs(first.state, doc)
    assert.deepEqual(first.index, indexOf(inspectUpdate(first.state, storedBounds)), 'with an index that is right')
    assert.equal(poisoned.outcome === 'poisoned' && poisoned.index, 4)
    assert.equal(second.outcome, 'compacted')
    await compactor.close()
    await compactor.close()
    await assert.rejects(compactor.compact({ base: null, tail: updates }))
  })

  test('D6: the thread ends when it has been idle for a while, and the next compaction starts another', async () => {
    const clock = new ManualClock()
    const compactor = new ContainedCompactor({ clock, compactionBytesMax: 512 * MiB, account: account() })
    const { updates } = history(6, 20)
    for (let round = 0; round < 2; round++) {
      assert.equal((await compactor.compact({ base: null, tail: updates })).outcome, 'compacted')
      assert.equal(clock.timerCount, 1, 'the idle timer only')
      clock.advance(10_000)
      assert.equal(clock.timerCount, 0)
    }
    await compactor.close()
  })
})

describe('in a process', () => {
  test('D6: it compacts as a thread does, and gains what a thread gains', async () => {
    const { updates, doc } = history(8, 300)
    const costs: DecodingCost[] = []
    const place = new CompactionProcess(512 * MiB)
    const request = { input: { base: Y.mergeUpdates(updates.slice(0, 100)), tail: updates.slice(100) }, bounds: anything }
    const answer = await place.ask(request, (cost) => void costs.push(cost))
    await place.end()
    assert.ok(answer.kind === 'compacted')
    assertReadsAs(answer.state, doc)
    assert.deepEqual(answer.index, indexOf(inspectUpdate(answer.state, storedBounds)), 'with an index that is right')
    assert.equal(costs.length, 1)
  })

  test('D8: it says that a document cannot be applied, and why', async () => {
    const place = new CompactionProcess(512 * MiB)
    const answer = await place.ask({ input: { base: null, tail: [Uint8Array.of(1, 1, 1, 0, 0x1f, 0, 0)] }, bounds: anything }, () => {})
    await place.end()
    assert.equal(answer.kind, 'unappliable')
  })

  test('G8: a million structs between gaps end the process that decodes them, and nothing else', async () => {
    const place = new CompactionProcess(160 * MiB)
    const tail = [alternatingGaps(1, 1_000_000)]
    await assert.rejects(
      place.ask({ input: { base: null, tail }, bounds: anything }, () => {}),
      /would have taken more than 167772160 bytes/,
    )
    await place.end()
  })

  test('it ends with the server that asked, and is not there twice', async () => {
    const place = new CompactionProcess(160 * MiB)
    await place.end()
    await place.end()
    await assert.rejects(
      place.ask({ input: { base: null, tail: [] }, bounds: anything }, () => {}),
      /ended/,
    )
  })
})

describe('by cost', () => {
  test('G8: what costs too much for a thread goes to a process; what costs too much for that is not begun', async () => {
    const tail = [alternatingGaps(1, 20_000)]
    const held = account()
    const threadBounds = { memoryBytes: 2 * MiB, ms: 1_000 }
    const roomy = new ContainedCompactor({ clock: systemClock, compactionBytesMax: 256 * MiB, threadBounds, account: held })
    const compacted = await roomy.compact({ base: null, tail })
    await roomy.close()
    assert.equal(compacted.outcome, 'compacted')
    assert.equal(held.bytes, 0, 'nothing is held once it is over')
    const narrow = new ContainedCompactor({ clock: systemClock, compactionBytesMax: 4 * MiB, threadBounds, account: held })
    const refused = await narrow.compact({ base: null, tail })
    const small = await narrow.compact({ base: null, tail: history(3, 30).updates })
    await narrow.close()
    assert.equal(refused.outcome, 'too-costly')
    assert.equal(small.outcome, 'compacted')
    assert.equal(held.bytes, 0)
  })

  test('G8: collected structs one by one, as older versions stored them, cost no more than if they were one', async () => {
    const compactor = new ContainedCompactor({ clock: systemClock, compactionBytesMax: 64 * MiB, account: account() })
    const tail = [gcStructs(1, 0, 1_000_000), gcStructs(1, 1_000_000, 1_000_000)]
    const result = await compactor.compact({ base: null, tail })
    await compactor.close()
    assert.ok(result.outcome === 'compacted' && result.state.length < 20)
  })

  test('G7: many clients behind gaps cost the square of their number, and are not begun', async () => {
    const compactor = new ContainedCompactor({ clock: systemClock, compactionBytesMax: 1024 * MiB, account: account() })
    const result = await compactor.compact({ base: null, tail: [manyClients(1, 200_000, 5)] })
    await compactor.close()
    assert.ok(result.outcome === 'too-costly' && result.ms > 60_000)
  })
})

/** Answers when it is told to; ends when it is told to. */
class PlayedPlace implements CompactionPlace {
  readonly lasting = true
  readonly asked: { readonly bytes: number; answer(): void; readonly costed: (cost: DecodingCost) => void }[] = []
  #end: (error: Error) => void = () => {}
  ended = false

  ask({ input }: CompactionRequest, costed: (cost: DecodingCost) => void): Promise<CompactionAnswer> {
    return new Promise((resolve, reject) => {
      this.#end = reject
      const bytes = input.tail[0]?.length ?? 0
      this.asked.push({ bytes, costed, answer: () => resolve({ kind: 'failed', reason: 'played' }) })
    })
  }

  async end(): Promise<void> {
    this.ended = true
    this.#end(new Error('ended'))
  }
}

function request(bytes: number): CompactionRequest {
  return { input: { base: null, tail: [new Uint8Array(bytes)] }, bounds: anything }
}

describe('a lane', () => {
  const KiB = 1024

  test('G7: small ones go first, and a large one is not starved by those that keep coming', async () => {
    const clock = new ManualClock()
    const place = new PlayedPlace()
    const lane = new CompactionLane({ clock, account: account(), idleMs: 1_000, start: () => place })
    const all = [lane.run(request(1)), lane.run(request(1024 * KiB)), lane.run(request(2 * KiB))]
    const order: number[] = []
    const answerNext = async (): Promise<void> => {
      const next = place.asked.at(-1)
      order.push(next?.bytes ?? -1)
      next?.answer()
      await clock.settle()
    }
    await clock.settle()
    await answerNext()
    await answerNext()
    // Every 300 ms two more small ones come, and one is done.
    for (let round = 0; round < 6; round++) {
      clock.advance(300)
      all.push(lane.run(request(4 * KiB)), lane.run(request(4 * KiB)))
      await clock.settle()
      await answerNext()
    }
    assert.deepEqual(order.slice(0, 2), [1, 2 * KiB])
    assert.ok(order.includes(1024 * KiB), 'the large one had its turn among the small ones')
    assert.ok(order.length < all.length, 'while some of them still waited')
    const rest = Promise.allSettled(all)
    await lane.close()
    await rest
  })

  test('G7: what takes longer than its cost allows is ended, alone', async () => {
    const clock = new ManualClock()
    const places: PlayedPlace[] = []
    const start = (): PlayedPlace => {
      const place = new PlayedPlace()
      places.push(place)
      return place
    }
    const lane = new CompactionLane({ clock, account: account(), idleMs: 1_000, start })
    const stuck = lane.run(request(2))
    const after = lane.run(request(3))
    const stuckRejected = assert.rejects(stuck, /took longer than 30020 ms/)
    await clock.settle()
    places[0]?.asked[0]?.costed({ memoryBytes: 1, ms: 1 })
    clock.advance(30_019)
    await clock.settle()
    assert.equal(places[0]?.ended, false)
    clock.advance(1)
    await clock.settle()
    await stuckRejected
    assert.equal(places.length, 2, 'the next one has a place of its own')
    places[1]?.asked[0]?.answer()
    assert.equal((await after).kind, 'failed')
    await lane.close()
  })

  test('G7: what does not even say its cost is ended sooner', async () => {
    const clock = new ManualClock()
    const place = new PlayedPlace()
    const lane = new CompactionLane({ clock, account: account(), idleMs: 1_000, start: () => place })
    const mute = assert.rejects(lane.run(request(2)), /took longer than 30000 ms/)
    await clock.settle()
    clock.advance(30_001)
    await mute
    await lane.close()
  })
})

// What one document may hold (G1): structs, client ids, delete ranges, edits that wait for others; and that it still takes what makes none of them more.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as Y from 'yjs'
import { WeftError } from '../../core/errors.js'
import { defaultLimits, type Limits } from '../../core/limits.js'
import { seededRandom } from '../../core/random.js'
import { runAtOnce } from '../../core/slices.js'
import { countsOf } from '../../protocol/updates/decoding-cost.js'
import { inspectUpdate } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { decodeStateVector } from '../../protocol/updates/state-vector.js'
import { refusalAtOnce } from '../../server/document/document-limits.js'
import { editOf, OwnerBench } from '../helpers/owner-bench.js'
import { randomHistory, shuffled } from '../helpers/update-generator.js'
import { empty, updateShapes, writeUpdate } from '../helpers/update-shapes.js'

/** Submits `updates` one after the other; returns how each was answered. */
async function answersTo(limits: Partial<Limits>, updates: readonly Uint8Array[]): Promise<string[]> {
  const bench = await OwnerBench.start({ limits })
  const session = await bench.join('doc')
  for (const update of updates) session.submit(update)
  await bench.clock.settle()
  const refused = new Map(session.refusals.map(({ submission, error }) => [submission, `${error.code} ${error.closeCode}`]))
  assert.equal(session.detachedBy, null)
  return updates.map((_, index) => refused.get(index + 1) ?? 'taken')
}

const TOO_LARGE = 'document-too-large 4413'
const MISSING = 'dependencies-missing 4413'

test('G1: past structsPerDocumentMax an update that brings structs is refused, and one that deletes is not', async () => {
  const shape = updateShapes['characters of their own']
  const deletion = updateShapes['delete ranges'](2)
  const limits = { structsPerDocumentMax: 10 }
  assert.deepEqual(await answersTo(limits, [shape(8), editOf('x', 1), editOf('y', 2), editOf('z', 3), deletion]), [
    'taken',
    'taken',
    'taken',
    TOO_LARGE,
    'taken',
  ])
})

test('G1: past clientsPerDocumentMax an update of another client is refused, and those who are there go on', async () => {
  const authors = [1, 2, 3].map((client) => {
    const doc = new Y.Doc()
    doc.clientID = client
    const updates: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => updates.push(update))
    doc.getText('t').insert(0, 'a')
    doc.getText('t').insert(1, 'b')
    return updates as [Uint8Array, Uint8Array]
  }) as [[Uint8Array, Uint8Array], [Uint8Array, Uint8Array], [Uint8Array, Uint8Array]]
  const updates = [authors[0][0], authors[1][0], authors[2][0], authors[0][1]]
  assert.deepEqual(await answersTo({ clientsPerDocumentMax: 2 }, updates), ['taken', 'taken', TOO_LARGE, 'taken'])
  assert.deepEqual(await answersTo({ clientsPerDocumentMax: 2 }, [updateShapes['delete ranges of many clients'](3), editOf('x', 9)]), [
    TOO_LARGE,
    'taken',
  ])
})

test('G1: past deleteRangesPerDocumentMax an update with more of them is refused', async () => {
  const shape = updateShapes['delete ranges']
  assert.deepEqual(await answersTo({ deleteRangesPerDocumentMax: 5 }, [shape(5), shape(7), editOf('x', 9)]), ['taken', TOO_LARGE, 'taken'])
})

test('G1: past waitingClientsPerDocumentMax and gapsPerDocumentMax an update is refused until the missing ones have come', async () => {
  const waiting = updateShapes['many clients behind gaps']
  assert.deepEqual(await answersTo({ waitingClientsPerDocumentMax: 3 }, [waiting(3), waiting(4), editOf('x', 9)]), [
    'taken',
    MISSING,
    'taken',
  ])
  const gaps = updateShapes['GCs and Skips in turn']
  assert.deepEqual(await answersTo({ gapsPerDocumentMax: 3 }, [gaps(8), gaps(10), updateShapes['one string'](10), gaps(8)]), [
    'taken',
    MISSING,
    'taken',
    'taken',
  ])
})

test('G1: documentBytesMax counts what the deletes make of the document once it is compacted', async () => {
  const known = new KnownState()
  const update = inspectUpdate(updateShapes['delete ranges in a text'](1_000), defaultLimits)
  known.add(update)
  const doc = new Y.Doc()
  Y.applyUpdate(doc, update.bytes)
  const compacted = Y.encodeStateAsUpdate(doc).length
  assert.ok(compacted > update.bytes.length * 2, 'the shape grows')
  assert.ok(update.bytes.length + known.cutBytes >= compacted, `${compacted} bytes were told as ${update.bytes.length + known.cutBytes}`)
  const limits = { ...defaultLimits, documentBytesMax: compacted }
  const keystroke = inspectUpdate(editOf('x', 1), defaultLimits)
  const refusal = refusalAtOnce(keystroke, known, limits, update.bytes.length)
  assert.ok(refusal instanceof WeftError && refusal.code === 'document-too-large')
  // A compaction has made of it what it is now.
  known.recount(known.counts, { ...countsOf(inspectUpdate(Y.encodeStateAsUpdate(doc), defaultLimits)), cutBytes: 0 })
  assert.equal(refusalAtOnce(keystroke, known, { ...limits, documentBytesMax: compacted + 100 }, compacted), null)
})

/** So many types, of a client with nothing else. */
const typesOf = (count: number): Uint8Array =>
  Y.encodeStateAsUpdate(
    (() => {
      const doc = new Y.Doc()
      doc.clientID = 9
      doc.getArray('list').insert(
        0,
        Array.from({ length: count }, () => new Y.Map()),
      )
      return doc
    })(),
  )

test('G1: a compaction makes room: structs that it merges count no more, and those that come meanwhile do', async () => {
  const bench = await OwnerBench.start({ limits: { structsPerDocumentMax: 120 } })
  const session = await bench.join('doc')
  session.submit(updateShapes['characters of their own'](100))
  await bench.clock.settle()
  session.submit(typesOf(30))
  await bench.clock.settle()
  assert.deepEqual(
    session.refusals.map(({ error }) => error.code),
    ['document-too-large'],
  )
  // The refusal began a compaction, which merges the characters.
  await bench.clock.advanceAsync(60_000)
  session.submit(typesOf(30))
  await bench.clock.settle()
  assert.equal(session.refusals.length, 1)
  session.submit(typesOf(130))
  await bench.clock.settle()
  assert.equal(session.refusals.length, 2)
})

test('a state vector that is kept in pieces stays what it would be made anew, also before some additions', () => {
  const random = seededRandom(4)
  const known = new KnownState()
  const clients = Array.from({ length: 3_000 }, () =>
    random.below(2) === 0 ? random.below(4_000) : random.below(2 ** 31) * 2 ** 20 + random.below(2 ** 20),
  )
  const clocks = new Map<number, number>()
  const struct = (client: number, clock: number, length: number) =>
    inspectUpdate(writeUpdate([{ client, clock, count: 1, structs: (encoder) => empty(encoder, 0, length) }]), defaultLimits)
  for (let round = 0; round < 12; round++) {
    const before = new Map(clocks)
    const added = Array.from({ length: 300 }, () => {
      const client = clients[random.below(clients.length)] as number
      const clock = clocks.get(client) ?? 0
      clocks.set(client, clock + 2)
      const update = struct(client, clock, 2)
      known.add(update)
      return update
    })
    const expected = (vector: ReadonlyMap<number, number>) => [...vector].sort((a, b) => b[0] - a[0])
    // In Yjs's order, and no client twice.
    assert.deepEqual([...decodeStateVector(known.stateVectorBefore(added), defaultLimits)], expected(before))
    assert.deepEqual([...decodeStateVector(known.stateVector(), defaultLimits)], expected(clocks))
  }
})

test('G1: gaps and the clients behind them are counted as they come and go', () => {
  for (let seed = 1; seed <= 15; seed++) {
    const random = seededRandom(seed)
    const { updates } = randomHistory(random, { clients: 5, steps: 40 })
    const known = new KnownState()
    for (const bytes of shuffled(random, updates)) {
      const update = inspectUpdate(bytes, defaultLimits)
      const growth = runAtOnce(known.growing(update))
      const before = { gaps: known.gapCount, gapped: known.gappedClientCount, clients: known.clientCount, ranges: known.deleteRangeCount }
      if (known.subtract(update) === null) continue
      known.add(update)
      assert.deepEqual([known.gapCount, known.gappedClientCount], [before.gaps + growth.gaps, before.gapped + growth.gappedClients])
      assert.equal(known.clientCount, before.clients + growth.clients)
      assert.ok(known.deleteRangeCount <= before.ranges + growth.deleteRanges)
    }
    assert.deepEqual([known.gapCount, known.gappedClientCount], [0, 0])
    const whole = new KnownState()
    whole.add(inspectUpdate(Y.mergeUpdates([...updates]), defaultLimits))
    assert.equal(known.deleteRangeCount, whole.deleteRangeCount)
  }
})

// Cutting structs into pieces and merging runs of them, against what Yjs itself makes of the same structs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { defaultLimits } from '../../core/limits.js'
import { seededRandom } from '../../core/random.js'
import { inspectUpdate } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { isNormal, normalForm } from '../../protocol/updates/normal-form.js'
import { normalizeRanges } from '../../protocol/updates/ranges.js'
import { randomUpdate } from '../helpers/fuzz-updates.js'
import { updateShapes, writeUpdate } from '../helpers/update-shapes.js'

const CLIENT = 5
const inspect = (bytes: Uint8Array) => inspectUpdate(bytes, defaultLimits)

/** Any content of several clocks. */
const content = fc.oneof(
  fc
    .string({ unit: 'binary', minLength: 2, maxLength: 20 })
    .map((text) => ({ ref: 4, write: (encoder: encoding.Encoder) => encoding.writeVarString(encoder, text) })),
  fc.array(fc.constantFrom('a', 'é', '🙂', '語'), { minLength: 2, maxLength: 12 }).map((parts) => ({
    ref: 4,
    write: (encoder: encoding.Encoder) => encoding.writeVarString(encoder, parts.join('')),
  })),
  fc
    .array(fc.oneof(fc.string(), fc.integer(), fc.constant<encoding.AnyEncodable>({ a: [1, 'x'] })), { minLength: 2, maxLength: 6 })
    .map((values) => ({
      ref: 8,
      write: (encoder: encoding.Encoder) => {
        encoding.writeVarUint(encoder, values.length)
        for (const value of values) encoding.writeAny(encoder, value)
      },
    })),
  fc.array(fc.jsonValue({ maxDepth: 2 }), { minLength: 2, maxLength: 6 }).map((values) => ({
    ref: 2,
    write: (encoder: encoding.Encoder) => {
      encoding.writeVarUint(encoder, values.length)
      for (const value of values) encoding.writeVarString(encoder, JSON.stringify(value))
    },
  })),
  fc
    .integer({ min: 2, max: 20 })
    .map((length) => ({ ref: 1, write: (encoder: encoding.Encoder) => encoding.writeVarUint(encoder, length) })),
)

/** Where the item hangs: a root type with or without a key, an item as parent, an origin, a right origin, both. */
const head = fc.constantFrom<(encoder: encoding.Encoder, ref: number) => void>(
  (encoder, ref) => {
    encoding.writeUint8(encoder, ref)
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarString(encoder, 'root')
  },
  (encoder, ref) => {
    encoding.writeUint8(encoder, ref | 0x20)
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarString(encoder, 'root')
    encoding.writeVarString(encoder, 'key')
  },
  (encoder, ref) => {
    encoding.writeUint8(encoder, ref)
    for (const value of [0, 2 ** 53 - 1, 2 ** 31]) encoding.writeVarUint(encoder, value)
  },
  (encoder, ref) => {
    encoding.writeUint8(encoder, ref | 0x80)
    for (const value of [CLIENT, 3]) encoding.writeVarUint(encoder, value)
  },
  (encoder, ref) => {
    encoding.writeUint8(encoder, ref | 0x60)
    for (const value of [700, 3]) encoding.writeVarUint(encoder, value)
  },
  (encoder, ref) => {
    encoding.writeUint8(encoder, ref | 0xc0)
    for (const value of [CLIENT, 3, 2 ** 40, 900]) encoding.writeVarUint(encoder, value)
  },
)

function itemOf(update: Uint8Array): Y.Item[] {
  return Y.decodeUpdate(update).structs.filter((struct): struct is Y.Item => struct instanceof Y.Item)
}

test('S3, G7: a struct that is known in many places is cut into what Yjs would have cut it into', () => {
  fc.assert(
    fc.property(head, content, fc.array(fc.boolean(), { minLength: 1, maxLength: 24 }), (writeHead, { ref, write }, knownClocks) => {
      const update = writeUpdate([
        {
          client: CLIENT,
          clock: 10,
          count: 1,
          structs: (encoder) => {
            writeHead(encoder, ref)
            write(encoder)
          },
        },
      ])
      const inspected = inspect(update)
      const whole = itemOf(update)[0] as Y.Item
      const ranges = normalizeRanges(
        knownClocks.flatMap((isKnown, index) => (isKnown && index < whole.length ? [10 + index, 11 + index] : [])),
      )
      fc.pre(ranges.length > 0)
      const known = new KnownState()
      const block = inspected.blocks[0]
      assert.ok(block)
      known.add({ ...inspected, blocks: [{ ...block, ranges }] })
      const fresh = known.subtract(inspected)
      const missing: number[] = []
      for (let clock = 10; clock < 10 + whole.length; clock++) if (knownClocks[clock - 10] !== true) missing.push(clock, clock + 1)
      if (missing.length === 0) return assert.equal(fresh, null)
      assert.ok(fresh)
      const pieces = itemOf(fresh)
      const expected = normalizeRanges(missing)
      assert.deepEqual(inspect(fresh).blocks[0]?.ranges, expected)
      for (const [index, piece] of pieces.entries()) {
        const [from, to] = [expected[index * 2] as number, expected[index * 2 + 1] as number]
        const theirs = whole.content.copy()
        const tail = from > 10 ? theirs.splice(from - 10) : theirs
        if (to < 10 + whole.length) tail.splice(to - from)
        assert.deepEqual(piece.content, tail)
        assert.deepEqual(piece.origin, from > 10 ? Y.createID(CLIENT, from - 1) : whole.origin)
        assert.deepEqual(piece.rightOrigin, whole.rightOrigin)
        if (from === 10) assert.deepEqual([piece.parent, piece.parentSub], [whole.parent, whole.parentSub])
      }
    }),
    { numRuns: 2_000, seed: 7 },
  )
})

test('S3: a text over a thousand gaps between GCs fills each of them with its own character', () => {
  const known = new KnownState()
  const gaps = updateShapes['GCs and Skips in turn'](2_000)
  known.add(inspect(gaps))
  const fresh = known.subtract(inspect(updateShapes['one string'](2_000)))
  assert.ok(fresh)
  assert.equal(inspect(fresh).blocks[0]?.ranges.length, 2_000)
  const doc = new Y.Doc()
  for (const update of [gaps, fresh]) Y.applyUpdate(doc, update)
  assert.deepEqual(Y.encodeStateVector(doc), Y.encodeStateVector(new Map([[CLIENT, 2_000]])))
})

/** What a document is known to have once it has applied `update`. */
function applied(update: Uint8Array): KnownState {
  const doc = new Y.Doc({ gc: false })
  Y.applyUpdate(doc, update)
  const known = new KnownState()
  known.add(inspect(Y.encodeStateAsUpdate(doc)))
  return known
}

test('G7: neighbouring GCs and Skips are logged as one each, and Yjs makes the same of the update', () => {
  const merged = normalForm(inspect(updateShapes['one-clock GCs'](100_000)))
  assert.ok(merged.length < 16)
  assert.deepEqual(inspect(merged).blocks[0]?.ranges, [0, 100_000])
  assert.ok(isNormal(inspect(updateShapes['GCs and Skips in turn'](100))))
  let changed = 0
  let inOrder = 0
  let same = 0
  for (let seed = 1; seed <= 3_000; seed++) {
    const update = randomUpdate(seededRandom(seed))
    let inspected: ReturnType<typeof inspect>
    try {
      inspected = inspect(update)
    } catch {
      continue
    }
    const normal = normalForm(inspected)
    if (isNormal(inspected)) {
      assert.deepEqual(normal, update)
      continue
    }
    changed++
    const after = inspect(normal)
    assert.ok(isNormal(after), `seed ${seed}`)
    assert.equal(after.structCount, inspected.structCount - inspected.mergeableCount)
    assert.deepEqual(
      after.blocks.map(({ client, ranges }) => ({ client, ranges })),
      inspected.blocks.map(({ client, ranges }) => ({ client, ranges })),
      `seed ${seed}`,
    )
    assert.deepEqual(after.deletes, inspected.deletes, `seed ${seed}`)
    // Yjs itself is only to be trusted with deletes in order.
    if (!inspected.deletesInOrder) continue
    inOrder++
    // Of clients that wait for each other in a circle Yjs loses what follows in small structs.
    assert.ok(applied(normal).covers(applied(update)), `seed ${seed}`)
    assert.ok(applied(normal).covers(applied(Y.mergeUpdates([normal, update]))), `seed ${seed}`)
    same += applied(normal).equals(applied(update)) ? 1 : 0
  }
  assert.ok(inOrder > 30 && same > inOrder * 0.9, `${changed} changed, ${inOrder} in order, ${same} the same`)
})

test('S4: deletes that come out of order and before their structs are logged in order, since Yjs would make others of them', () => {
  const outOfOrder = Uint8Array.of(0, 1, 5, 2, 7, 3, 0, 4)
  const inspected = inspect(outOfOrder)
  const normal = normalForm(inspected)
  assert.deepEqual(normal, Uint8Array.of(0, 1, 5, 2, 0, 4, 7, 3))
  const known = new KnownState()
  known.add(inspected)
  assert.ok(applied(normal).equals(known))
  // The control: should Yjs learn it, this rule can go.
  assert.ok(!applied(outOfOrder).equals(known))
})

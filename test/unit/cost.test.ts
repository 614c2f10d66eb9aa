// G7: what each kind of message costs grows with its bytes, whatever is in them, and not with what is there already.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { runAtOnce } from '../../core/slices.js'
import { decodeAwareness, encodeAwareness } from '../../protocol/awareness.js'
import { decodeWeftClient, encodeWeftClient } from '../../protocol/dialects/weft.js'
import { decodeYWebsocket, encodeYWebsocket } from '../../protocol/dialects/y-websocket.js'
import { encodeVarUints, structFrom } from '../../protocol/updates/encoding.js'
import { inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { PieceStream } from '../../protocol/updates/piece-stream.js'
import { decodeStateVector } from '../../protocol/updates/state-vector.js'
import { WaitingClients } from '../../protocol/updates/waiting-clients.js'
import { admitting } from '../../server/document/admission.js'
import { indexed } from '../../server/document/view/index-making.js'
import { assertCostGrowsWithBytes, assertCostStays, assertMemoryGrowsWithBytes, costSlope, type Measured } from '../helpers/cost-harness.js'
import { noPressure, unbounded } from '../helpers/fed-document.js'
import { editOf } from '../helpers/owner-bench.js'
import { type UpdateShape, updateShapes } from '../helpers/update-shapes.js'

const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
const inspect = (bytes: Uint8Array) => inspectUpdate(bytes, storedBounds)

function knownOf(...updates: readonly Uint8Array[]): KnownState {
  const known = new KnownState()
  for (const update of updates) known.add(inspect(update))
  return known
}

/** All that is done with a submission before it is pending, for a document that has `before`. */
function admission(update: Uint8Array, ...before: readonly Uint8Array[]): Measured {
  // Nothing is added, so that each run meets the same document.
  const known = knownOf(...before)
  return { bytes: update.length, run: () => runAtOnce(admitting(update, known, unbounded, 0, noPressure)) }
}

const shapes = Object.entries(updateShapes) as [UpdateShape, (count: number) => Uint8Array][]
/** What makes the smallest of each shape take about a millisecond, and the largest a few dozen. */
const COUNT = 1_000

for (const [shape, make] of shapes) {
  test(`G7: what an update of ${shape} costs grows with its bytes`, () => {
    assertCostGrowsWithBytes((factor) => admission(make(COUNT * factor)))
  })

  test(`G7: what is remembered of an update of ${shape} grows with its bytes`, () => {
    assertMemoryGrowsWithBytes((factor) => {
      const update = make((COUNT / 4) * factor)
      return { bytes: update.length, run: () => knownOf(update) }
    })
  })
}

test('G7: what a text costs that fills gaps between garbage grows with its bytes', () => {
  assertCostGrowsWithBytes((factor) =>
    admission(updateShapes['one string'](COUNT * factor), updateShapes['GCs and Skips in turn'](COUNT * factor)),
  )
})

test('G7: the harness catches the square that cutting a struct anew at each gap costs', (t) => {
  const slope = costSlope((factor) => {
    const text = updateShapes['one string'](COUNT * 8 * factor)
    const [block] = inspect(text).blocks
    assert.ok(block)
    const struct = text.subarray(block.offset, block.end)
    return {
      bytes: text.length,
      run: () => {
        // As it was once, for a gap at every thousandth character.
        for (let clock = 1; clock < block.endClock; clock += 1_000) structFrom(struct, block.client, 0, clock)
      },
    }
  }, 1)
  assert.ok(slope > 1.5, `the control grows with the power of ${slope.toFixed(2)} only`)
  t.diagnostic(`the control grows with the power of ${slope.toFixed(2)}`)
})

test('G7: deletes that meet as many in the document cost what their bytes do', () => {
  const ranges = updateShapes['delete ranges']
  assertCostGrowsWithBytes((factor) => admission(ranges(COUNT * factor + 1), ranges(COUNT * factor)))
  assertCostGrowsWithBytes((factor) => {
    const update = inspect(ranges(COUNT * factor))
    return { bytes: update.bytes.length, run: () => knownOf(ranges(COUNT)).add(update) }
  })
})

/** So often in one run that it can be measured. */
const repeated = ({ bytes, run }: Measured): Measured => ({
  bytes,
  run: () => {
    for (let index = 0; index < 2_000; index++) run()
  },
})

for (const [shape, make] of shapes) {
  test(`G7: a keystroke costs the same in a document of however many ${shape}`, () => {
    const keystroke = editOf('x', 2 ** 31)
    assertCostStays((factor) => repeated(admission(keystroke, make(COUNT * factor))))
  })
}

/** The struct (1, 9) is what they wait for in the end. */
const waitsForIt = (client: number): Uint8Array => joined([encodeVarUints([1, client, 0]), Uint8Array.of(0x84, 1, 9, 1, 97)])
/** So many clients wait: each for the next one, or all for the same. */
const waitFor = {
  'one another': updateShapes['clients that wait for one another'],
  'the same': (count: number): Uint8Array =>
    joined([encodeVarUints([count]), ...Array.from({ length: count }, (_, index) => waitsForIt(count - index + 1)), Uint8Array.of(0)]),
}

for (const [whom, make] of Object.entries(waitFor)) {
  test(`G7: an update costs the same beside however many clients that wait for ${whom}`, () => {
    assertCostStays((factor) => {
      const waits = inspect(make(COUNT * factor))
      const waiting = new WaitingClients()
      waiting.take(runAtOnce(waiting.judging(waits, new KnownState())))
      assert.equal(waiting.count, COUNT * factor)
      const known = knownOf(waits.bytes)
      // A keystroke, and one more that waits.
      const updates = [editOf('x', 2 ** 31), joined([Uint8Array.of(1), waitsForIt(2 ** 30), Uint8Array.of(0)])].map(inspect)
      const judge = (): void => {
        for (const update of updates) assert.equal(runAtOnce(waiting.judging(update, known)).tracks.size, 1)
      }
      return { bytes: waits.bytes.length, run: () => repeatedly(judge) }
    })
  })
}

test('G7: a further reader of a document with a long string costs the same however long that is', () => {
  assertCostStays((factor) => {
    const update = updateShapes['one string'](COUNT * 20 * factor)
    const source = indexed(update)
    const client = inspect(update).blocks[0]?.client ?? 0
    const read = (): void => {
      const stream = new PieceStream({
        sources: [source],
        known: new Map([[client, 5]]),
        order: 'heads-last',
        hasNothing: false,
        shared: null,
      })
      assert.ok(stream.next(1_024))
    }
    // The first one steps over the string, and where it ends is remembered.
    read()
    return {
      bytes: update.length,
      run: () => {
        for (let reader = 0; reader < 50; reader++) read()
      },
    }
  })
})

test('G7: a few deletes cost the same beside however many', () => {
  const few = Uint8Array.of(0, 1, 5, 3, 1, 1, 101, 1, 201, 1)
  assertCostStays((factor) => repeated(admission(few, updateShapes['delete ranges'](COUNT * factor))))
  const all = Uint8Array.of(0, 1, 5, 1, 0, 0xff, 0xff, 0xff, 0x3f)
  assertCostStays((factor) => repeated(admission(all, updateShapes['delete ranges'](COUNT * factor))))
})

test('G7: a state vector costs what its bytes do, and one of many clients is told after an edit without being made anew', () => {
  assertCostGrowsWithBytes((factor) => {
    const vector = knownOf(updateShapes['many clients'](COUNT * factor)).stateVector()
    return { bytes: vector.length, run: () => decodeStateVector(vector, unbounded) }
  })
  const clients = 60_000
  const known = knownOf(updateShapes['many clients'](clients))
  known.stateVector()
  const anew = costSlope((factor) => ({
    bytes: factor,
    run: () => {
      for (let round = 0; round < factor; round++) knownOf(updateShapes['many clients'](COUNT)).stateVector()
    },
  }))
  assert.ok(anew > 0.8, `the harness sees no growth where there is some: ${anew.toFixed(2)}`)
  // Cheaper than a hundredth of making it, with the edit: a share of the same run, no time.
  const before = process.cpuUsage()
  knownOf(updateShapes['many clients'](clients)).stateVector()
  const whole = process.cpuUsage(before)
  let least = Number.POSITIVE_INFINITY
  for (let clock = 1; clock < 40; clock++) {
    const edit = inspect(Uint8Array.of(1, 1, 7, clock, 0, 1, 0))
    const start = process.cpuUsage()
    known.add(edit)
    const vector = known.stateVector()
    const { user, system } = process.cpuUsage(start)
    least = Math.min(least, user + system)
    if (clock === 39) assert.equal(Y.decodeStateVector(vector).get(7), 40)
  }
  assert.ok(least < (whole.user + whole.system) / 20, `${least} µs of ${whole.user + whole.system}`)
})

test('G7: awareness and the messages of both dialects cost what their bytes do', () => {
  const entries = (count: number) =>
    encodeAwareness(Array.from({ length: count }, (_, index) => ({ clientId: index, clock: 1, state: Uint8Array.of(0x7b, 0x7d) })))
  assertCostGrowsWithBytes((factor) => {
    const update = entries(COUNT * factor)
    return { bytes: update.length, run: () => decodeAwareness(update) }
  })
  for (const update of [updateShapes['characters of their own'], entries]) {
    assertCostGrowsWithBytes((factor) => {
      const frame = joined(encodeWeftClient({ type: 'submit', channel: 1, submission: 1, update: update(COUNT * factor) }))
      return { bytes: frame.length, run: () => repeatedly(() => decodeWeftClient(frame)) }
    })
    assertCostGrowsWithBytes((factor) => {
      const frame = joined(encodeYWebsocket({ type: 'update', update: update(COUNT * factor) }))
      return { bytes: frame.length, run: () => repeatedly(() => decodeYWebsocket(frame)) }
    })
  }
})

function repeatedly(run: () => unknown): void {
  for (let index = 0; index < 200; index++) run()
}

// G7: what a large edit costs those who read it, and one of many parts the document that takes it in, comes in short steps.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import type { Sliced } from '../../core/slices.js'
import { inspecting, inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { admitting } from '../../server/document/admission.js'
import type { CatchUp, SessionSink } from '../../server/document/port.js'
import { CatchUps } from '../../server/document/view/catch-up.js'
import { Image } from '../../server/document/view/image.js'
import { SessionSlots } from '../../server/document/view/session-slots.js'
import { noPressure, unbounded } from '../helpers/fed-document.js'
import { ManualClock } from '../helpers/manual-clock.js'
import { editOf } from '../helpers/owner-bench.js'
import { updateShapes } from '../helpers/update-shapes.js'

const rangesOfOneClient = updateShapes['delete ranges']
const characters = updateShapes['characters of their own']

class CountedImage extends Image {
  steps = 0

  override makeReady(): void {
    this.steps += 1
    super.makeReady()
  }
}

function imageOf(large: Uint8Array): CountedImage {
  const image = new CountedImage(0, null)
  image.append(1, editOf('before it', 9))
  image.append(2, large)
  return image
}

function stopsOf(computation: Sliced<unknown>): number {
  let stops = 0
  while (computation.next().done !== true) stops += 1
  return stops
}

test('G7: a large edit is indexed in steps that are as short for one that is larger, and once for all who read it', () => {
  const stepsFor = (count: number): number => {
    const large = characters(count)
    const image = imageOf(large)
    while (!image.isReady) image.makeReady()
    const [update] = image.since(1) ?? []
    assert.equal(update, large)
    assert.equal(image.withIndex(large), image.sources().at(-1))
    return image.steps
  }
  const few = stepsFor(50_000)
  assert.ok(few > 8, `${few} steps`)
  assert.ok(stepsFor(200_000) > 3 * few)
})

test('G7: an edit that is dropped while it is indexed is indexed anew when it is asked for again', () => {
  const large = characters(50_000)
  const image = imageOf(large)
  for (let step = 0; step < 4; step++) image.makeReady()
  assert.ok(!image.isReady)
  image.truncateTail(1)
  assert.ok(image.isReady)
  image.append(2, large)
  while (!image.isReady) image.makeReady()
  assert.deepEqual(image.withIndex(large).difference(new Map()), large)
})

/** Sessions that wait for `image`, and what they are told. */
function waitingFor(image: Image, count: number) {
  const clock = new ManualClock()
  const slots = new SessionSlots('doc', silentLogger, () => {})
  const answers: CatchUp[] = []
  const detachedBy: Error[] = []
  const sink = {
    catchUp: (state: CatchUp) => void answers.push(state),
    detached: (error: Error) => void detachedBy.push(error),
  } as unknown as SessionSink
  const catchUps = new CatchUps({
    documentId: 'doc',
    environment: {
      store: { readLog: () => Promise.reject(new Error('nothing is read')) },
      logger: silentLogger,
      clock,
      limits: { clientsPerDocumentMax: 1_000 },
    },
    image,
    sessions: slots,
    resumableIncarnation: 'a life',
    beyondImage: null,
    get resumableSeq() {
      return image.head
    },
    stateVector: () => Uint8Array.of(0),
  })
  for (let session = 0; session < count; session++)
    catchUps.sync(
      slots.add({ sink }),
      { kind: 'seq', incarnation: 'a life', seq: 1, stateVector: Uint8Array.of(0) },
      { order: 'in-order', wholeBytesMax: 64 * 1024 },
    )
  return { clock, answers, detachedBy }
}

test('G7: however many sessions wait for a large edit, one step is made in a turn of the event loop', async () => {
  const image = imageOf(characters(50_000))
  const { clock, answers } = waitingFor(image, 30)
  for (let turn = 1; answers.length === 0; turn++) {
    assert.ok(turn < 1_000)
    clock.flush()
    assert.ok(image.steps <= turn, `${image.steps} steps in ${turn} turns`)
    await new Promise<void>((resolve) => systemClock.soon(resolve))
  }
  await clock.settle()
  assert.equal(answers.length, 30)
  for (const { transfer } of answers) assert.ok(transfer !== undefined)
})

test('D4: sessions that wait for what cannot be indexed are told why, and nobody gets an empty one', async () => {
  const image = imageOf(new Uint8Array(100_000).fill(255))
  const { clock, answers, detachedBy } = waitingFor(image, 3)
  await clock.settle()
  assert.equal(answers.length, 0)
  assert.deepEqual(
    detachedBy.map((error) => 'code' in error && error.code),
    ['malformed-update', 'malformed-update', 'malformed-update'],
  )
})

test('G7: what is known of the many ranges of one client is looked up in steps too', () => {
  const update = rangesOfOneClient(100_000)
  const known = new KnownState()
  known.add(inspectUpdate(rangesOfOneClient(50_000), storedBounds))
  const looking = stopsOf(inspecting(update, storedBounds))
  assert.ok(looking > 10)
  assert.ok(stopsOf(admitting(update, known, unbounded, 0, noPressure)) > 1.8 * looking)
})

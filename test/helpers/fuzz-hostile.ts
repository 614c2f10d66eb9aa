// Fuzzes what updates of hostile shapes do to a document: seeded histories take every path that updates take, what comes out is compared, and what it cost
// has to be in proportion to their bytes.
import assert from 'node:assert/strict'
import * as Y from 'yjs'
import { defaultLimits } from '../../core/limits.js'
import { type Random, seededRandom } from '../../core/random.js'
import { EncodedDocument } from '../../protocol/updates/encoded-document.js'
import { inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { mergeUpdateTree } from '../../protocol/updates/merge.js'
import { decodeStateVector } from '../../protocol/updates/state-vector.js'
import { costOverShare } from './cost-harness.js'
import { FedDocument, unbounded } from './fed-document.js'
import { checkDerived } from './fuzz-updates.js'
import { type HostileShape, hostileShapes } from './hostile-shapes.js'
import { shuffled } from './update-generator.js'

/** A step handles a few thousand parts of at least two bytes; an update may take several paths, and each path steps once more. */
const STEP_BYTES_MIN = 1_000
const STEPS_FREE = 4
/** Tight ones, so that a small history meets them. */
const tightLimits = { ...defaultLimits, waitingClientsPerDocumentMax: 12, gapsPerDocumentMax: 20, nestingDepthMax: 30 }
/** At eight times the bytes a square costs 8 times its share. */
const COST_OVER_SHARE_MAX = 3

/** So many that a square shows, and that a run takes milliseconds. A part is dearer where each is an update of its own. */
const COST_PARTS = { ofLargeUpdates: 3_000, ofSmallUpdates: 1_500 }

const shapes = Object.entries(hostileShapes) as [string, HostileShape][]

export interface HostileReport {
  updates: number
  accepted: number
  refused: number
}

/** `rounds` histories of each shape, of up to `partsMax` parts. */
export function fuzzHostile(firstSeed: number, rounds: number, partsMax: number): HostileReport {
  const report: HostileReport = { updates: 0, accepted: 0, refused: 0 }
  for (const [name, shape] of shapes)
    for (let seed = firstSeed; seed < firstSeed + rounds; seed++)
      try {
        const random = seededRandom(seed)
        const updates = shape(random, 2 + random.below(partsMax))
        checkHistory(random, updates, report)
        checkBounded(updates, report)
      } catch (error) {
        throw new Error(`"${name}" of seed ${seed} failed`, { cause: error })
      }
  return report
}

/** Takes the updates in, and asks for proportion after each of them. */
function feed(document: FedDocument, updates: readonly Uint8Array[], report: HostileReport): void {
  for (const update of updates) {
    const kind = document.submit(update)
    report.updates++
    if (kind === 'new') report.accepted++
    if (kind === 'refused') report.refused++
    const stepsMax = STEPS_FREE + document.submittedBytes / STEP_BYTES_MIN
    assert.ok(document.steps <= stepsMax, `${document.steps} steps for ${document.submittedBytes} bytes`)
  }
}

function checkHistory(random: Random, updates: readonly Uint8Array[], report: HostileReport): void {
  const document = new FedDocument({ ...unbounded, nestingDepthMax: 1 << 20 })
  feed(document, updates, report)
  assert.deepEqual(document.refusals, [])
  for (const update of updates) assert.equal(document.submit(update), 'repeat', 'an update is new again')
  const inOtherOrder = new FedDocument({ ...unbounded, nestingDepthMax: updates.length >> 1 })
  feed(inOtherOrder, shuffled(random, updates), report)
  if (inOtherOrder.refusals.length === 0) assert.ok(inOtherOrder.known.equals(document.known), 'another order makes another document')
  const merged = mergeUpdateTree(document.log)
  const inspected = inspectUpdate(merged, storedBounds)
  const again = new KnownState()
  again.add(inspected)
  assert.ok(again.equals(document.known), 'the merged log differs from what is known')
  const stateVector = decodeStateVector(document.known.stateVector(), unbounded)
  for (const { client } of inspected.blocks) assert.equal(stateVector.get(client) ?? 0, document.known.contiguousEnd(client))
  checkDerived(random, inspected)
  const doc = new Y.Doc()
  for (const update of document.log) Y.applyUpdate(doc, update)
  for (const [client, clock] of Y.decodeStateVector(Y.encodeStateVector(doc))) assert.ok(clock <= document.known.contiguousEnd(client))
  doc.destroy()
}

/** G1: within tight limits much is refused, and what is taken stays within them. */
function checkBounded(updates: readonly Uint8Array[], report: HostileReport): void {
  const document = new FedDocument(tightLimits)
  feed(document, updates, report)
  assert.ok(document.known.gapCount <= tightLimits.gapsPerDocumentMax, `${document.known.gapCount} gaps`)
  assert.ok(
    document.known.gappedClientCount <= tightLimits.waitingClientsPerDocumentMax,
    `${document.known.gappedClientCount} clients wait`,
  )
}

/** A history, and what a document made of it: made once for all paths. */
interface Taken {
  readonly updates: readonly Uint8Array[]
  readonly bytes: number
  readonly log: readonly Uint8Array[]
  readonly merged: Uint8Array
}

const paths: Readonly<Record<string, (taken: Taken) => void>> = {
  'taken in': ({ updates }) => {
    const document = new FedDocument()
    for (const update of updates) document.submit(update)
  },
  merged: ({ log }) => void mergeUpdateTree(log),
  'cut and told of': ({ merged }) => {
    const inspected = inspectUpdate(merged, storedBounds)
    const halves = new Map(inspected.blocks.map(({ client, endClock }) => [client, endClock >> 1]))
    new EncodedDocument(merged, inspected).difference(halves)
    const known = new KnownState()
    known.add(inspected)
    decodeStateVector(known.stateVector(), unbounded)
  },
}

function taken(updates: readonly Uint8Array[]): Taken {
  const document = new FedDocument()
  for (const update of updates) document.submit(update)
  return { updates, bytes: document.submittedBytes, log: document.log, merged: mergeUpdateTree(document.log) }
}

/** Compares a history of each shape with one of eight times as many parts, on each path; returns the worst, for the record. */
export function fuzzHostileCost(seed: number): string {
  let worst = { over: 0, what: '' }
  for (const [name, shape] of shapes) {
    const parts = shape(seededRandom(seed), 100).length < 20 ? COST_PARTS.ofLargeUpdates : COST_PARTS.ofSmallUpdates
    const sizes = new Map([1, 8].map((factor) => [factor, taken(shape(seededRandom(seed), parts * factor))]))
    for (const [path, run] of Object.entries(paths)) {
      const over = costOverShare((factor) => {
        const size = sizes.get(factor)
        assert.ok(size !== undefined)
        return { bytes: size.bytes, run: () => run(size) }
      })
      const what = `"${name}" of seed ${seed}, ${path}: at 8 times the bytes ${over.toFixed(2)} times its share`
      if (over > worst.over) worst = { over, what }
      assert.ok(over < COST_OVER_SHARE_MAX, what)
    }
  }
  return worst.what
}

// What decoding a document is said to cost, against what Yjs really needs for it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as Y from 'yjs'
import { defaultLimits } from '../../core/limits.js'
import { contentsOf, decodingCost } from '../../protocol/updates/decoding-cost.js'
import { inspectUpdate } from '../../protocol/updates/inspect.js'
import { type UpdateShape, updateShapes } from '../helpers/update-shapes.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heapBytes(): number {
  // What the first finds to be finalized is only freed by the second.
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const ROUNDS = 5

/**
 * What a document with `update` holds. The middle one of several: whatever else the process allocates or lets go of meanwhile falls into some of the rounds, what the
 * document holds is in all of them. The first round is left out, in which code is compiled. All stay until the end: one that goes while another comes would hide it.
 */
function heldBytes(update: Uint8Array, makeDoc: () => Y.Doc): number {
  const docs: Y.Doc[] = []
  const rounds: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const before = heapBytes()
    const doc = makeDoc()
    docs.push(doc)
    Y.applyUpdate(doc, update)
    rounds.push(heapBytes() - before)
  }
  for (const doc of docs) doc.destroy()
  return rounds.slice(1).sort((a, b) => a - b)[(ROUNDS - 1) / 2] as number
}

const COUNT = 20_000

for (const [shape, make] of Object.entries(updateShapes) as [UpdateShape, (count: number) => Uint8Array][]) {
  test(`G7: what a Y.Doc of ${shape} costs is not told too low`, () => {
    const pending = shape === 'many clients behind gaps' || shape === 'clients that wait for one another'
    const count = pending ? COUNT / 20 : COUNT
    const update = make(count)
    const cost = decodingCost(contentsOf([inspectUpdate(update, defaultLimits)], pending ? count : 0))
    // Without collection of garbage, so that what is only there for a moment elsewhere can be seen.
    const held = heldBytes(update, () => new Y.Doc({ gc: false }))
    assert.ok(held < cost.memoryBytes + 200_000, `${held} bytes are held, ${cost.memoryBytes} were told`)
    assert.ok(cost.ms > 0)
  })
}

test('G7: an honest document is not told to cost a multiple of what it does', () => {
  const source = new Y.Doc()
  const fragment = source.getXmlFragment('page')
  for (let index = 0; index < 2_000; index++) {
    const paragraph = new Y.XmlElement('paragraph')
    paragraph.insert(0, [new Y.XmlText(`Paragraph ${index} of a page that somebody wrote.`)])
    fragment.push([paragraph])
  }
  const update = Y.encodeStateAsUpdate(source)
  const { memoryBytes } = decodingCost(contentsOf([inspectUpdate(update, defaultLimits)]))
  const held = heldBytes(update, () => new Y.Doc())
  assert.ok(memoryBytes > held && memoryBytes < held * 4, `${held} bytes are held, ${memoryBytes} were told`)
})

test('G7: clients that wait for others cost the square of their number', () => {
  const cost = (pendingClients: number): number => decodingCost(contentsOf([], pendingClients)).ms
  assert.ok(cost(300_000) > 50 * cost(30_000))
})

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
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const COUNT = 20_000

for (const [shape, make] of Object.entries(updateShapes) as [UpdateShape, (count: number) => Uint8Array][]) {
  test(`G7: what a Y.Doc of ${shape} costs is not told too low`, () => {
    const pending = shape === 'many clients behind gaps' || shape === 'clients that wait for one another'
    const count = pending ? COUNT / 20 : COUNT
    const update = make(count)
    const cost = decodingCost(contentsOf([inspectUpdate(update, defaultLimits)], pending ? count : 0))
    const before = heapBytes()
    // Without collection of garbage, so that what is only there for a moment elsewhere can be seen.
    const doc = new Y.Doc({ gc: false })
    Y.applyUpdate(doc, update)
    const held = heapBytes() - before
    assert.ok(held < cost.memoryBytes + 200_000, `${held} bytes are held, ${cost.memoryBytes} were told`)
    assert.ok(cost.ms > 0)
    doc.destroy()
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
  const before = heapBytes()
  const doc = new Y.Doc()
  Y.applyUpdate(doc, update)
  const held = heapBytes() - before
  assert.ok(memoryBytes > held && memoryBytes < held * 4, `${held} bytes are held, ${memoryBytes} were told`)
  doc.destroy()
})

test('G7: clients that wait for others cost the square of their number', () => {
  const cost = (pendingClients: number): number => decodingCost(contentsOf([], pendingClients)).ms
  assert.ok(cost(300_000) > 50 * cost(30_000))
})

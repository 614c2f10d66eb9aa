// Micro benchmark of protocol/updates: a keystroke, opening a document, a difference, and what an open document costs in memory. Run it with --expose-gc for the last.
import * as Y from 'yjs'
import { sleep, systemClock } from '../core/clock.js'
import { defaultLimits } from '../core/limits.js'
import { seededRandom } from '../core/random.js'
import { EncodedDocument } from '../protocol/updates/encoded-document.js'
import { inspectUpdate, storedBounds } from '../protocol/updates/inspect.js'
import { KnownState } from '../protocol/updates/known-state.js'
import { mergeUpdateTree } from '../protocol/updates/merge.js'

function print(name: string, value: number, unit: string): void {
  process.stdout.write(`${name.padEnd(64)} ${value.toFixed(2).padStart(10)} ${unit}\n`)
}

/** Milliseconds that `run` takes, the best of `rounds`: other load on the machine only adds. */
function best(rounds: number, run: () => void): number {
  let fastest = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const start = systemClock.monotonic()
    run()
    fastest = Math.min(fastest, systemClock.monotonic() - start)
  }
  return fastest
}

// People type runs of characters at a place, delete some, and move on; 20 authors.
function typingHistory(edits: number): { updates: Uint8Array[]; state: Uint8Array } {
  const random = seededRandom(1)
  const doc = new Y.Doc()
  const text = doc.getText('text')
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  let cursor = 0
  for (let edit = 0; edit < edits; edit++) {
    if (edit % Math.ceil(edits / 20) === 0) doc.clientID = 1 + random.below(2 ** 31 - 1)
    if (random.below(12) === 0) cursor = random.below(text.length + 1)
    if (random.below(8) === 0 && cursor > 2) {
      cursor -= 2
      text.delete(cursor, 2)
    } else {
      text.insert(cursor, 'e')
      cursor++
    }
  }
  return { updates, state: Y.encodeStateAsUpdate(doc) }
}

function benchKeystrokes(updates: readonly Uint8Array[]): void {
  const inspecting = best(5, () => {
    for (const update of updates) inspectUpdate(update, defaultLimits)
  })
  print('inspect one keystroke', (inspecting * 1000) / updates.length, 'µs')
  const all = best(5, () => {
    const known = new KnownState()
    for (const update of updates) {
      const inspected = inspectUpdate(update, defaultLimits)
      if (known.subtract(inspected) !== null) known.add(inspected)
    }
  })
  print('inspect, subtract and add one keystroke', (all * 1000) / updates.length, 'µs')
  print(
    `merge ${updates.length} updates in a tree`,
    best(1, () => void mergeUpdateTree(updates)),
    'ms',
  )
}

/** One document of many paragraphs as an editor would store it. */
function richDocument(bytesMin: number): Uint8Array {
  const random = seededRandom(2)
  const doc = new Y.Doc()
  const fragment = doc.getXmlFragment('prosemirror')
  const sentence = 'Weft merges what people type, append by append. '
  let written = 0
  doc.transact(() => {
    while (written < bytesMin) {
      const paragraph = new Y.XmlElement('paragraph')
      const text = new Y.XmlText()
      paragraph.insert(0, [text])
      fragment.push([paragraph])
      for (let index = 0; index < 12; index++)
        text.insert(random.below(text.length + 1), sentence.slice(0, 1 + random.below(sentence.length)))
      text.format(0, 5, { bold: true })
      text.delete(2, 3)
      written += 550
    }
  })
  return Y.encodeStateAsUpdate(doc)
}

function benchDocument(name: string, bytes: Uint8Array): void {
  const inspected = inspectUpdate(bytes, storedBounds)
  print(`${name}: bytes`, bytes.length / 1e6, 'MB')
  print(`${name}: structs`, inspected.structCount / 1000, 'thousand')
  print(
    `${name}: inspect as stored`,
    best(5, () => void inspectUpdate(bytes, storedBounds)),
    'ms',
  )
  print(
    `${name}: inspect as received (with nesting)`,
    best(5, () => void inspectUpdate(bytes, defaultLimits)),
    'ms',
  )
  const document = new EncodedDocument(bytes, inspected)
  const open = best(5, () => {
    const again = inspectUpdate(bytes, storedBounds)
    new KnownState().add(again)
    new EncodedDocument(bytes, again).difference(new Map())
  })
  print(`${name}: open (inspect, known state, index)`, open, 'ms')
  const known = new KnownState()
  known.add(inspected)
  print(`${name}: index + known state per byte`, (document.indexBytes + known.approximateBytes) / bytes.length, 'B/B')
  for (const [label, share] of [
    ['half missing', 0.5],
    ['last 1 % missing', 0.99],
    ['nothing missing', 1],
  ] as const) {
    const stateVector = new Map(inspected.blocks.map((block) => [block.client, Math.floor(block.endClock * share)]))
    print(`${name}: difference, ${label}`, best(20, () => void document.difference(stateVector)) * 1000, 'µs')
    if (share === 1) continue
    const encodedVector = Y.encodeStateVector(stateVector)
    print(`${name}: Y.diffUpdate, ${label}`, best(2, () => void Y.diffUpdate(bytes, encodedVector)) * 1000, 'µs')
  }
}

/** Buffers are swept beside the main thread: collect more than once. */
async function settledMemory(gc: () => void): Promise<number> {
  for (let round = 0; round < 4; round++) {
    gc()
    await sleep(systemClock, 50)
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function benchMemory(bytes: Uint8Array): Promise<void> {
  const { gc } = globalThis
  if (gc === undefined) return
  const collect = (): void => void gc()
  const count = 100
  const before = await settledMemory(collect)
  const open = Array.from({ length: count }, () => {
    const copy = bytes.slice()
    const inspected = inspectUpdate(copy, storedBounds)
    const known = new KnownState()
    known.add(inspected)
    return { known, document: new EncodedDocument(copy, inspected) }
  })
  const used = (await settledMemory(collect)) - before
  print(`${open.length} open documents: memory per encoded byte`, used / count / bytes.length, 'B/B')
}

const typing = typingHistory(60_000)
benchKeystrokes(typing.updates)
benchDocument('typed text', typing.state)
benchDocument('rich text', richDocument(3_000_000))
await benchMemory(typing.state)

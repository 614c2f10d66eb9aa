// Fuzzes protocol/updates: mutated real updates, updates put together at random from valid parts, and plain noise.
// Only WeftErrors may be thrown, and what is accepted must apply, encode and merge in Yjs without a throw.
import assert from 'node:assert/strict'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { WeftError } from '../../core/errors.js'
import type { Random } from '../../core/random.js'
import { EncodedDocument } from '../../protocol/updates/encoded-document.js'
import { type InspectedUpdate, inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { decodeStateVector } from '../../protocol/updates/state-vector.js'
import { hostileShapes } from './hostile-shapes.js'
import { randomHistory, randomValue } from './update-generator.js'

const bounds = { structsPerUpdateMax: 10_000, nestingDepthMax: 20, clientsPerDocumentMax: 10_000 }

export interface FuzzReport {
  inputs: number
  accepted: number
  /** Accepted inputs that were also given to Yjs. */
  applied: number
}

/** Runs `iterations` inputs. `applyOneIn`: how many accepted inputs to give to Yjs (1 = all), which is the expensive part. */
export function fuzzUpdates(random: Random, iterations: number, { applyOneIn = 1 }: { readonly applyOneIn?: number } = {}): FuzzReport {
  const report: FuzzReport = { inputs: 0, accepted: 0, applied: 0 }
  const corpus = makeCorpus(random)
  // Most inputs are refused, and capturing a stack costs more than everything else.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    runInputs(random, iterations, applyOneIn, corpus, report)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  return report
}

function runInputs(random: Random, iterations: number, applyOneIn: number, corpus: readonly Uint8Array[], report: FuzzReport): void {
  for (; report.inputs < iterations; report.inputs++) {
    const bytes = randomInput(random, corpus)
    try {
      tryStateVector(bytes)
      const inspected = tryInspect(bytes)
      if (inspected === null) continue
      report.accepted++
      checkDerived(random, inspected)
      if (random.below(applyOneIn) > 0) continue
      report.applied++
      checkInYjs(bytes, random.below(4) === 0 ? pick(random, corpus) : null)
    } catch (error) {
      throw new Error(`Input ${report.inputs} broke a decoder: ${Buffer.from(bytes).toString('hex')}`, { cause: error })
    }
  }
}

function pick<Value>(random: Random, values: readonly Value[]): Value {
  return values[random.below(values.length)] as Value
}

function makeCorpus(random: Random): Uint8Array[] {
  const corpus: Uint8Array[] = []
  for (let round = 0; round < 4; round++) {
    const { updates, doc } = randomHistory(random, { steps: 40 })
    corpus.push(...updates.filter((update) => update.length < 300))
    corpus.push(Y.encodeStateVector(doc), Y.mergeUpdates(updates.filter(() => random.below(4) === 0)))
    corpus.push(Y.encodeStateAsUpdate(doc))
    for (const shape of Object.values(hostileShapes))
      corpus.push(...shape(random, 4 + random.below(20)).filter(({ length }) => length < 300))
  }
  return corpus
}

function tryInspect(bytes: Uint8Array): InspectedUpdate | null {
  try {
    return inspectUpdate(bytes, bounds)
  } catch (error) {
    if (!(error instanceof WeftError) || error.code !== 'malformed-update') throw error
    return null
  }
}

function tryStateVector(bytes: Uint8Array): void {
  try {
    decodeStateVector(bytes, bounds)
  } catch (error) {
    if (!(error instanceof WeftError) || error.code !== 'malformed') throw error
  }
}

/** What follows from an update agrees with it, and is well formed. */
export function checkDerived(random: Random, inspected: InspectedUpdate): void {
  const known = new KnownState()
  known.add(inspected)
  assert.equal(known.subtract(inspected), null)
  decodeStateVector(known.stateVector(), storedBounds)
  if (inspected.blocks.length === 0) return
  const clocks = new Map(inspected.blocks.map((block) => [block.client, random.below(Math.min(block.endClock, 1 << 30) + 2)]))
  const difference = new EncodedDocument(inspected.bytes, inspected).difference(clocks)
  inspectUpdate(difference, storedBounds)
  const partly = new KnownState()
  for (const [client, clock] of clocks)
    if (clock > 0)
      partly.add({
        ...inspected,
        blocks: [{ client, structCount: 1, firstClock: 0, endClock: clock, ranges: [0, clock], offset: 0, end: 0 }],
        deletes: [],
      })
  const fresh = partly.subtract(inspected)
  if (fresh === null) return
  partly.add(inspectUpdate(fresh, storedBounds))
  assert.ok(partly.covers(known))
}

function checkInYjs(bytes: Uint8Array, other: Uint8Array | null): void {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, bytes)
  const state = Y.encodeStateAsUpdate(doc)
  inspectUpdate(state, { ...bounds, structsPerUpdateMax: 100_000 })
  Y.diffUpdate(bytes, Uint8Array.of(0))
  if (other !== null && tryInspect(other) !== null) {
    const merged = Y.mergeUpdates([bytes, other])
    inspectUpdate(merged, { ...bounds, structsPerUpdateMax: 100_000 })
  }
}

function randomInput(random: Random, corpus: readonly Uint8Array[]): Uint8Array {
  const choice = random.below(10)
  if (choice === 0) return random.bytes(random.below(40))
  if (choice < 5) return randomUpdate(random)
  let bytes = pick(random, corpus)
  for (let mutations = random.below(3); mutations >= 0; mutations--) bytes = mutate(random, bytes, corpus)
  return bytes
}

function mutate(random: Random, bytes: Uint8Array, corpus: readonly Uint8Array[]): Uint8Array {
  const at = random.below(bytes.length + 1)
  const result = bytes.slice()
  switch (random.below(7)) {
    case 0:
      result[at] = random.below(256)
      return result
    case 1:
      result[at] = (result[at] ?? 0) ^ (1 << random.below(8))
      return result
    case 2:
      result[at] = (result[at] ?? 0) + (random.below(2) === 0 ? 1 : -1)
      return result
    case 3:
      return result.subarray(0, at)
    case 4:
      return joined(result.subarray(0, at), random.bytes(1 + random.below(4)), result.subarray(at))
    case 5:
      return joined(result.subarray(0, at), result.subarray(at + 1 + random.below(4)))
    default: {
      const other = pick(random, corpus)
      return joined(result.subarray(0, at), other.subarray(random.below(other.length + 1)))
    }
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    result.set(part, offset)
    offset += part.length
  }
  return result
}

/** An update that is well formed but means nothing: few clients, small clocks, ids that point anywhere. */
export function randomUpdate(random: Random): Uint8Array {
  const encoder = encoding.createEncoder()
  const clients = [3, 2, 1].filter(() => random.below(3) > 0)
  encoding.writeVarUint(encoder, clients.length)
  for (const client of clients) {
    const count = 1 + random.below(5)
    encoding.writeVarUint(encoder, count)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, random.below(4) === 0 ? random.below(6) : 0)
    for (let index = 0; index < count; index++) writeRandomStruct(random, encoder)
  }
  const deletes = [3, 2, 1].filter(() => random.below(3) === 0)
  encoding.writeVarUint(encoder, deletes.length)
  for (const client of deletes) {
    const count = random.below(3)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, count)
    for (let index = 0; index < count; index++) {
      encoding.writeVarUint(encoder, random.below(8))
      encoding.writeVarUint(encoder, 1 + random.below(4))
    }
  }
  return encoding.toUint8Array(encoder)
}

function writeId(random: Random, encoder: encoding.Encoder): void {
  encoding.writeVarUint(encoder, 1 + random.below(3))
  encoding.writeVarUint(encoder, random.below(random.below(2) === 0 ? 2 : 8))
}

function writeRandomStruct(random: Random, encoder: encoding.Encoder): void {
  const ref = random.below(11)
  if (ref === 0 || ref === 10) {
    encoding.writeUint8(encoder, ref)
    encoding.writeVarUint(encoder, 1 + random.below(4))
    return
  }
  const flags = (random.below(8) << 5) & 0xff
  encoding.writeUint8(encoder, ref | flags)
  if ((flags & 0x80) !== 0) writeId(random, encoder)
  if ((flags & 0x40) !== 0) writeId(random, encoder)
  if ((flags & 0xc0) === 0) {
    const isRoot = random.below(2) === 0
    encoding.writeVarUint(encoder, isRoot ? 1 : 0)
    if (isRoot) encoding.writeVarString(encoder, pick(random, ['text', 'map']))
    else writeId(random, encoder)
    if ((flags & 0x20) !== 0) encoding.writeVarString(encoder, pick(random, ['key0', '']))
  }
  writeRandomContent(random, encoder, ref)
}

function writeRandomContent(random: Random, encoder: encoding.Encoder, ref: number): void {
  const strings = ['a', 'bcd', '🙂', 'é🙂b']
  switch (ref) {
    case 1:
      encoding.writeVarUint(encoder, 1 + random.below(4))
      break
    case 2:
      encoding.writeVarUint(encoder, 2)
      encoding.writeVarString(encoder, 'undefined')
      encoding.writeVarString(encoder, '{"a":[1,-2.5e3,"\\u00e9"]}')
      break
    case 3:
      encoding.writeVarUint8Array(encoder, random.bytes(random.below(4)))
      break
    case 4:
      encoding.writeVarString(encoder, pick(random, strings))
      break
    case 5:
      encoding.writeVarString(encoder, pick(random, ['{}', 'null', '1', '"x"', '[[]]']))
      break
    case 6:
      encoding.writeVarString(encoder, pick(random, ['bold', '__proto__']))
      encoding.writeVarString(encoder, pick(random, ['true', 'null', '{"a":1}', '[]', '0']))
      break
    case 7: {
      const type = random.below(7)
      encoding.writeVarUint(encoder, type)
      if (type === 3 || type === 5) encoding.writeVarString(encoder, pick(random, strings))
      break
    }
    case 8: {
      const count = 1 + random.below(3)
      encoding.writeVarUint(encoder, count)
      for (let index = 0; index < count; index++) encoding.writeAny(encoder, randomValue(random) as null)
      break
    }
    default:
      encoding.writeVarString(encoder, pick(random, strings))
      encoding.writeAny(encoder, {
        [pick(random, ['gc', 'meta', 'autoLoad', 'guid', 'gcFilter', '__proto__'])]: randomValue(random) as null,
      })
  }
}

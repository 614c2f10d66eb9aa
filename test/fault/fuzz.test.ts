// Feeds random and mutated bytes to every decoder, and hostile histories to documents. By itself: `node dist/test/fault/fuzz.test.js --inputs 20000000 --seed 7`;
// in a test run the same comes from WEFT_FUZZ_INPUTS and WEFT_FUZZ_SEED.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseArgs } from 'node:util'
import { seededRandom, systemRandom } from '../../core/random.js'
import { fuzzHostile, fuzzHostileCost } from '../helpers/fuzz-hostile.js'
import { fuzzUpdates } from '../helpers/fuzz-updates.js'
import { fuzzWire } from '../helpers/fuzz-wire.js'

const { values: flags } = parseArgs({ options: { inputs: { type: 'string' }, seed: { type: 'string' } }, strict: false })

function wholeNumber(name: string, text: unknown, otherwise: number): number {
  if (text === undefined) return otherwise
  const value = Number(text)
  assert.ok(Number.isSafeInteger(value) && value >= 0, `${name} must be a whole number, not ${String(text)}`)
  return value
}

const inputs = wholeNumber('inputs', flags['inputs'] ?? process.env['WEFT_FUZZ_INPUTS'], 500_000)
const seed = wholeNumber('seed', flags['seed'] ?? process.env['WEFT_FUZZ_SEED'], systemRandom.below(2 ** 31))

/** Of the accepted updates, one in this many is also given to Yjs, which costs far more than the decoders do. */
const APPLY_ONE_IN = 100
/** The codecs of messages take their share of the inputs, the decoders of updates the rest: these cost several times as much. */
const WIRE_SHARE = 0.6
const RSS_GROWTH_BYTES_MAX = 512 * 1024 * 1024
/** An input of a fixed length costs the same however many there are, so parts of this size keep the event loop turning. */
const PART_INPUTS = 20_000

/** Runs a fuzzer in parts, each with its own seed, and returns how many inputs were accepted. */
async function inParts(
  total: number,
  firstSeed: number,
  run: (partSeed: number, count: number) => { readonly accepted: number },
): Promise<number> {
  let accepted = 0
  for (let done = 0; done < total; done += PART_INPUTS) {
    accepted += run(firstSeed + done / PART_INPUTS, Math.min(PART_INPUTS, total - done)).accepted
    await new Promise<void>((resolve) => void setImmediate(resolve))
  }
  return accepted
}

test(`G1, G5: ${inputs} random and mutated inputs are accepted or refused, and nothing else happens; seed ${seed}`, async (t) => {
  // Most inputs end in an error, and a stack costs more than the decoding that led to it; a failure names its input.
  Error.stackTraceLimit = 1
  const rssBefore = process.memoryUsage.rss()
  const wireInputs = Math.ceil(inputs * WIRE_SHARE)
  const wireAccepted = await inParts(wireInputs, seed, (partSeed, count) => fuzzWire(seededRandom(partSeed), count))
  const updatesAccepted = await inParts(inputs - wireInputs, seed, (partSeed, count) =>
    fuzzUpdates(seededRandom(partSeed), count, { applyOneIn: APPLY_ONE_IN }),
  )
  const rssGrowth = process.resourceUsage().maxRSS * 1024 - rssBefore
  t.diagnostic(
    `seed ${seed}: ${inputs} inputs, accepted: ${wireAccepted} messages and ${updatesAccepted} updates; memory grew by ${rssGrowth} bytes`,
  )
  assert.ok(rssGrowth < RSS_GROWTH_BYTES_MAX, `memory grew by ${rssGrowth} bytes`)
  // A fuzzer whose inputs are all refused at the first byte would find nothing.
  if (inputs >= PART_INPUTS) assert.ok(wireAccepted > wireInputs / 50 && updatesAccepted > (inputs - wireInputs) / 50)
})

/** Histories of each hostile shape for a million inputs, and what they cost for ten million: a long run looks at more of both. */
const HOSTILE_PER_INPUT = 3 / 1_000_000
const COST_PER_INPUT = 1 / 10_000_000

test(`G1, G7: histories of hostile shapes are taken in, merged and cut at a cost in proportion to their bytes; seed ${seed}`, async (t) => {
  for (let round = 0; round < Math.ceil(inputs * HOSTILE_PER_INPUT); round++) {
    fuzzHostile(seed + round, 1, 300)
    await new Promise<void>((resolve) => void setImmediate(resolve))
  }
  for (let round = 0; round < Math.floor(inputs * COST_PER_INPUT); round++) t.diagnostic(fuzzHostileCost(seed + round))
})

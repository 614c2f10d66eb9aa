// What hostile or broken bytes do to the inspection of updates: each a named example, and a seeded fuzz run.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import { defaultLimits } from '../../core/limits.js'
import { seededRandom } from '../../core/random.js'
import { ByteReader, utf16Length } from '../../protocol/updates/byte-reader.js'
import { inspectUpdate, type UpdateBounds } from '../../protocol/updates/inspect.js'
import { KnownState } from '../../protocol/updates/known-state.js'
import { mergeUpdateTree } from '../../protocol/updates/merge.js'
import { decodeStateVector } from '../../protocol/updates/state-vector.js'
import { isJson, skipAny } from '../../protocol/updates/values.js'
import { fuzzUpdates, randomUpdate } from '../helpers/fuzz-updates.js'

const refuses = (bytes: Uint8Array | readonly number[], message: RegExp, bounds: UpdateBounds = defaultLimits): void => {
  assert.throws(() => inspectUpdate(Uint8Array.from(bytes), bounds), {
    name: 'WeftError',
    code: 'malformed-update',
    closeCode: 4400,
    message,
  })
}

const accepts = (bytes: Uint8Array | readonly number[]): void => {
  const update = Uint8Array.from(bytes)
  inspectUpdate(update, defaultLimits)
  Y.applyUpdate(new Y.Doc(), update)
}

function varUint(value: number): number[] {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, value)
  return [...encoding.toUint8Array(encoder)]
}

const ascii = (text: string): number[] => [...varUint(text.length), ...new TextEncoder().encode(text)]

/** One struct of client 5 at clock 0 and no deletes. */
const oneStruct = (...struct: readonly number[]): number[] => [1, 1, 5, 0, ...struct, 0]

/** An item in the root type "t" with content of kind `ref`. */
const rootItem = (ref: number, ...content: readonly number[]): number[] => oneStruct(ref, 1, ...ascii('t'), ...content)

test('G1: seven bytes that claim 32 million structs are refused at once', () => {
  refuses([1, ...varUint(32_000_000), 5, 0], /count of 32000000 exceeds the input/)
})

test('G1: forged counts of clients, deletes, values and keys are refused at once', () => {
  refuses([...varUint(32_000_000), 1, 1, 1], /count of 32000000/)
  refuses([0, ...varUint(32_000_000), 1], /count of 32000000/)
  refuses([0, 1, 5, ...varUint(32_000_000), 1], /count of 32000000/)
  refuses(rootItem(8, ...varUint(32_000_000), 127), /count of 32000000/)
  refuses(rootItem(8, 1, 117, ...varUint(32_000_000), 127), /count of 32000000/)
  refuses(rootItem(8, 1, 118, ...varUint(32_000_000), 1, 97, 127), /count of 32000000/)
})

test('G1: more structs or delete ranges than the limit are refused', () => {
  const bounds = { ...defaultLimits, structsPerUpdateMax: 2 }
  refuses([1, 3, 5, 0, 0, 1, 0, 1, 0, 1, 0], /more than 2 structs/, bounds)
  refuses([2, 2, 5, 0, 0, 1, 0, 1, 1, 4, 0, 0, 1, 0], /more than 2 structs/, bounds)
  refuses([0, 1, 5, 3, 0, 1, 2, 1, 4, 1], /more than 2 delete ranges/, bounds)
  inspectUpdate(Uint8Array.of(1, 2, 5, 0, 0, 1, 0, 1, 0), bounds)
})

test('trailing garbage and every truncation are refused', () => {
  const doc = new Y.Doc()
  doc.getText('t').insert(0, 'héllo 🙂')
  doc.getMap('m').set('k', [1.5, { a: null, b: [true, 'x', 2n ** 40n] }])
  doc.getText('t').delete(1, 2)
  const update = Y.encodeStateAsUpdate(doc)
  accepts(update)
  refuses([...update, 0], /followed by something else/)
  for (let length = 0; length < update.length; length++)
    assert.throws(() => inspectUpdate(update.subarray(0, length), defaultLimits), { code: 'malformed-update' })
  refuses([], /ends too early/)
})

test('a forged GC struct with a future clock is accepted as the gap that it is', () => {
  // Its defence is to know which user a client id belongs to: the client and the clocks are told.
  const forged = inspectUpdate(Uint8Array.of(1, 1, ...varUint(123456789), ...varUint(1_000_000), 0, ...varUint(4000), 0), defaultLimits)
  assert.deepEqual(
    forged.blocks.map(({ client, firstClock, endClock }) => ({ client, firstClock, endClock })),
    [{ client: 123456789, firstClock: 1_000_000, endClock: 1_004_000 }],
  )
})

test('G1: values nested deeper than the limit are refused, however deep, without using the stack', () => {
  const deep = (depth: number): number[] => [...Array.from({ length: depth }, () => [117, 1]).flat(), 126]
  refuses(rootItem(8, 1, ...deep(10_000)), /nested too deeply/)
  refuses(rootItem(8, 1, ...deep(201)), /nested too deeply/)
  accepts(rootItem(8, 1, ...deep(200)))
  refuses(rootItem(5, ...ascii('['.repeat(10_000) + ']'.repeat(10_000))), /JSON value is malformed or nested too deeply/)
  accepts(rootItem(5, ...ascii('['.repeat(200) + ']'.repeat(200))))
})

test('strings that are not UTF-8 are refused wherever they stand: lib0 would throw on them for ever', () => {
  const bad = [2, 0xc3, 0x28]
  refuses(rootItem(4, ...bad), /not valid UTF-8/)
  refuses(oneStruct(4, 1, ...bad, ...ascii('x')), /not valid UTF-8/)
  refuses(oneStruct(4 | 0x20, 1, ...ascii('t'), ...bad, ...ascii('x')), /not valid UTF-8/)
  refuses(rootItem(2, 1, ...bad), /not valid UTF-8/)
  refuses(rootItem(5, ...bad), /not valid UTF-8/)
  refuses(rootItem(6, ...bad, ...ascii('1')), /not valid UTF-8/)
  refuses(rootItem(7, 3, ...bad), /not valid UTF-8/)
  refuses(rootItem(8, 1, 119, ...bad), /not valid UTF-8/)
  refuses(rootItem(8, 1, 118, 1, ...bad, 126), /not valid UTF-8/)
  refuses(rootItem(9, ...bad, 118, 0), /not valid UTF-8/)
})

test('JSON that does not parse is refused; the text "undefined" stands only in a JSON array', () => {
  refuses(rootItem(5, ...ascii('{a:1}')), /JSON/)
  refuses(rootItem(6, ...ascii('bold'), ...ascii('tru')), /JSON/)
  refuses(rootItem(2, 1, ...ascii('')), /JSON/)
  refuses(rootItem(5, ...ascii('undefined')), /JSON/)
  accepts(rootItem(2, 2, ...ascii('undefined'), ...ascii('[1]')))
})

test('unknown kinds of content, types, values and parents are refused', () => {
  for (let ref = 11; ref < 32; ref++) refuses(rootItem(ref, 1), /unknown kind/)
  refuses(rootItem(7, 7), /unknown kind/)
  refuses(rootItem(8, 1, 115), /unknown type/)
  refuses(oneStruct(4, 2, ...ascii('t'), ...ascii('x')), /neither a root type nor an item/)
  refuses(oneStruct(0x80, 1), /flags/)
  refuses(oneStruct(0x2a, 1), /flags/)
})

test('options of a subdocument that Yjs could not use or write again are refused', () => {
  refuses(rootItem(9, ...ascii('id'), 126), /not an object/)
  refuses(rootItem(9, ...ascii('id'), 118, 1, ...ascii('guid'), 125, 1), /guid/)
  refuses(rootItem(9, ...ascii('id'), 118, 1, 0x84, 0x00, 0x67, 0x75, 0x69, 0x64, 125, 1), /guid/)
  refuses(rootItem(9, ...ascii('id'), 118, 1, ...ascii('gcFilter'), 125, 1), /function/)
  accepts(rootItem(9, ...ascii('id'), 118, 1, ...ascii('meta'), 125, 1))
})

test('structs and deletes without length are refused', () => {
  refuses(oneStruct(0, 0), /no length/)
  refuses(oneStruct(10, 0), /no length/)
  refuses(rootItem(1, 0), /no length/)
  refuses(rootItem(2, 0), /no length/)
  refuses(rootItem(4, 0), /no length/)
  refuses(rootItem(8, 0), /no length/)
  refuses([0, 1, 5, 1, 3, 0], /no length/)
  refuses([1, 0, 5, 0, 0, 0, 0], /no structs/)
})

test('integers and clocks out of range are refused', () => {
  refuses([1, 1, ...varUint(5), ...varUint(2 ** 32 - 1), 0, 1, 0], /clock exceeds/)
  refuses(oneStruct(0, ...varUint(2 ** 40)), /clock exceeds/)
  refuses([0, 1, 5, 1, ...varUint(2 ** 32), 1], /clock exceeds/)
  refuses([1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 1, 0], /2\^53/)
  refuses([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0], /2\^53/)
  accepts([1, 1, ...varUint(2 ** 53 - 1), 0, 0, 1, 0])
})

test('ids of the same client must point backwards: Yjs looks them up unchecked', () => {
  const text = ascii('x')
  for (const struct of [
    [4 | 0x80, 5, 0, ...text],
    [4 | 0x40, 5, 7, ...text],
    [4, 0, 5, 0, ...text],
  ]) {
    refuses(oneStruct(...struct), /depends on itself/)
    assert.throws(() => Y.applyUpdate(new Y.Doc(), Uint8Array.from(oneStruct(...struct))))
  }
  refuses(oneStruct(4 | 0xc0, 6, 0, 5, 0, ...text), /depends on itself/)
})

test('clients out of order or repeated are refused: of a repeated client Yjs applies one block only', () => {
  refuses([2, 1, 5, 0, 0, 1, 1, 5, 1, 0, 1, 0], /descending/)
  refuses([2, 1, 4, 0, 0, 1, 1, 5, 0, 0, 1, 0], /descending/)
  accepts([2, 1, 5, 0, 0, 1, 1, 4, 0, 0, 1, 0])
})

test('deletes in any order, overlapping and with repeated clients, are accepted and put in order', () => {
  const inspected = inspectUpdate(Uint8Array.of(0, 3, 4, 3, 8, 2, 1, 3, 2, 4, 5, 1, 0, 1, 4, 1, 10, 5), defaultLimits)
  assert.deepEqual(inspected.deletes, [
    { client: 5, ranges: [0, 1] },
    { client: 4, ranges: [1, 6, 8, 15] },
  ])
})

test('UTF-8 is judged and counted like TextDecoder does, JSON like JSON.parse', () => {
  const random = seededRandom(11)
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const leads = [0x41, 0x7f, 0x80, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0x9f, 0xa0, 0x8f, 0x90]
  for (let round = 0; round < 30_000; round++) {
    const bytes = Uint8Array.from({ length: random.below(6) }, () => leads[random.below(leads.length)] as number)
    let expected = -1
    try {
      expected = decoder.decode(bytes).length
    } catch {}
    assert.equal(utf16Length(bytes, 0, bytes.length), expected, `bytes ${bytes}`)
  }
  const tokens = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"\\u00e9\\n"',
    '"\\x"',
    '1',
    '-0',
    '01',
    '1.',
    '.5',
    '1e5',
    '1E+',
    '-',
    'true',
    'null',
    'nul',
    ' ',
    '\n',
    '\t"',
    '"',
  ]
  for (let round = 0; round < 60_000; round++) {
    const text = Array.from({ length: random.below(7) }, () => tokens[random.below(tokens.length)]).join('')
    let expected = true
    try {
      JSON.parse(text)
    } catch {
      expected = false
    }
    const bytes = new TextEncoder().encode(text)
    assert.equal(isJson(bytes, 0, bytes.length, 200), expected, `text ${JSON.stringify(text)}`)
  }
})

test('values end exactly where lib0 wrote their end', () => {
  for (const value of [
    undefined,
    null,
    0,
    -0.0,
    63,
    -64,
    64,
    2 ** 31,
    -(2 ** 31),
    1.1,
    2 ** 60,
    5n,
    true,
    'é🙂',
    new Uint8Array(3),
    [],
    {},
    [[], {}],
    { a: { b: [1] } },
  ]) {
    const encoder = encoding.createEncoder()
    encoding.writeAny(encoder, value as null)
    encoding.writeAny(encoder, value as null)
    const bytes = encoding.toUint8Array(encoder)
    const reader = new ByteReader(bytes, 'malformed-update')
    skipAny(reader, 10)
    assert.equal(reader.offset, bytes.length / 2)
    skipAny(reader, 10)
    assert.equal(reader.remaining, 0)
  }
})

test('state vectors: read to the end, bounded, each client once', () => {
  const malformed = { name: 'WeftError', code: 'malformed' }
  const decode = (...bytes: readonly number[]) => decodeStateVector(Uint8Array.from(bytes), { clientsPerDocumentMax: 3 })
  assert.deepEqual(decode(2, 9, 1, ...varUint(2 ** 53 - 1), 7), new Map([[9, 1], [2 ** 53 - 1, 7]])) // biome-ignore format: one line
  for (const bytes of [[], [1], [1, 2], [0, 0], [...varUint(32_000_000), 1, 1], [2, 1, 1, 1, 1], [1, 1, ...varUint(2 ** 32)]])
    assert.throws(() => decode(...bytes), malformed)
  assert.throws(() => decode(4, 1, 1, 2, 1, 3, 1, 4, 1), { code: 'document-too-large', closeCode: 4413, message: /more than 3 client ids/ })
})

test('fuzz: mutated, composed and random bytes break no decoder, and what is accepted works in Yjs', () => {
  const seed = Number(process.env['WEFT_SEED'] ?? 2026)
  process.stdout.write(`# seed ${seed}\n`)
  const report = fuzzUpdates(seededRandom(seed), 20_000, { applyOneIn: 8 })
  assert.ok(report.accepted > 2_000 && report.applied > 250, `too few inputs were accepted: ${JSON.stringify(report)}`)
})

test('D8: a log of what is new applies and merges, however inconsistent the histories that clients forge', () => {
  const first = Number(process.env['WEFT_SEED'] ?? 1)
  for (let seed = first; seed < first + 400; seed++) {
    const random = seededRandom(seed)
    const known = new KnownState()
    const doc = new Y.Doc()
    const log: Uint8Array[] = []
    try {
      while (log.length < 5) {
        const update = randomUpdate(random)
        try {
          inspectUpdate(update, defaultLimits)
        } catch {
          continue
        }
        const fresh = known.subtract(inspectUpdate(update, defaultLimits)) ?? Uint8Array.of(0, 0)
        known.add(inspectUpdate(fresh, defaultLimits))
        log.push(fresh)
        Y.applyUpdate(doc, fresh)
      }
      const merged = mergeUpdateTree(log)
      Y.applyUpdate(new Y.Doc(), merged)
      const again = new KnownState()
      again.add(inspectUpdate(merged, defaultLimits))
      assert.ok(again.equals(known), 'the merged log differs from what is known')
    } catch (error) {
      throw new Error(`Seed ${seed} failed (run it alone with WEFT_SEED=${seed})`, { cause: error })
    }
  }
})

// Updates of every shape that the encoding permits, as large as wished: what a decent client sends, and what nobody but an attacker would.
import * as encoding from 'lib0/encoding'

const GC = 0
const DELETED = 1
const STRING = 4
const TYPE = 7
const ANY = 8
const SKIP = 10
const MAP_TYPE = 1
const HAS_ORIGIN = 0x80

/** The client of the shapes that need one only. */
export const SHAPE_CLIENT = 5

type Write = (encoder: encoding.Encoder) => void

/** A v1 update: blocks in descending order of clients, then deletes. */
export function writeUpdate(
  blocks: readonly { readonly client: number; readonly clock: number; readonly count: number; readonly structs: Write }[],
  deletes: readonly { readonly client: number; readonly count: number; readonly ranges: Write }[] = [],
): Uint8Array {
  return encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, blocks.length)
    for (const { client, clock, count, structs } of blocks) {
      for (const value of [count, client, clock]) encoding.writeVarUint(encoder, value)
      structs(encoder)
    }
    encoding.writeVarUint(encoder, deletes.length)
    for (const { client, count, ranges } of deletes) {
      encoding.writeVarUint(encoder, client)
      encoding.writeVarUint(encoder, count)
      ranges(encoder)
    }
  })
}

/** `count` times what `write` writes. */
const times =
  (count: number, write: (encoder: encoding.Encoder, index: number) => void): Write =>
  (encoder) => {
    for (let index = 0; index < count; index++) write(encoder, index)
  }

/** A GC (0) or a Skip (10). */
export const empty = (encoder: encoding.Encoder, ref: number, length: number): void => {
  encoding.writeUint8(encoder, ref)
  encoding.writeVarUint(encoder, length)
}

/** An item of the root type "t" at `index` 0, else after the one before it. */
const item = (encoder: encoding.Encoder, ref: number, index: number, client = SHAPE_CLIENT): void => {
  if (index === 0) {
    encoding.writeUint8(encoder, ref)
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarString(encoder, 't')
  } else {
    encoding.writeUint8(encoder, ref | HAS_ORIGIN)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, index - 1)
  }
}

const oneBlock = (count: number, structs: Write, clock = 0): Uint8Array => writeUpdate([{ client: SHAPE_CLIENT, clock, count, structs }])

const isolatedRanges = (client: number, count: number, first = 0) => ({
  client,
  count,
  ranges: times(count, (encoder, index) => {
    encoding.writeVarUint(encoder, first + index * 2)
    encoding.writeVarUint(encoder, 1)
  }),
})

const text = (encoder: encoding.Encoder, length: number): void => {
  item(encoder, STRING, 0)
  encoding.writeVarString(encoder, 'a'.repeat(length))
}

/** Each makes an update of about `count` small parts. */
export const updateShapes = {
  'one-clock GCs': (count) =>
    oneBlock(
      count,
      times(count, (encoder) => empty(encoder, GC, 1)),
    ),
  'GCs and Skips in turn': (count) =>
    oneBlock(
      count,
      times(count, (encoder, index) => empty(encoder, index % 2 === 0 ? GC : SKIP, 1)),
    ),
  'one string': (count) => oneBlock(1, (encoder) => text(encoder, count)),
  'deleted items': (count) =>
    oneBlock(
      count,
      times(count, (encoder, index) => {
        item(encoder, DELETED, index)
        encoding.writeVarUint(encoder, 1)
      }),
    ),
  'characters of their own': (count) =>
    oneBlock(
      count,
      times(count, (encoder, index) => {
        item(encoder, STRING, index)
        encoding.writeVarString(encoder, 'a')
      }),
    ),
  'types beside each other': (count) =>
    oneBlock(
      count,
      times(count, (encoder, index) => {
        item(encoder, TYPE, index)
        encoding.writeVarUint(encoder, MAP_TYPE)
      }),
    ),
  'empty arrays in one value': (count) =>
    oneBlock(1, (encoder) => {
      item(encoder, ANY, 0)
      encoding.writeVarUint(encoder, count)
      for (let index = 0; index < count; index++) encoding.writeAny(encoder, [])
    }),
  'many clients': (count) =>
    writeUpdate(
      Array.from({ length: count }, (_, index) => ({
        client: count - index,
        clock: 0,
        count: 1,
        structs: times(1, (encoder) => empty(encoder, GC, 1)),
      })),
    ),
  'many clients behind gaps': (count) =>
    writeUpdate(
      Array.from({ length: count }, (_, index) => ({
        client: count - index,
        clock: 1,
        count: 1,
        structs: times(1, (encoder) => empty(encoder, GC, 1)),
      })),
    ),
  'clients that wait for one another': (count) =>
    writeUpdate(
      Array.from({ length: count }, (_, index) => ({
        client: count - index,
        clock: 0,
        count: 1,
        structs: (encoder) => {
          encoding.writeUint8(encoder, STRING | HAS_ORIGIN)
          encoding.writeVarUint(encoder, count - index + 1)
          encoding.writeVarUint(encoder, 0)
          encoding.writeVarString(encoder, 'a')
        },
      })),
    ),
  'delete ranges': (count) => writeUpdate([], [isolatedRanges(SHAPE_CLIENT, count)]),
  'delete ranges of many clients': (count) =>
    writeUpdate(
      [],
      Array.from({ length: count }, (_, index) => isolatedRanges(count - index, 1)),
    ),
  'delete ranges in a text': (count) =>
    writeUpdate(
      [{ client: SHAPE_CLIENT, clock: 0, count: 1, structs: (encoder) => text(encoder, count * 2) }],
      [isolatedRanges(SHAPE_CLIENT, count)],
    ),
} as const satisfies Record<string, (count: number) => Uint8Array>

export type UpdateShape = keyof typeof updateShapes

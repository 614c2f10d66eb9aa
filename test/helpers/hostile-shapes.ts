// Histories that the encoding permits and no editor makes, as large as wished: each shape draws its details from a seed, and then repeats itself.
import * as encoding from 'lib0/encoding'
import type { Random } from '../../core/random.js'
import { shuffled } from './update-generator.js'
import { empty, writeUpdate } from './update-shapes.js'

const GC = 0
const DELETED = 1
const STRING = 4
const TYPE = 7
const ANY = 8
const SKIP = 10
const ARRAY_TYPE = 0
const HAS_RIGHT_ORIGIN = 0x40
const HAS_ORIGIN = 0x80

type Write = (encoder: encoding.Encoder) => void

/** The updates in the order in which they are submitted, of about `count` small parts in all. The same seed at another count gives more of the same. */
export type HostileShape = (random: Random, count: number) => readonly Uint8Array[]

const pick = <Value>(random: Random, values: readonly Value[]): Value => values[random.below(values.length)] as Value

/** The parent that stands where a struct names no neighbour: a root type. */
const inRoot: Write = (encoder) => {
  encoding.writeVarUint(encoder, 1)
  encoding.writeVarString(encoder, 't')
}

const writeId = (encoder: encoding.Encoder, client: number, clock: number): void => {
  encoding.writeVarUint(encoder, client)
  encoding.writeVarUint(encoder, clock)
}

/** One character beside another struct, or in the root without one. */
const character = (encoder: encoding.Encoder, origin: readonly [client: number, clock: number] | null): void => {
  encoding.writeUint8(encoder, origin === null ? STRING : STRING | HAS_ORIGIN)
  if (origin === null) inRoot(encoder)
  else writeId(encoder, ...origin)
  encoding.writeVarString(encoder, 'a')
}

/** Content of exactly `length` clocks in one struct. */
function oneStruct(kind: 'string' | 'values' | 'deleted', unit: string, length: number): Write {
  return (encoder) => {
    encoding.writeUint8(encoder, kind === 'string' ? STRING : kind === 'values' ? ANY : DELETED)
    inRoot(encoder)
    if (kind === 'deleted') encoding.writeVarUint(encoder, length)
    else if (kind === 'string')
      encoding.writeVarString(encoder, unit.repeat(Math.floor(length / unit.length)) + 'a'.repeat(length % unit.length))
    else {
      encoding.writeVarUint(encoder, length)
      for (let index = 0; index < length; index++) encoding.writeAny(encoder, index % 2 === 0 ? null : unit)
    }
  }
}

/** GCs and Skips in turn, and one struct over the same clocks: it fills each gap with a piece of itself, or comes first and leaves them nothing. */
const gapsAndOneStruct =
  (kinds: readonly ('string' | 'values' | 'deleted')[], orders: readonly ('gaps-first' | 'struct-first')[]): HostileShape =>
  (random, count) => {
    const client = 1 + random.below(2 ** 31)
    const [gcMax, skipMax] = [1 + random.below(3), 1 + random.below(4)]
    const kind = pick(random, kinds)
    const unit = pick(random, ['a', 'é', '日', '🙂'])
    const order = pick(random, orders)
    const lengths = Array.from({ length: count }, (_, index) => 1 + random.below(index % 2 === 0 ? gcMax : skipMax))
    const clocks = lengths.reduce((sum, length) => sum + length, 0)
    const gaps = writeUpdate([
      {
        client,
        clock: 0,
        count,
        structs: (encoder) => {
          for (const [index, length] of lengths.entries()) empty(encoder, index % 2 === 0 ? GC : SKIP, length)
        },
      },
    ])
    const filling = writeUpdate([{ client, clock: 0, count: 1, structs: oneStruct(kind, unit, clocks) }])
    return order === 'gaps-first' ? [gaps, filling] : [filling, gaps]
  }

/** Clients with one struct each, some behind a gap, some waiting for the next one; then what closes the gaps, and all of it again. */
const veryManyClients: HostileShape = (random, count) => {
  const stride = pick(random, [1, 3, 8191])
  const gapOneIn = pick(random, [1, 2, 5, Number.POSITIVE_INFINITY])
  const waitOneIn = pick(random, [2, 7, Number.POSITIVE_INFINITY])
  const clients = Array.from({ length: Math.ceil(count / 2) }, (_, index) => ({
    client: (Math.ceil(count / 2) - index) * stride,
    clock: index % gapOneIn === 0 ? 1 : 0,
    needsNext: index > 0 && index % waitOneIn === 0,
  }))
  const all = writeUpdate(
    clients.map(({ client, clock, needsNext }) => ({
      client,
      clock,
      count: 1,
      structs: (encoder) => (needsNext ? character(encoder, [client + stride, 0]) : empty(encoder, GC, 1)),
    })),
  )
  const closing = writeUpdate(clients.map(({ client }) => ({ client, clock: 0, count: 1, structs: (encoder) => empty(encoder, GC, 1) })))
  return [all, closing, all]
}

/** Delete ranges in and out of order, apart and over one another, of one client or a few, with and without the text that they delete from. */
const veryManyDeletes: HostileShape = (random, count) => {
  const updates = 1 + random.below(3)
  const clients = 1 + random.below(3)
  const order = pick(random, ['sorted', 'reversed', 'unordered'] as const)
  const lengthMax = pick(random, [1, 3, 40])
  const step = 2 + random.below(4)
  const textFirst = random.below(2) === 0
  const perUpdate = Math.ceil(count / updates / clients)
  const result: Uint8Array[] = []
  if (textFirst)
    result.push(writeUpdate([{ client: clients, clock: 0, count: 1, structs: oneStruct('string', 'a', perUpdate * step + lengthMax) }]))
  for (let update = 0; update < updates; update++) {
    const deletes = Array.from({ length: clients }, (_, index) => {
      const sorted = Array.from({ length: perUpdate }, (__, range) => [range * step + update, 1 + random.below(lengthMax)] as const)
      const ranges = order === 'sorted' ? sorted : order === 'reversed' ? sorted.reverse() : shuffled(random, sorted)
      return {
        client: clients - index,
        count: perUpdate,
        ranges: (encoder: encoding.Encoder) => {
          for (const range of ranges) writeId(encoder, ...range)
        },
      }
    })
    result.push(writeUpdate([], deletes))
  }
  return result
}

/** Shared types, each in the one before, one with each update; text may stand beside them. They go on for ever, or begin anew; in the order of their making, or not. */
const growingNesting =
  (orders: readonly ('made' | 'reversed' | 'unordered')[]): HostileShape =>
  (random, count) => {
    const clients = 1 + random.below(3)
    const order = pick(random, orders)
    const textBeside = random.below(2) === 0
    const depthMax = pick(random, [40, 190, Number.POSITIVE_INFINITY])
    const next = new Array<number>(clients).fill(0)
    const updates: Uint8Array[] = []
    let parent: readonly [client: number, clock: number] | null = null
    for (let level = 0; level < count / (textBeside ? 2 : 1); level++) {
      const client = random.below(clients)
      const clock = next[client] as number
      const inside: typeof parent = level % depthMax === 0 ? null : parent
      updates.push(
        writeUpdate([
          {
            client: client + 1,
            clock,
            count: textBeside ? 2 : 1,
            structs: (encoder) => {
              encoding.writeUint8(encoder, TYPE)
              if (inside === null) inRoot(encoder)
              else {
                encoding.writeVarUint(encoder, 0)
                writeId(encoder, ...inside)
              }
              encoding.writeVarUint(encoder, ARRAY_TYPE)
              if (textBeside) character(encoder, [client + 1, clock])
            },
          },
        ]),
      )
      parent = [client + 1, clock]
      next[client] = clock + (textBeside ? 2 : 1)
    }
    return order === 'made' ? updates : order === 'reversed' ? updates.reverse() : shuffled(random, updates)
  }

/** Shared types and characters that all hang on one struct, or on each other, and wait for it: it comes last, or in the middle. */
const waitingForOne =
  (links: readonly ('to-one' | 'chained')[], places: readonly ('last' | 'between')[]): HostileShape =>
  (random, count) => {
    const updates = 1 + random.below(3)
    const clients = 1 + random.below(3)
    const chained = pick(random, links) === 'chained'
    const place = pick(random, places)
    const perUpdate = Math.ceil(count / updates / clients)
    const result: Uint8Array[] = []
    for (let update = 0; update < updates; update++) {
      const clock = update * perUpdate
      result.push(
        writeUpdate(
          Array.from({ length: clients }, (_, index) => ({
            client: 2 + clients - index,
            clock,
            count: perUpdate,
            structs: (encoder: encoding.Encoder) => {
              for (let struct = 0; struct < perUpdate; struct++) {
                encoding.writeUint8(encoder, TYPE)
                encoding.writeVarUint(encoder, 0)
                if (chained && struct > 0) writeId(encoder, 2 + clients - index, clock + struct - 1)
                else writeId(encoder, 1, 0)
                encoding.writeVarUint(encoder, ARRAY_TYPE)
              }
            },
          })),
        ),
      )
    }
    const one = writeUpdate([
      {
        client: 1,
        clock: 0,
        count: 1,
        structs: (encoder) => {
          encoding.writeUint8(encoder, TYPE)
          inRoot(encoder)
          encoding.writeVarUint(encoder, ARRAY_TYPE)
        },
      },
    ])
    result.splice(place === 'last' ? updates : random.below(updates), 0, one)
    return result
  }

/** Keystrokes of a few authors beside each other's, submitted in another order than they were made. */
const keystrokes =
  (orders: readonly ('reversed' | 'unordered' | 'first-last' | 'author-by-author')[]): HostileShape =>
  (random, count) => {
    const authors = 1 + random.below(4)
    const order = pick(random, orders)
    const clocks = new Array<number>(authors).fill(0)
    const made: { readonly author: number; readonly update: Uint8Array }[] = []
    let last: readonly [client: number, clock: number] | null = null
    for (let index = 0; index < count; index++) {
      const author = random.below(authors)
      const clock = clocks[author] as number
      const before = last
      const right = random.below(4) === 0
      const update = writeUpdate([
        {
          client: author + 1,
          clock,
          count: 1,
          structs: (encoder) => {
            if (before === null || !right) return character(encoder, before)
            encoding.writeUint8(encoder, STRING | HAS_RIGHT_ORIGIN)
            writeId(encoder, ...before)
            encoding.writeVarString(encoder, 'b')
          },
        },
      ])
      made.push({ author, update })
      clocks[author] = clock + 1
      last = [author + 1, clock]
    }
    const submitted = {
      reversed: () => made.reverse(),
      unordered: () => shuffled(random, made),
      'first-last': () => [...made.slice(1), ...made.slice(0, 1)],
      'author-by-author': () => made.sort((a, b) => b.author - a.author),
    }[order]()
    return submitted.map(({ update }) => update)
  }

/** What was dear once has an entry of its own, since a run draws each only once or twice. */
export const hostileShapes = {
  'GCs and Skips in turn, then one string over them': gapsAndOneStruct(['string'], ['gaps-first']),
  'GCs and Skips in turn, and one struct over them': gapsAndOneStruct(['string', 'values', 'deleted'], ['gaps-first', 'struct-first']),
  'very many clients': veryManyClients,
  'very many delete ranges': veryManyDeletes,
  'nesting that grows with each update': growingNesting(['made']),
  'nesting that grows, in another order': growingNesting(['reversed', 'unordered']),
  'types that wait for one struct': waitingForOne(['to-one'], ['last']),
  'types that wait for one struct or for each other': waitingForOne(['to-one', 'chained'], ['last', 'between']),
  'updates without order': keystrokes(['unordered']),
  'updates in another order': keystrokes(['reversed', 'first-last', 'author-by-author']),
} as const satisfies Record<string, HostileShape>

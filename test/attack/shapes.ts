// The bytes of attacks: updates that the encoding permits, cheap to send, and dear for whoever handles them without care.
import * as encoding from 'lib0/encoding'

const GC = 0
const STRING = 4
const TYPE = 7
const SKIP = 10
const HAS_ORIGIN = 0x80

/** `count` GC structs of one clock each: two bytes a struct. */
export function gcStructs(client: number, firstClock: number, count: number): Uint8Array {
  return encoded((encoder) => {
    writeBlock(encoder, count, client, firstClock)
    for (let index = 0; index < count; index++) writeRun(encoder, GC, 1)
    encoding.writeVarUint(encoder, 0)
  })
}

/** A GC struct, a gap, a GC struct, a gap: `pairs` of them, two clocks a pair. */
export function alternatingGaps(client: number, pairs: number): Uint8Array {
  return encoded((encoder) => {
    writeBlock(encoder, 2 * pairs, client, 0)
    for (let pair = 0; pair < pairs; pair++) {
      writeRun(encoder, GC, 1)
      writeRun(encoder, SKIP, 1)
    }
    encoding.writeVarUint(encoder, 0)
  })
}

/** One string of `length` characters, which stands alone in the text `t`. */
export function oneString(client: number, firstClock: number, length: number, character = 'x'): Uint8Array {
  return encoded((encoder) => {
    writeBlock(encoder, 1, client, firstClock)
    encoding.writeUint8(encoder, STRING)
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarString(encoder, 't')
    encoding.writeVarString(encoder, character.repeat(length))
    encoding.writeVarUint(encoder, 0)
  })
}

/** One character typed after the last one of the same client: what a person at a keyboard sends. */
export function keystroke(client: number, clock: number, character = 'k'): Uint8Array {
  if (clock === 0) return oneString(client, 0, 1, character)
  return encoded((encoder) => {
    writeBlock(encoder, 1, client, clock)
    encoding.writeUint8(encoder, STRING | HAS_ORIGIN)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, clock - 1)
    encoding.writeVarString(encoder, character)
    encoding.writeVarUint(encoder, 0)
  })
}

/** `count` clients with one struct each, at `clock`: past 0 all of them wait behind gaps that never close. */
export function manyClients(firstClient: number, count: number, clock: number): Uint8Array {
  return encoded((encoder) => {
    encoding.writeVarUint(encoder, count)
    // Highest first, as Yjs writes them.
    for (let index = count - 1; index >= 0; index--) {
      encoding.writeVarUint(encoder, 1)
      encoding.writeVarUint(encoder, firstClient + index)
      encoding.writeVarUint(encoder, clock)
      writeRun(encoder, GC, 1)
    }
    encoding.writeVarUint(encoder, 0)
  })
}

/** No structs, and deletions of one client: each range is a clock and a length. */
export function deleteRanges(
  client: number,
  count: number,
  rangeOf: (index: number) => readonly [clock: number, length: number],
): Uint8Array {
  return encoded((encoder) => {
    encoding.writeVarUint(encoder, 0)
    encoding.writeVarUint(encoder, 1)
    encoding.writeVarUint(encoder, client)
    encoding.writeVarUint(encoder, count)
    for (let index = 0; index < count; index++) {
      const [clock, length] = rangeOf(index)
      encoding.writeVarUint(encoder, clock)
      encoding.writeVarUint(encoder, length)
    }
  })
}

/** Arrays inside one another, `depth` of them; the outermost lies in the array `n`, or in the innermost of an earlier update that ended at `firstClock`. */
export function nested(client: number, firstClock: number, depth: number): Uint8Array {
  return encoded((encoder) => {
    writeBlock(encoder, depth, client, firstClock)
    for (let index = 0; index < depth; index++) {
      const clock = firstClock + index
      encoding.writeUint8(encoder, TYPE)
      encoding.writeVarUint(encoder, clock === 0 ? 1 : 0)
      if (clock === 0) encoding.writeVarString(encoder, 'n')
      else {
        encoding.writeVarUint(encoder, client)
        encoding.writeVarUint(encoder, clock - 1)
      }
      encoding.writeVarUint(encoder, 0)
    }
    encoding.writeVarUint(encoder, 0)
  })
}

/** An awareness update of `count` clients with the same state. */
export function awarenessOf(firstClient: number, count: number, clock: number, state: string): Uint8Array {
  return encoded((encoder) => {
    encoding.writeVarUint(encoder, count)
    for (let index = 0; index < count; index++) {
      encoding.writeVarUint(encoder, firstClient + index)
      encoding.writeVarUint(encoder, clock)
      encoding.writeVarString(encoder, state)
    }
  })
}

/** "I have everything of these clients through these clocks." */
export function stateVector(...entries: readonly (readonly [client: number, clock: number])[]): Uint8Array {
  return encoded((encoder) => {
    encoding.writeVarUint(encoder, entries.length)
    for (const [client, clock] of entries) {
      encoding.writeVarUint(encoder, client)
      encoding.writeVarUint(encoder, clock)
    }
  })
}

function encoded(write: (encoder: encoding.Encoder) => void): Uint8Array {
  const encoder = encoding.createEncoder()
  write(encoder)
  return encoding.toUint8Array(encoder)
}

/** The header of an update with one client. */
function writeBlock(encoder: encoding.Encoder, structs: number, client: number, firstClock: number): void {
  encoding.writeVarUint(encoder, 1)
  encoding.writeVarUint(encoder, structs)
  encoding.writeVarUint(encoder, client)
  encoding.writeVarUint(encoder, firstClock)
}

function writeRun(encoder: encoding.Encoder, kind: number, length: number): void {
  encoding.writeUint8(encoder, kind)
  encoding.writeVarUint(encoder, length)
}

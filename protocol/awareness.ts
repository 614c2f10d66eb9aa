// Awareness updates as bytes: who says what about which client, with the JSON left unparsed.
//
//   update := varUint n, n × { varUint client id, varUint clock, varUint length, that many bytes of UTF-8 JSON }
//
// The JSON text `null` is a removal. The same layout is used by every Yjs provider.
import * as encoding from 'lib0/encoding'
import { decodeUtf8 } from 'lib0/string'
import { WeftError } from '../core/errors.js'
import { MessageReader } from './bytes.js'

export interface AwarenessEntry {
  readonly clientId: number
  readonly clock: number
  /** UTF-8 JSON, unparsed; the four bytes `null` for a removal. */
  readonly state: Uint8Array
}

/** The state of a removal. */
export const removalState: Uint8Array = Uint8Array.of(0x6e, 0x75, 0x6c, 0x6c)

/** Client id, clock and length take a byte each; the shortest JSON text is one more. */
const ENTRY_BYTES_MIN = 4

/**
 * Walks an awareness update without allocating: `visit` gets each entry as numbers, with the state as an offset range of `bytes`. Throws
 * `malformed` unless the whole input is one update; entries before the fault have been visited by then. States are not looked at. Of more
 * than `entriesMax` entries only the first are read, and nothing behind them. Answers how many there are.
 */
export function scanAwareness(
  bytes: Uint8Array,
  visit: (clientId: number, clock: number, stateStart: number, stateEnd: number) => void,
  entriesMax = Number.POSITIVE_INFINITY,
): number {
  const reader = new MessageReader(bytes, 'The awareness update')
  const count = reader.count(ENTRY_BYTES_MIN)
  const read = Math.min(count, entriesMax)
  for (let index = 0; index < read; index++) {
    const clientId = reader.varUint()
    const clock = reader.varUint()
    const length = reader.varUint()
    const stateStart = reader.position
    reader.skip(length)
    if (length === 0) throw reader.malformed('holds an empty state')
    visit(clientId, clock, stateStart, stateStart + length)
  }
  if (read === count) reader.end()
  return count
}

/** Decodes an awareness update. States are views into `bytes`. Throws `malformed`. */
export function decodeAwareness(bytes: Uint8Array): AwarenessEntry[] {
  const entries: AwarenessEntry[] = []
  scanAwareness(bytes, (clientId, clock, stateStart, stateEnd) => {
    entries.push({ clientId, clock, state: bytes.subarray(stateStart, stateEnd) })
  })
  return entries
}

export function encodeAwareness(entries: readonly AwarenessEntry[]): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, entries.length)
  for (const { clientId, clock, state } of entries) {
    encoding.writeVarUint(encoder, clientId)
    encoding.writeVarUint(encoder, clock)
    encoding.writeVarUint8Array(encoder, state)
  }
  return encoding.toUint8Array(encoder)
}

/** Whether `bytes` holds the text `null` from `start` to `end`. */
export function isRemovalState(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start === 4 && bytes[start] === 0x6e && bytes[start + 1] === 0x75 && bytes[start + 2] === 0x6c && bytes[start + 3] === 0x6c
}

export function isRemoval(entry: AwarenessEntry): boolean {
  return isRemovalState(entry.state, 0, entry.state.length)
}

/** Parses a state. Throws `malformed` if it is not UTF-8 JSON. */
export function parseState(state: Uint8Array): unknown {
  try {
    const parsed: unknown = JSON.parse(decodeUtf8(state))
    return parsed
  } catch (cause) {
    throw new WeftError('malformed', 'An awareness state is not valid JSON.', { cause })
  }
}

/**
 * Throws `malformed` unless `state` is JSON that every receiver can read: valid, nested at most `nestingDepthMax` deep, and `null` only in
 * the spelling that `isRemoval` knows. Receivers parse a frame as a whole, so one bad state would hide everybody else's. Answers the state,
 * parsed.
 */
export function checkState(state: Uint8Array, nestingDepthMax: number): unknown {
  let depth = 0
  let inString = false
  for (let at = 0; at < state.length; at++) {
    const byte = state[at]
    if (byte === 0x22) inString = !inString
    else if (inString) at += byte === 0x5c ? 1 : 0
    else if (byte === 0x5b || byte === 0x7b) depth += 1
    else if (byte === 0x5d || byte === 0x7d) depth -= 1
    if (depth > nestingDepthMax) throw new WeftError('malformed', `An awareness state is nested more than ${nestingDepthMax} deep.`)
  }
  const parsed = parseState(state)
  if (parsed === null && !isRemovalState(state, 0, state.length)) {
    throw new WeftError('malformed', 'An awareness state is null in an unusual spelling.')
  }
  return parsed
}

// State vectors: varUint number of clients, then {client id, clock} each. The clock is the first one that is missing.
import { ByteReader } from './byte-reader.js'
import { encodeVarUints } from './encoding.js'
import { CLOCK_MAX } from './struct-reader.js'

/** Throws WeftError 'malformed' unless the whole input is a state vector that names each client once, at most `structsPerUpdateMax` of them. */
export function decodeStateVector(bytes: Uint8Array, bounds: { readonly structsPerUpdateMax: number }): Map<number, number> {
  const reader = new ByteReader(bytes, 'malformed')
  const count = reader.readCount(2)
  if (count > bounds.structsPerUpdateMax) reader.fail(`The state vector names more than ${bounds.structsPerUpdateMax} clients`)
  const stateVector = new Map<number, number>()
  for (let index = 0; index < count; index++) {
    const client = reader.readVarUint()
    const clock = reader.readVarUint()
    if (clock > CLOCK_MAX) reader.fail('A clock exceeds 2^32-1')
    if (stateVector.has(client)) reader.fail('A client is named twice')
    stateVector.set(client, clock)
  }
  if (reader.remaining > 0) reader.fail('The state vector is followed by something else')
  return stateVector
}

/** In descending order of client ids, as Yjs writes it. */
export function encodeStateVector(stateVector: ReadonlyMap<number, number>): Uint8Array {
  const values = [stateVector.size]
  for (const [client, clock] of [...stateVector].sort((a, b) => b[0] - a[0])) values.push(client, clock)
  return encodeVarUints(values)
}

// State vectors: varUint number of clients, then {client id, clock} each. The clock is the first one that is missing.
import { WeftError } from '../../core/errors.js'
import { ByteReader } from './byte-reader.js'
import { CLOCK_MAX } from './struct-reader.js'

export interface StateVectorBounds {
  /** Client ids in one document, and so in what somebody says of it. */
  readonly clientsPerDocumentMax: number
}

/**
 * Throws WeftError 'malformed' unless the whole input is a state vector that names each client once, and 'document-too-large' if it names
 * more of them than a document may have.
 */
export function decodeStateVector(bytes: Uint8Array, bounds: StateVectorBounds): Map<number, number> {
  const reader = new ByteReader(bytes, 'malformed')
  const count = reader.readCount(2)
  if (count > bounds.clientsPerDocumentMax)
    throw new WeftError('document-too-large', `The state vector names more than ${bounds.clientsPerDocumentMax} client ids.`)
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

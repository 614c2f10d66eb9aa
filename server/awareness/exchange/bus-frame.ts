// The frames that nodes send each other about a document's awareness.
//
//   frame := byte version (1), byte kind, varString node id, varString boot, varUint generation, varUint seq, body
//
//   kind 1 states: what changed, body = an awareness update to the end of the frame
//   kind 2 full:   all states of the origin's sessions, body as above
//   kind 3 hello:  as full, and asks the others for their full states
//   kind 4 gone:   the origin has no sessions on the document any more, no body
//   kind 5 message: what an application says, of which awareness knows nothing, to the end of the frame
//
// `generation` counts the origin's subscriptions, `seq` its frames within one of them, from 1 and without gaps. Messages are numbered by themselves, in generation 0.
import * as encoding from 'lib0/encoding'
import { MessageReader } from '../../../protocol/bytes.js'
import type { Origin } from '../bus.js'

const VERSION = 1
const NAME_BYTES_MAX = 256
/** Without entries, an awareness update is the byte 0. */
const nothing = Uint8Array.of(0)

const kinds = { states: 1, full: 2, hello: 3, gone: 4, message: 5 } as const

export interface BusFrame {
  readonly kind: keyof typeof kinds
  readonly origin: Origin
  readonly generation: number
  readonly seq: number
  /** An encoded awareness update, not yet inspected; or the message. */
  readonly update: Uint8Array
}

export function encodeBusFrame({ kind, origin, generation, seq, update }: BusFrame): Uint8Array {
  const encoder = encoding.createEncoder()
  encoding.writeUint8(encoder, VERSION)
  encoding.writeUint8(encoder, kinds[kind])
  encoding.writeVarString(encoder, origin.nodeId)
  encoding.writeVarString(encoder, origin.boot)
  encoding.writeVarUint(encoder, generation)
  encoding.writeVarUint(encoder, seq)
  if (kind !== 'gone') encoding.writeUint8Array(encoder, update)
  return encoding.toUint8Array(encoder)
}

/** The update is a view into `bytes`. Throws `malformed`, also for a version or a kind that this program does not know. */
export function decodeBusFrame(bytes: Uint8Array): BusFrame {
  const reader = new MessageReader(bytes, 'The awareness frame')
  const version = reader.varUint()
  if (version !== VERSION) throw reader.malformed(`is of version ${version}, where ${VERSION} is known`)
  const kindNumber = reader.varUint()
  const kind = kindOf(kindNumber)
  if (kind === null) throw reader.malformed(`is of an unknown kind, ${kindNumber}`)
  const origin = { nodeId: reader.varString(NAME_BYTES_MAX), boot: reader.varString(NAME_BYTES_MAX) }
  const generation = reader.varUint()
  const seq = reader.varUint()
  if (kind !== 'gone') return { kind, origin, generation, seq, update: bytes.subarray(reader.position) }
  reader.end()
  return { kind, origin, generation, seq, update: nothing }
}

function kindOf(value: number): BusFrame['kind'] | null {
  for (const [kind, number] of Object.entries(kinds)) if (number === value) return kind as BusFrame['kind']
  return null
}

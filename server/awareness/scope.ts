// Where a client looks, as its state says it: `{"weft": {"at": "page 3", "moves": ["cursor"]}, …}`.
import type { Limits } from '../../core/limits.js'
import { checkState, parseState, scanAwareness } from '../../protocol/awareness.js'

/** What a state says of a client that looks at a part of its document only. */
export interface Scope {
  /** The part, by the application's name for it. */
  readonly at: string
  /** All that the state says besides movements, as text: equal for equal states. */
  readonly presence: string
}

/** The field of a state that says where its client looks. */
const SCOPE_FIELD = 'weft'
/** The fields that hold movements, unless the state names others: those of the editor bindings. */
const defaultMoves: readonly string[] = ['cursor', 'selection']
/** In UTF-16 units. Whoever says a longer one looks at the whole document. */
const AT_LENGTH_MAX = 256
const MOVES_MAX = 8

const marker = Buffer.from(`"${SCOPE_FIELD}"`)

/** Null: the client looks at the whole document. `state` is valid JSON. */
export function scopeOf(state: Uint8Array): Scope | null {
  // Most documents have no parts: their states are not parsed for this.
  if (!Buffer.from(state.buffer, state.byteOffset, state.length).includes(marker)) return null
  const said = parseState(state)
  const scope = isRecord(said) ? said[SCOPE_FIELD] : null
  if (!isRecord(said) || !isRecord(scope)) return null
  const { at, moves } = scope
  if (typeof at !== 'string' || at.length > AT_LENGTH_MAX) return null
  const named = Array.isArray(moves) && moves.length <= MOVES_MAX ? moves : defaultMoves
  return { at, presence: JSON.stringify(Object.entries(said).filter(([field]) => !named.includes(field))) }
}

/**
 * Where the client of an awareness update looks, by the first state in it; null: at the whole document, or the update is larger than what is read. For clients whose
 * states nobody sees. Throws `malformed`.
 */
export function lookIn(bytes: Uint8Array, limits: Limits): string | null {
  if (bytes.length > limits.awarenessMessageBytesMax) return null
  let at: string | null = null
  const visit = (_clientId: number, _clock: number, stateStart: number, stateEnd: number): void => {
    if (stateEnd - stateStart > limits.awarenessStateBytesMax) return
    const state = bytes.subarray(stateStart, stateEnd)
    checkState(state, limits.nestingDepthMax)
    at = scopeOf(state)?.at ?? null
  }
  scanAwareness(bytes, visit, 1)
  return at
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

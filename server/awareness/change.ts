// What a client has said of itself, as programs are told of it.
import { parseState } from '../../protocol/awareness.js'
import type { ClientRecord } from './record.js'

export interface AwarenessChange {
  /** The Yjs client id. */
  readonly clientId: number
  /** Whose session says it; null when nobody knows, and of one that has gone. */
  readonly user: string | null
  /** The awareness state; null: it is gone. */
  readonly state: unknown
}

export function changeOf({ clientId, state, binding }: ClientRecord): AwarenessChange {
  return {
    clientId,
    user: binding.kind === 'session' ? binding.session.identity.user : null,
    state: state === null ? null : parseState(state),
  }
}

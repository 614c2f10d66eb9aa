// The status of documents as it is shown: of one, and of all that are open taken together.
import type { Permission } from '../../core/permission.js'
import type { Refusal } from '../errors.js'
import type { ConnectionStatus, SessionStatus } from '../status.js'

export interface SavedState {
  /** The server has acknowledged, from its disk, everything that this client knows of. */
  readonly saved: boolean
  /** Everything that the server had has been in the document at least once since it was opened. */
  readonly synced: boolean
  /** How many local updates the server has not acknowledged. */
  readonly unsaved: number
  readonly connection: ConnectionStatus['state']
  /** Why the server refused the document or an edit for good; null while it has not. */
  readonly refusal: Refusal | null
}

/** The session's status, `state` with its reason, and what is shown beside it. */
export type DocumentStatus = SessionStatus &
  SavedState & {
    /** What the server lets this client do; null until it said so. */
    readonly permission: Permission | null
  }

/** Of a document that is not open yet. */
export const notOpenYet: DocumentStatus = {
  saved: false,
  synced: false,
  unsaved: 0,
  connection: 'connecting',
  refusal: null,
  state: 'connecting',
  permission: null,
}

/** Of no documents: nothing is left to save. */
export const nothingOpen: SavedState = { saved: true, synced: true, unsaved: 0, connection: 'connecting', refusal: null }

export function refusalIn(status: SessionStatus): Refusal | null {
  if (status.state !== 'refused') return null
  const { code, closeCode, reason } = status
  return { code, closeCode, reason }
}

/** All documents as one: saved when all are, refused when one is. */
export function together(states: readonly SavedState[], connection: ConnectionStatus['state']): SavedState {
  return {
    saved: states.every(({ saved }) => saved),
    synced: states.every(({ synced }) => synced),
    unsaved: states.reduce((sum, { unsaved }) => sum + unsaved, 0),
    connection,
    refusal: states.find(({ refusal }) => refusal !== null)?.refusal ?? null,
  }
}

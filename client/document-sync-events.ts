// What the synchronisation of a document tells its session.
import type { Permission } from '../core/permission.js'
import type { Refusal } from './errors.js'

/** What somebody said to others: no edit, at most once, never stored. */
export interface ReceivedMessage {
  readonly payload: string
  /** Who said it, as the server knows it; null when it does not. */
  readonly user: string | null
  /** The session that it came from, for an answer to it alone; null: the server's program, or its API. */
  readonly sessionId: string | null
}

export interface DocumentSyncEvents {
  /** The status or the number of unsaved updates may have changed. */
  changed(): void
  /** A channel was opened; awareness may be sent. */
  opened(): void
  /** Everything that the server had is applied. */
  synced(): void
  /** There is no channel any more. */
  disconnected(): void
  permission(permission: Permission): void
  notice(notice: Refusal): void
  awareness(update: Uint8Array): void
  message(message: ReceivedMessage): void
  /** `synced` will not come (unless the application asks again). */
  failed(error: Error): void
}

// What a connection and a session say about themselves. Unions, so that a reason is there exactly when there is one.
import type { Refusal } from './errors.js'
import type { TransportName } from './transports/negotiation.js'

/** The state of the one socket. */
export type ConnectionStatus =
  /** The first attempt is under way. */
  | { readonly state: 'connecting' }
  /** `transport`: what it goes by. */
  | { readonly state: 'connected'; readonly transport: TransportName }
  /** There is no socket; attempts go on by themselves. `reason` says what ended the last one. */
  | { readonly state: 'offline'; readonly reason: string }
  /** The server refused this client for good; `retry()` asks again. */
  | ({ readonly state: 'refused' } & Refusal)
  | { readonly state: 'closed' }

/** The state of one document. `saved` is only ever said when the server has acknowledged, from disk, everything this client knows of. */
export type SessionStatus =
  /** The first attempt to reach the server is under way, or what is stored on this device is being read. */
  | { readonly state: 'connecting' }
  /** The server was reached and is sending what this client lacks. */
  | { readonly state: 'syncing' }
  /** Up to date; some local edits are not on the server's disk yet. */
  | { readonly state: 'saving' }
  /** Up to date, and every local edit is on the server's disk. */
  | { readonly state: 'saved' }
  /** Not connected; edits are kept here and sent later. `reason` says why. After `close()` too. */
  | { readonly state: 'offline'; readonly reason: string }
  /** The server refused the document or an edit for good. What it refused stays counted in `unsaved`. */
  | ({ readonly state: 'refused' } & Refusal)

/** Whether two statuses say the same. Their fields are strings and numbers. */
export function sameStatus(a: ConnectionStatus | SessionStatus, b: ConnectionStatus | SessionStatus): boolean {
  return a.state === b.state && JSON.stringify(a) === JSON.stringify(b)
}

// The client: `connect` to a server, `open` documents on the connection. Runs in browsers and in Node.
import { WeftConnection } from './connection.js'
import type { ConnectOptions } from './options.js'

/**
 * Connects to a Weft server, and goes on trying until `close()`. One connection carries any number of documents.
 * `url` is ws, wss, http or https; in a browser it may be relative to the page. Throws a TypeError for any other.
 */
export function connect(url: string, options: ConnectOptions = {}): WeftConnection {
  return new WeftConnection(url, options)
}

export type { Awareness } from 'y-protocols/awareness'
export type { Clock, Timer } from '../core/clock.js'
export { WeftError } from '../core/errors.js'
export type { Logger } from '../core/log.js'
export type { Permission } from '../core/permission.js'
export type { Random } from '../core/random.js'
export type { BackoffOptions } from './backoff.js'
export type { ConnectionEvents, WeftConnection } from './connection.js'
export type { DocumentVersion, KeepOptions, Restored, RestoreOptions, VersionsQuery } from './document-history.js'
export type { BroadcastOptions, DocumentSession, SessionEvents } from './document-session.js'
export type { ReceivedMessage } from './document-sync-events.js'
export type { Draft } from './draft.js'
export { type Refusal, RefusedError, SessionClosedError } from './errors.js'
export type { ConnectOptions, HeartbeatOptions, OpenOptions, TokenSource } from './options.js'
export { type DocumentPersistence, type IndexedDbOptions, indexedDbPersistence, type LocalCopy } from './persistence.js'
export type { Participant, ParticipantCursor, PresenceEvents, PresenceOptions, SessionPresence } from './session-presence.js'
export type { ConnectionStatus, SessionStatus } from './status.js'
export type { TransportName } from './transports/negotiation.js'
export type { WebSocketConstructor, WebSocketLike } from './transports/web-socket.js'

// What a program can do with a server that it made.
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { Counters } from '../../core/counters.js'
import type { AccessControl } from '../access/access-control.js'
import type { LocalIdentity } from '../access/local-identities.js'
import type { NodeBindings } from '../api/framework/environment.js'
import type { tuningIn } from '../config/program-options.js'
import type { History } from '../history/history.js'
import type { PresenceRegistry } from '../presence/presence-registry.js'
import type { InProcessWebSocket } from '../program/in-process-socket.js'
import type { Reachable, ServerDocument } from '../program/server-document.js'
import type { ServerOptions } from './server-options.js'

/** As `weft-sync/client` takes it. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => InProcessWebSocket

/** Settings, under the names that they have in `createServer`. */
export type ReloadOptions = Omit<
  ServerOptions,
  'store' | 'clock' | 'random' | 'logger' | 'authorize' | 'hooks' | 'keepDeleted' | 'demo' | 'onFatal' | 'tuning'
> & { readonly tuning?: Partial<ReturnType<typeof tuningIn>> }

/** By their names, such as `limits.connectionsMax`. */
export interface ReloadedSettings {
  /** They changed. */
  readonly reloaded: readonly string[]
  /** They would have to, and can only at a start: they are as they were. */
  readonly needRestart: readonly string[]
}

/** Made by `createServer`. */
export interface WeftServer {
  /**
   * Listens. Rejects with `invalid-configuration` on an address that others reach, while nobody configured who may do what. Resolves when clients can connect; a node of a cluster may still be waiting for its database then, see `ready`. Port 0 takes any free
   * one. Rejects with `address-in-use`. Default host 127.0.0.1.
   */
  listen(port: number, host?: string): Promise<void>
  /** Of the port of its own for metrics, such as `http://127.0.0.1:9464`; null without one, and before `listen`. */
  readonly metricsUrl: string | null
  /** Of the port of its own for the admin page, such as `http://127.0.0.1:9465`; null without one, and before `listen`. */
  readonly adminUrl: string | null
  /** Resolves when the server serves. Rejects with `invalid-configuration` when a setting has to change first. */
  readonly ready: Promise<void>
  /** Such as `http://127.0.0.1:1234`. Throws before `listen`. */
  readonly url: string
  /** What `/metrics` counts, by its name there without `weft_` and `_total`. */
  readonly counters: Counters
  /** Who is where, on all nodes; see `PresenceRegistry`. Null while the server does not serve. Nobody's rights are asked for: that is for the caller. */
  readonly presence: Pick<PresenceRegistry, 'documentPresence' | 'connectionsOf'> | null
  /** Earlier moments of documents, and their versions; see `History`. Null while the server does not serve. Nobody's rights are asked for. */
  readonly history: History | null
  /** A document as this program reads and edits it, by the same path as a client's edit. Throws `overloaded` while the server does not serve. */
  document(documentId: string): ServerDocument
  /** A user, wherever they are connected: `send` reaches one session on each of their connections. Throws `overloaded` while the server does not serve. */
  users(id: string): Reachable
  /** A session, on whichever node it is. Throws as `users` does. */
  sessions(sessionId: string): Reachable
  /**
   * What to pass to `connect` of `weft-sync/client`, with any address, for a client in this process that takes part like any other, such as an agent: it has sessions, a
   * cursor, and no socket.
   */
  asClient(identity?: LocalIdentity): { readonly WebSocket: WebSocketConstructor; readonly token: string }
  /**
   * Serves clients under the base path on a server of the program's own, by WebSockets and over HTTP; other upgrades and requests are left alone, and those of the API are
   * for `handle` or `fetch`. A node of a cluster begins to serve once that server listens.
   */
  attach(httpServer: HttpServer): void
  /** Answers a request of node:http; `next`, as in Express, is called for what is not under the base path. */
  handle(request: IncomingMessage, response: ServerResponse, next?: () => void): void
  /** API keys, one-time tickets, revocations, and the sessions of this node. */
  readonly access: Pick<AccessControl, 'keys' | 'tickets' | 'revocations' | 'sessions'>
  /**
   * The HTTP application as a fetch handler, as another program mounts it. `bindings` hold the request of node:http that it came by, so that it is known from where;
   * without them whoever calls it answers for who asks, while nobody configured who may do what.
   */
  fetch(request: Request, bindings?: NodeBindings): Promise<Response>
  /**
   * Takes over settings while the server runs, all of them or none: what is left out stays as it is. Those that can only change at a start go on as they were, and are
   * named in the answer. Rejects with `invalid-configuration`, in the words of `createServer`. docs/settings.md says of each setting whether it reloads.
   */
  reload(options: ReloadOptions): Promise<ReloadedSettings>
  /** Takes no new clients, commits and acknowledges what was received, closes everybody with 1012 over the drain window, and stops. Idempotent. */
  drain(): Promise<void>
  /** As `drain`, without spreading the closes. Idempotent. */
  close(): Promise<void>
  /** Resolves when the server has stopped. */
  readonly closed: Promise<void>
}

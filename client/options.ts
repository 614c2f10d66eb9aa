// What an application may pass to `connect` and `open`, and the defaults.
import type { Awareness } from 'y-protocols/awareness'
import { type Clock, systemClock } from '../core/clock.js'
import type { Logger } from '../core/log.js'
import { type Random, systemRandom } from '../core/random.js'
import { type BackoffOptions, defaultBackoff } from './backoff.js'
import type { DocumentPersistence } from './persistence.js'
import { type TransportName, transportNames } from './transports/negotiation.js'
import type { WebSocketConstructor } from './transports/web-socket.js'

/** A token, or a function that gets a fresh one for each attempt to connect. */
export type TokenSource = string | (() => string | Promise<string>)

/** When a connection on which nothing arrives counts as lost. */
export interface HeartbeatOptions {
  /** After this long without a message from the server the client asks for one. Default: what the server says at the start (25 s). */
  readonly periodMs?: number
  /** How long the answer may take before the connection counts as lost. Default: 10 s. */
  readonly answerMsMax?: number
}

/** What `connect` takes beside the URL. */
export interface ConnectOptions {
  /** Shown to the server when connecting and with each document. Default: none. */
  readonly token?: TokenSource
  /** Default: the global WebSocket, or that of the `ws` package where there is none. */
  readonly WebSocket?: WebSocketConstructor
  /**
   * What to connect by, the best first: `websocket`; `sse` and `poll` for where a proxy lets no WebSocket through. Default: all three, or `websocket` alone where
   * `WebSocket` is given.
   */
  readonly transports?: readonly TransportName[]
  /** After so many milliseconds on a worse transport a WebSocket is tried again; then after twice as many, and so on. Default: a minute. */
  readonly improveAfterMs?: number
  /** For `sse` and `poll`. Default: the global one. */
  readonly fetch?: typeof fetch
  /** Keeps documents on this device. Default: none. */
  readonly persistence?: DocumentPersistence | null
  /** Default: from 100 ms to 30 s. */
  readonly backoff?: Partial<BackoffOptions>
  /** When silence is tested, and how long the answer may take. */
  readonly heartbeat?: HeartbeatOptions
  /** Gets warnings and errors. Default: the console. */
  readonly logger?: Logger
  /** For tests and simulations. Default: the platform's. */
  readonly clock?: Clock
  /** For tests and simulations. Default: the platform's. */
  readonly random?: Random
}

/** What `connection.open` takes beside the id and the document, for this document only. */
export interface OpenOptions<Presence extends Awareness | null = Awareness | null> {
  /** The application's own Awareness, or null to share none. Default: a new one that lives as long as the session. */
  readonly awareness?: Presence
  /** Overrides the connection's; null turns it off for this document. */
  readonly persistence?: DocumentPersistence | null
  /** Overrides the connection's. */
  readonly token?: TokenSource
}

/** The options with every default filled in. */
export interface Settings {
  readonly token: TokenSource
  readonly WebSocket: WebSocketConstructor | null
  readonly transports: readonly TransportName[]
  readonly improveAfterMs: number | null
  readonly fetch: typeof fetch
  readonly persistence: DocumentPersistence | null
  readonly backoff: BackoffOptions
  readonly heartbeat: { readonly periodMs: number | null; readonly answerMsMax: number }
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random
}

const ignore = (): void => {}

const consoleLogger: Logger = {
  debug: ignore,
  info: ignore,
  warn: (fields, message) => console.warn(`weft: ${message}`, fields),
  error: (fields, message) => console.error(`weft: ${message}`, fields),
}

export function settingsOf(options: ConnectOptions): Settings {
  return {
    token: options.token ?? '',
    WebSocket: options.WebSocket ?? null,
    transports: options.transports ?? (options.WebSocket === undefined && 'fetch' in globalThis ? transportNames : ['websocket']),
    improveAfterMs: options.improveAfterMs ?? null,
    // Browsers want it called on the global object.
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    persistence: options.persistence ?? null,
    backoff: { ...defaultBackoff, ...options.backoff },
    heartbeat: { periodMs: options.heartbeat?.periodMs ?? null, answerMsMax: options.heartbeat?.answerMsMax ?? 10_000 },
    logger: options.logger ?? consoleLogger,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandom,
  }
}

/** A token that takes longer counts as one that cannot be had: a request that hangs must not keep a client from trying again. */
export const tokenMsMax = 30_000

export async function readToken(source: TokenSource): Promise<string> {
  const token: unknown = typeof source === 'function' ? await source() : source
  if (typeof token !== 'string') throw new TypeError(`The token is not a string but ${token === null ? 'null' : typeof token}.`)
  return token
}

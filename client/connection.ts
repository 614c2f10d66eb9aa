// The one socket of a client: it is opened, lost, and opened again here, and every document session is told.
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { unreachable } from '../core/assert.js'
import type { Timer } from '../core/clock.js'
import { closeCodes, WeftError } from '../core/errors.js'
import { resumptionSubprotocol } from '../core/resumption.js'
import { weftSubprotocol } from '../protocol/dialects/weft.js'
import { Backoff } from './backoff.js'
import { deferred } from './deferred.js'
import { checkDocument } from './document-content.js'
import { DocumentSession, type SessionHost } from './document-session.js'
import type { DocumentSync } from './document-sync.js'
import { Emitter } from './emitter.js'
import { type Refusal, SessionClosedError } from './errors.js'
import { Link } from './link.js'
import { type ConnectOptions, type OpenOptions, readToken, type Settings, settingsOf, tokenMsMax } from './options.js'
import { type ConnectionStatus, sameStatus } from './status.js'
import { watchWake } from './wake.js'
import { findWebSocket, webSocketUrl } from './web-socket.js'

const agent = 'weft-sync'

type State =
  /** The token and the WebSocket class are being fetched. */
  | { readonly kind: 'preparing'; readonly timer: Timer }
  /** The socket is being opened and the server's welcome awaited. */
  | { readonly kind: 'greeting'; readonly link: Link }
  /** `drainAfterMs`: the server will close, and asked to come back this long after. */
  | { readonly kind: 'connected'; readonly link: Link; readonly drainAfterMs: number | null }
  | { readonly kind: 'waiting'; readonly timer: Timer }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'closed' }

export type ConnectionEvents = {
  status: ConnectionStatus
}

/** Made by `connect`. */
export class WeftConnection {
  /** The server's URL, with `ws` or `wss`. */
  readonly url: string
  /** Resolves after `close()`, when the socket is gone. */
  readonly closed: Promise<void>
  readonly #settings: Settings
  readonly #backoff: Backoff
  readonly #emitter: Emitter<ConnectionEvents>
  /** The sessions that are open, each with what closes it. */
  readonly #syncs = new Map<DocumentSync, () => Promise<void>>()
  readonly #resolveClosed: () => void
  readonly #unwatch: () => void
  #state: State
  /** Why the last attempt ended; null during the first. */
  #offlineReason: string | null = null
  #status: ConnectionStatus = { state: 'connecting' }
  #closing: Promise<void> | null = null
  /** What the server gave to show when coming back. */
  #resumption: string | null = null

  constructor(url: string, options: ConnectOptions) {
    this.url = webSocketUrl(url)
    this.#settings = settingsOf(options)
    this.#backoff = new Backoff(this.#settings.backoff, this.#settings.random)
    this.#emitter = new Emitter((error) => this.#settings.logger.error({ error }, 'A listener of a connection threw.'))
    const closed = deferred()
    this.closed = closed.promise
    this.#resolveClosed = closed.resolve
    this.#unwatch = watchWake(() => this.#wake())
    this.#state = this.#prepare()
  }

  get status(): ConnectionStatus {
    return this.#status
  }

  /** Listens until the returned function is called, or the connection is closed. */
  on<Name extends keyof ConnectionEvents>(name: Name, listener: (value: ConnectionEvents[Name]) => void): () => void {
    return this.#emitter.on(name, listener)
  }

  /**
   * Keeps `doc` in step with the server's document of this id until the session is closed or the doc destroyed.
   * Throws `invalid-document-id` for an id that cannot be sent as UTF-8, `foreign-document` for a `doc` of another copy of Yjs, SessionClosedError after
   * `close()`.
   */
  open<Presence extends Awareness | null = Awareness>(
    documentId: string,
    doc: Y.Doc,
    options: OpenOptions<Presence> = {},
  ): DocumentSession<Presence> {
    if (this.#closing !== null) throw new SessionClosedError('The connection is closed.')
    // With the flag u a surrogate matches only where it has no partner. (String.prototype.isWellFormed is not everywhere.)
    if (/[\ud800-\udfff]/u.test(documentId)) throw new WeftError('invalid-document-id', 'The document id is not valid UTF-16.')
    checkDocument(doc)
    const host: SessionHost = {
      settings: this.#settings,
      url: this.url,
      attach: (sync, close) => this.#attach(sync, close),
      detach: (sync) => void this.#syncs.delete(sync),
      succeeded: () => this.#backoff.reset(),
    }
    return new DocumentSession<Presence>(host, documentId, doc, options)
  }

  /** Connects now instead of at the end of a wait; after `refused`, asks the server again. While connected it does nothing. */
  retry(): void {
    if (this.#state.kind === 'waiting' || this.#state.kind === 'refused') this.#attempt()
  }

  /** Closes all sessions, then the socket, and resolves when it is gone. Await the sessions' `saved()` first. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#unwatch()
    const copies = [...this.#syncs.values()].map((close) => close())
    const state = this.#state
    this.#enter({ kind: 'closed' })
    this.#emitter.clear()
    if (state.kind === 'greeting' || state.kind === 'connected') state.link.close()
    else this.#resolveClosed()
    await Promise.allSettled(copies)
    await this.closed
  }

  #attach(sync: DocumentSync, close: () => Promise<void>): void {
    this.#syncs.set(sync, close)
    const state = this.#state
    switch (state.kind) {
      case 'connected':
        sync.connected(state.link)
        return
      case 'refused':
        sync.refused(state.refusal)
        return
      case 'preparing':
      case 'greeting':
      case 'waiting':
        if (this.#offlineReason !== null) sync.disconnected(this.#offlineReason)
        return
      case 'closed':
        return
      default:
        unreachable(state)
    }
  }

  #attempt(): void {
    this.#enter(this.#prepare())
  }

  #prepare(): State {
    const failed = (error: unknown): void => {
      if (this.#state !== attempt) return
      this.#settings.logger.warn({ error }, 'The connection could not be attempted.')
      this.#lost(1006, error instanceof Error ? error.message : '')
    }
    const timer = this.#settings.clock.after(tokenMsMax, () => failed(new Error('The token could not be fetched in time.')))
    const attempt: State = { kind: 'preparing', timer }
    this.#openSocket(() => this.#state === attempt).catch(failed)
    return attempt
  }

  async #openSocket(isWanted: () => boolean): Promise<void> {
    const { clock, logger, heartbeat } = this.#settings
    const token = await readToken(this.#settings.token)
    const WebSocket = this.#settings.WebSocket ?? (await findWebSocket())
    if (!isWanted()) return
    const protocols = [weftSubprotocol, ...(this.#resumption === null ? [] : [resumptionSubprotocol(this.#resumption)])]
    const link: Link = new Link(new WebSocket(this.url, protocols), {
      agent,
      token,
      clock,
      logger,
      pingPeriodMs: heartbeat.periodMs,
      answerMsMax: heartbeat.answerMsMax,
      events: {
        welcome: () => this.#welcomed(link),
        resumption: (resumption) => {
          this.#resumption = resumption
        },
        drain: (retryAfterMs) => this.#drainAnnounced(retryAfterMs),
        lost: (code, reason) => this.#lost(code, reason),
      },
    })
    this.#enter({ kind: 'greeting', link })
  }

  #welcomed(link: Link): void {
    this.#enter({ kind: 'connected', link, drainAfterMs: null })
    for (const sync of [...this.#syncs.keys()]) sync.connected(link)
  }

  #drainAnnounced(retryAfterMs: number): void {
    if (this.#state.kind === 'connected') this.#state = { ...this.#state, drainAfterMs: retryAfterMs }
  }

  #lost(code: number, reason: string): void {
    const state = this.#state
    if (state.kind === 'closed') {
      this.#resolveClosed()
      return
    }
    if (code >= 4400 && code <= 4499) {
      const refusal = {
        code: refusalCodes.get(code) ?? 'refused',
        closeCode: code,
        reason: reason === '' ? 'The server gave no reason.' : reason,
      }
      this.#enter({ kind: 'refused', refusal })
      for (const sync of [...this.#syncs.keys()]) sync.refused(refusal)
      return
    }
    const text = reason === '' ? `The connection was lost (${code}).` : reason
    this.#offlineReason = text
    const drainAfterMs = state.kind === 'connected' ? state.drainAfterMs : null
    const announced = drainAfterMs !== null || (state.kind === 'connected' && code === closeCodes.restart)
    const delayMs = announced ? (drainAfterMs ?? 0) + this.#backoff.jitter() : this.#backoff.next()
    this.#enter({ kind: 'waiting', timer: this.#settings.clock.after(delayMs, () => this.#attempt()) })
    for (const sync of [...this.#syncs.keys()]) sync.disconnected(text)
  }

  /** The device says that its network or its user is back. */
  #wake(): void {
    if (this.#state.kind === 'waiting') this.retry()
    else if (this.#state.kind === 'connected') this.#state.link.probe()
  }

  #enter(state: State): void {
    if (this.#state.kind === 'preparing' || this.#state.kind === 'waiting') this.#state.timer.cancel()
    this.#state = state
    const status = this.#currentStatus()
    if (sameStatus(status, this.#status)) return
    this.#status = status
    this.#emitter.emit('status', status)
  }

  #currentStatus(): ConnectionStatus {
    const state = this.#state
    switch (state.kind) {
      case 'preparing':
      case 'greeting':
      case 'waiting':
        return this.#offlineReason === null ? { state: 'connecting' } : { state: 'offline', reason: this.#offlineReason }
      case 'connected':
        return { state: 'connected' }
      case 'refused':
        return { state: 'refused', ...state.refusal }
      case 'closed':
        return { state: 'closed' }
      default:
        return unreachable(state)
    }
  }
}

/** What the close codes of a whole connection are called, as in the refusals of a session. */
const refusalCodes: ReadonlyMap<number, string> = new Map([
  [closeCodes.malformed, 'malformed'],
  [closeCodes.unauthenticated, 'unauthenticated'],
  [closeCodes.forbidden, 'forbidden'],
  [closeCodes.noSuchDocument, 'no-such-document'],
  [closeCodes.superseded, 'superseded'],
  [closeCodes.tooLarge, 'message-too-large'],
])

// The one socket of a client: it is opened, lost, and opened again here, and every document session is told.
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { unreachable } from '../core/assert.js'
import type { Timer } from '../core/clock.js'
import { closeCodes, WeftError } from '../core/errors.js'
import { Backoff } from './backoff.js'
import { deferred } from './deferred.js'
import { checkDocument } from './document-content.js'
import { DocumentSession, type SessionHost } from './document-session.js'
import type { DocumentSync } from './document-sync.js'
import { Emitter } from './emitter.js'
import { type Refusal, refusalCodeOf, SessionClosedError } from './errors.js'
import { Improvement } from './improvement.js'
import type { Link } from './link.js'
import { LinkOpener } from './link-opener.js'
import { type ConnectOptions, type OpenOptions, type Settings, settingsOf, tokenMsMax } from './options.js'
import { type ConnectionStatus, sameStatus } from './status.js'
import { Negotiation, type TransportName } from './transports/negotiation.js'
import { webSocketUrl } from './transports/web-socket.js'
import { watchWake } from './wake.js'

const LOST = 1006

type State =
  /** The token and the WebSocket class are being fetched. */
  | { readonly kind: 'preparing'; readonly timer: Timer }
  /** The socket is being opened and the server's welcome awaited. */
  | { readonly kind: 'greeting'; readonly link: Link }
  /** `drainAfterMs`: the server will close, and asked to come back this long after. `better` takes over once `link` has closed. */
  | {
      readonly kind: 'connected'
      readonly link: Link
      readonly transport: TransportName
      readonly drainAfterMs: number | null
      readonly better: Link | null
    }
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
  /** The inner parts of the sessions that are open. */
  readonly #syncs = new Map<DocumentSync, DocumentSession<Awareness | null>>()
  readonly #resolveClosed: () => void
  readonly #unwatch: () => void
  #state: State
  /** Why the last attempt ended; null during the first. */
  #offlineReason: string | null = null
  #status: ConnectionStatus = { state: 'connecting' }
  #closing: Promise<void> | null = null
  readonly #opener: LinkOpener
  readonly #negotiation: Negotiation
  readonly #improvement: Improvement

  constructor(url: string, options: ConnectOptions) {
    this.url = webSocketUrl(url)
    this.#settings = settingsOf(options)
    this.#backoff = new Backoff(this.#settings.backoff, this.#settings.random)
    this.#emitter = new Emitter(['status'], (error) => this.#settings.logger.error({ error }, 'A listener of a connection threw.'))
    const closed = deferred()
    this.closed = closed.promise
    this.#resolveClosed = closed.resolve
    this.#opener = new LinkOpener(this.url, this.#settings, (link, retryAfterMs) => this.#drainAnnounced(link, retryAfterMs))
    this.#negotiation = new Negotiation(this.#settings.transports)
    this.#improvement = new Improvement({
      clock: this.#settings.clock,
      afterMs: this.#settings.improveAfterMs,
      open: ({ opened, welcomed, lost }) =>
        this.#opener.open('websocket', {
          isWanted: () => true,
          opened,
          welcomeMsMax: this.#negotiation.msMax,
          welcomed,
          lost: (link, code, reason) => this.#lostBetter(link, code, reason, lost),
        }),
      found: (link) => this.#improved(link),
    })
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
   * Throws `invalid-document-id` for an id that cannot be sent as UTF-8, `foreign-document` for a `doc` of another copy of Yjs, a TypeError for one that this connection
   * has open under another id, SessionClosedError after `close()`.
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
    // Each would get all of the other's content, for good.
    for (const other of this.#syncs.values())
      if (other.doc === doc && other.documentId !== documentId)
        throw new TypeError(`This Y.Doc is open as "${other.documentId}"; close that session, or take another Y.Doc for "${documentId}".`)
    const host: SessionHost = {
      settings: this.#settings,
      url: this.url,
      attach: (sync, session) => this.#attach(sync, session),
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
    this.#improvement.stop()
    const copies = [...this.#syncs.values()].map((session) => session.close())
    const state = this.#state
    this.#enter({ kind: 'closed' })
    this.#emitter.clear()
    if (state.kind === 'connected') state.better?.close()
    if (state.kind === 'greeting' || state.kind === 'connected') state.link.close()
    else this.#resolveClosed()
    await Promise.allSettled(copies)
    await this.closed
  }

  #attach(sync: DocumentSync, session: DocumentSession<Awareness | null>): void {
    this.#syncs.set(sync, session)
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
    const transport = this.#negotiation.current
    await this.#opener.open(transport, {
      isWanted,
      opened: (link) => this.#enter({ kind: 'greeting', link }),
      welcomeMsMax: this.#negotiation.msMax,
      welcomed: (link) => this.#welcomed(link, transport),
      lost: (link, code, reason) => this.#lost(code, reason, link),
    })
  }

  #welcomed(link: Link, transport: TransportName): void {
    this.#negotiation.welcomed(transport)
    this.#enter({ kind: 'connected', link, transport, drainAfterMs: null, better: null })
    if (this.#negotiation.mayImprove) this.#improvement.start()
    for (const sync of [...this.#syncs.keys()]) sync.connected(link)
  }

  /** A WebSocket gets through: the link that there is closes first, with all that was sent over it, so that the server has each session once. */
  #improved(better: Link): void {
    if (this.#state.kind === 'connected') {
      this.#state = { ...this.#state, better }
      this.#state.link.close()
    } else better.close()
  }

  /** The end of a link that was opened to replace another: whatever it has become. */
  #lostBetter(link: Link, code: number, reason: string, notYet: () => void): void {
    const state = this.#state
    if (state.kind === 'connected' && state.better === link) this.#state = { ...state, better: null }
    else if (state.kind === 'closed' || (state.kind === 'connected' && state.link === link)) this.#lost(code, reason, link)
    else notYet()
  }

  #drainAnnounced(link: Link, retryAfterMs: number): void {
    if (this.#state.kind === 'connected' && this.#state.link === link) this.#state = { ...this.#state, drainAfterMs: retryAfterMs }
  }

  #lost(code: number, reason: string, link: Link | null = null): void {
    const state = this.#state
    if (state.kind === 'closed') {
      this.#resolveClosed()
      return
    }
    if (state.kind === 'connected' && state.better !== null && state.link === link) {
      this.#welcomed(state.better, 'websocket')
      return
    }
    this.#improvement.stop()
    // Without a word of the server: something on the way may not let this transport through.
    if (state.kind === 'greeting' && code === LOST && this.#negotiation.failed()) {
      this.#attempt()
      return
    }
    if (code >= 4400 && code <= 4499) {
      const refusal = {
        code: refusalCodeOf(code),
        closeCode: code,
        reason: reason === '' ? 'The server gave no reason.' : reason,
      }
      this.#enter({ kind: 'refused', refusal })
      for (const sync of [...this.#syncs.keys()]) sync.refused(refusal)
      return
    }
    const text = reason === '' ? `The connection was lost (${code}).` : reason
    // Only once, before anything ever worked: it may be the address that is wrong.
    if (this.#offlineReason === null && state.kind === 'greeting' && code === LOST)
      this.#settings.logger.warn({ reason: text }, 'The server cannot be reached yet.')
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
        return { state: 'connected', transport: state.transport }
      case 'refused':
        return { state: 'refused', ...state.refusal }
      case 'closed':
        return { state: 'closed' }
      default:
        return unreachable(state)
    }
  }
}

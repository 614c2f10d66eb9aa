// Keeps one document and the server in step: opens channels, resumes by seq, applies what comes, and hands what was typed to its saving.
//
// Invariants: the resume point only advances with what was applied; a channel number is used once.

import * as Y from 'yjs'
import { unreachable } from '../core/assert.js'
import type { Clock } from '../core/clock.js'
import { closeCodes } from '../core/errors.js'
import type { Logger } from '../core/log.js'
import type { Permission } from '../core/permission.js'
import type { KnownOnWire, MessageTarget } from '../protocol/dialects/weft.js'
import { ArrivingUpdates } from './arriving-updates.js'
import type { Backoff } from './backoff.js'
import { covers, hasAllOf, hasContent, stateVectorWith } from './document-content.js'
import type { DocumentSyncEvents } from './document-sync-events.js'
import { type Refusal, RefusedError, SessionClosedError } from './errors.js'
import { HeardEdits } from './heard-edits.js'
import type { ChannelMessage, Link } from './link.js'
import { readToken, type TokenSource, tokenMsMax } from './options.js'
import { Saving } from './saving.js'
import type { SessionStatus } from './status.js'
import { type SyncPhase, statusOf } from './sync-phase.js'
import { TokenRenewal } from './token-renewal.js'

interface DocumentSyncOptions {
  readonly documentId: string
  readonly doc: Y.Doc
  /** The origin of the transactions that apply what the server sent. */
  readonly origin: object
  readonly token: TokenSource
  readonly backoff: Backoff
  readonly clock: Clock
  readonly logger: Logger
  readonly events: DocumentSyncEvents
}

interface Resume {
  readonly incarnation: string
  readonly seq: number
}

export class DocumentSync {
  readonly #options: DocumentSyncOptions
  readonly #saving: Saving
  readonly #renewal: TokenRenewal
  #phase: SyncPhase = { kind: 'loading', link: null, reason: null }
  #resume: Resume | null = null
  /** The incarnation of the channel that is open. */
  #incarnation = ''
  #permission: Permission | null = null
  readonly #arriving: ArrivingUpdates
  readonly #heard: HeardEdits

  constructor(options: DocumentSyncOptions) {
    this.#options = options
    const { doc, backoff, clock, events } = options
    this.#saving = new Saving({
      doc,
      backoff,
      clock,
      channel: () => (this.#phase.kind === 'catching-up' || this.#phase.kind === 'live' ? this.#phase : null),
      reopen: () => this.#reopen(),
      changed: () => events.changed(),
    })
    this.#renewal = new TokenRenewal({
      token: options.token,
      clock,
      logger: options.logger,
      show: (token) => {
        const phase = this.#phase
        if (phase.kind === 'catching-up' || phase.kind === 'live') phase.link.send({ type: 'token', channel: phase.channel, token })
      },
    })
    this.#arriving = new ArrivingUpdates(options)
    this.#heard = new HeardEdits(doc, {
      edited: (update, origin) => {
        if (origin !== options.origin || this.#arriving.completesOthers) this.#saving.edited(update, this.#permission)
      },
      missed: () => {
        if (this.#phase.kind === 'closed') return
        options.logger.error(
          { documentId: options.documentId },
          'A listener of the document threw, which kept changes from being heard of.',
        )
        this.#saving.missed()
        this.#reopen()
      },
    })
  }

  get unsaved(): number {
    return this.#saving.unsaved
  }

  get permission(): Permission | null {
    return this.#permission
  }

  get status(): SessionStatus {
    return statusOf(this.#phase, this.#saving.flow, this.unsaved)
  }

  /** What was stored on this device is in the document, or cannot be had: the server may be asked. */
  loaded(): void {
    const phase = this.#phase
    if (phase.kind !== 'loading') return
    this.#saving.inherited()
    if (phase.link === null) this.#enter({ kind: 'offline', reason: phase.reason })
    else this.#open(phase.link)
  }

  /** There is a socket that was welcomed. */
  connected(link: Link): void {
    const phase = this.#phase
    if (phase.kind === 'closed') return
    // Its document was refused for good, or what is stored is still being read: the link is for later.
    if (phase.kind === 'loading' || (phase.kind === 'refused' && phase.scope === 'document')) this.#phase = { ...phase, link }
    else this.#open(link)
  }

  /** The socket is gone; attempts go on elsewhere. */
  disconnected(reason: string): void {
    const phase = this.#phase
    if (phase.kind === 'closed') return
    this.#leaveChannel()
    if (phase.kind === 'loading') this.#enter({ kind: 'loading', link: null, reason })
    else if (phase.kind === 'refused' && phase.scope === 'document') this.#enter({ ...phase, link: null })
    else this.#enter({ kind: 'offline', reason })
  }

  /** The server refused the whole connection. */
  refused(refusal: Refusal): void {
    if (this.#phase.kind === 'closed') return
    this.#leaveChannel()
    this.#refuse('connection', null, refusal)
  }

  /** Asks again after a refusal. */
  retry(): void {
    const phase = this.#phase
    if (phase.kind === 'refused' && phase.link !== null) this.#open(phase.link)
    else if (phase.kind === 'refused' && phase.scope === 'document') this.#enter({ kind: 'offline', reason: phase.refusal.reason })
    else if (phase.kind === 'retrying') this.#open(phase.link)
    else if (phase.kind === 'live' && this.#saving.flow.kind !== 'open') this.#reopen()
  }

  /** Resolves when every update there is now has been acknowledged; rejects with RefusedError or SessionClosedError. */
  saved(): Promise<void> {
    const saved = this.#saving.saved()
    this.#settleWaiters()
    return saved
  }

  /** Dropped while there is no channel: the whole state is announced at the next one. */
  sendAwareness(update: Uint8Array): void {
    const phase = this.#phase
    if (phase.kind === 'catching-up' || phase.kind === 'live') phase.link.send({ type: 'awareness', channel: phase.channel, update })
  }

  /** Dropped while there is no channel; false: it was. */
  sendMessage(payload: string, to: MessageTarget): boolean {
    const phase = this.#phase
    if (phase.kind !== 'catching-up' && phase.kind !== 'live') return false
    phase.link.send({ type: 'message', channel: phase.channel, to, payload })
    return true
  }

  /** Sends what waits, gives the channel back and stops. Idempotent. */
  close(): void {
    const phase = this.#phase
    if (phase.kind === 'closed') return
    this.#saving.flush(true)
    if (phase.kind === 'opening' || phase.kind === 'catching-up' || phase.kind === 'live') {
      phase.link.send({ type: 'close', channel: phase.channel })
    }
    this.#heard.stop()
    this.#leaveChannel()
    this.#enter({ kind: 'closed' })
    const error = new SessionClosedError('The session was closed before its work was done.')
    this.#options.events.failed(error)
    this.#saving.fail(error)
  }

  #enter(phase: SyncPhase): void {
    this.#phase = phase
    this.#settleWaiters()
    this.#options.events.changed()
  }

  /** Whatever the phase holds on to is let go; what was under way waits again. */
  #leaveChannel(): void {
    const phase = this.#phase
    if (phase.kind === 'retrying' || phase.kind === 'preparing') phase.timer.cancel()
    if (phase.kind === 'opening' || phase.kind === 'catching-up' || phase.kind === 'live') phase.link.releaseChannel(phase.channel)
    this.#saving.left()
    this.#renewal.stop()
    if (phase.kind === 'catching-up' || phase.kind === 'live') this.#options.events.disconnected()
  }

  #open(link: Link): void {
    this.#leaveChannel()
    const failed = (error: unknown): void => {
      if (this.#phase !== preparing) return
      // Like a session that the server ended for a passing reason.
      this.#options.logger.warn({ error }, 'The token for a document could not be fetched.')
      this.#retryLater(link, 'The token could not be fetched.', this.#options.backoff.next())
    }
    const timer = this.#options.clock.after(tokenMsMax, () => failed(new Error('The token could not be fetched in time.')))
    const preparing: SyncPhase = { kind: 'preparing', link, timer }
    this.#enter(preparing)
    readToken(this.#options.token).then((token) => {
      if (this.#phase !== preparing) return
      timer.cancel()
      const channel = link.openChannel((message) => this.#receive(message))
      link.send({ type: 'open', channel, documentId: this.#options.documentId, token, known: this.#known() })
      this.#enter({ kind: 'opening', link, channel })
    }, failed)
  }

  #reopen(): void {
    const phase = this.#phase
    if (phase.kind !== 'live' && phase.kind !== 'catching-up') return
    phase.link.send({ type: 'close', channel: phase.channel })
    this.#open(phase.link)
  }

  #known(): KnownOnWire {
    const { doc } = this.#options
    if (this.#arriving.pieces.length > 0) return { kind: 'state-vector', stateVector: stateVectorWith(doc, this.#arriving.pieces) }
    if (!hasContent(doc)) return { kind: 'nothing' }
    const stateVector = Y.encodeStateVector(doc)
    return this.#resume === null ? { kind: 'state-vector', stateVector } : { kind: 'seq', ...this.#resume, stateVector }
  }

  #receive(message: ChannelMessage): void {
    switch (message.type) {
      case 'opened':
        this.#opened(message)
        return
      case 'state':
        this.#caughtUp(message.seq, message.updates)
        return
      case 'update':
        this.#updated(message.seq, message.update)
        return
      case 'piece':
        this.#arriving.add(message.update)
        return
      case 'acknowledged':
        this.#saving.acknowledged(message.through)
        this.#progressed()
        return
      case 'refused':
        this.#saving.refused(message)
        return
      case 'closed':
        this.#ended(message)
        return
      case 'awareness':
        this.#options.events.awareness(message.update)
        return
      case 'message':
        this.#options.events.message({ payload: message.payload, user: message.user || null, sessionId: message.session || null })
        return
      case 'permission':
        this.#permissionIs(message.permission)
        return
      case 'expires':
        this.#renewal.expires(message.inMs)
        return
      case 'trace':
        // Only nodes are told.
        return
      case 'notice':
        this.#options.events.notice({ code: message.code, closeCode: message.closeCode, reason: message.reason })
        return
      default:
        unreachable(message)
    }
  }

  #opened({ incarnation, seq, stateVector, permission }: Extract<ChannelMessage, { readonly type: 'opened' }>): void {
    const phase = this.#phase
    if (phase.kind !== 'opening') return
    if (this.#arriving.pieces.length > 0 && !covers(stateVector, this.#options.doc, this.#arriving.pieces)) {
      // The document was set back, or is another one: what was on its way belongs to nothing any more.
      this.#arriving.drop()
      phase.link.send({ type: 'close', channel: phase.channel })
      this.#open(phase.link)
      return
    }
    this.#incarnation = incarnation
    const resume = this.#resume
    // The same life of the document, not set back to an earlier state, and nothing missing that this client believes to be saved.
    const resumable = resume !== null && resume.incarnation === incarnation && resume.seq <= seq
    if (!this.#saving.opened(stateVector, permission, resumable)) this.#resume = null
    this.#phase = { ...phase, kind: 'catching-up', resumed: resume === null ? null : stateVector }
    this.#permissionIs(permission)
    // A listener may have closed the session.
    if (this.#phase.kind !== 'catching-up') return
    this.#options.events.opened()
    this.#saving.flush()
    this.#options.events.changed()
  }

  #caughtUp(seq: number, updates: readonly Uint8Array[]): void {
    const phase = this.#phase
    if (phase.kind !== 'catching-up' && phase.kind !== 'live') return
    // An observer may have closed the session.
    if (!this.#apply(updates) || this.#phase !== phase) return
    if (phase.kind === 'catching-up') {
      const { link, channel, resumed } = phase
      // A server that was set back and has gone on has other rows under the seqs that this client has seen: the state vectors tell.
      if (resumed !== null && !hasAllOf(this.#options.doc, resumed)) {
        this.#resume = null
        this.#phase = { ...phase, resumed: null }
        link.send({ type: 'sync', channel, known: { kind: 'state-vector', stateVector: Y.encodeStateVector(this.#options.doc) } })
        return
      }
      this.#phase = { kind: 'live', link, channel }
    }
    this.#resume = { incarnation: this.#incarnation, seq }
    this.#options.events.synced()
    this.#progressed()
  }

  #updated(seq: number, update: Uint8Array): void {
    if (!this.#apply([update])) return
    // Before the catch-up a seq would claim what is still on its way.
    if (this.#phase.kind === 'live' && this.#resume !== null) this.#resume = { ...this.#resume, seq }
  }

  /** False if the updates could not be applied: then nothing may be called synced or saved, and the server is asked for everything again. */
  #apply(updates: readonly Uint8Array[]): boolean {
    const applied = this.#arriving.apply(updates)
    const phase = this.#phase
    if (!applied && (phase.kind === 'catching-up' || phase.kind === 'live')) {
      this.#resume = null
      phase.link.send({ type: 'close', channel: phase.channel })
      this.#retryLater(phase.link, 'What the server sent could not be applied to the document.', this.#options.backoff.next())
    }
    return applied
  }

  #ended({ closeCode, code, reason, retryable }: Extract<ChannelMessage, { readonly type: 'closed' }>): void {
    const phase = this.#phase
    if (phase.kind !== 'opening' && phase.kind !== 'catching-up' && phase.kind !== 'live') return
    this.#leaveChannel()
    // A right that was there and has ended: the application has another token, if it gave a function for them.
    const renewable = code === 'unauthenticated' && phase.kind !== 'opening' && typeof this.#options.token === 'function'
    if (!retryable && !renewable) {
      this.#refuse('document', phase.link, { code, closeCode, reason })
      return
    }
    const moved = closeCode === closeCodes.ownerMoved
    this.#retryLater(phase.link, reason, moved ? this.#options.backoff.jitter() : this.#options.backoff.next())
  }

  #retryLater(link: Link, reason: string, delayMs: number): void {
    this.#leaveChannel()
    this.#enter({ kind: 'retrying', link, reason, timer: this.#options.clock.after(delayMs, () => this.#open(link)) })
  }

  #refuse(scope: 'connection' | 'document', link: Link | null, refusal: Refusal): void {
    this.#options.events.failed(new RefusedError(refusal))
    this.#enter({ kind: 'refused', scope, link, refusal })
  }

  #permissionIs(permission: Permission): void {
    const before = this.#permission
    this.#permission = permission
    if (before === permission) return
    this.#options.events.permission(permission)
    if (permission === 'read-write' && this.#saving.flow.kind === 'refused') this.#reopen()
  }

  /** Something was applied or acknowledged. */
  #progressed(): void {
    if (this.#phase.kind === 'live' && this.unsaved === 0) this.#options.backoff.reset()
    this.#settleWaiters()
    this.#options.events.changed()
  }

  #settleWaiters(): void {
    const phase = this.#phase
    // What is stored on this device is typed text too, once it is read.
    if (phase.kind === 'loading') return
    this.#saving.settle()
    const { flow } = this.#saving
    if (phase.kind === 'refused') this.#saving.fail(new RefusedError(phase.refusal))
    else if (phase.kind === 'live' && flow.kind === 'refused') this.#saving.fail(new RefusedError(flow.refusal))
    else if (phase.kind === 'closed') this.#saving.fail(new SessionClosedError('The session is closed.'))
  }
}

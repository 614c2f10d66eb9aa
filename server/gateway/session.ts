// One client on one document: attaches to the document, joins its awareness, checks permission on every write (G6), and knows which writes are settled.
// What the client is sent, and when, is its delivery's business.

import { unreachable } from '../../core/assert.js'
import type { Timer } from '../../core/clock.js'
import { checkDocumentId } from '../../core/document-id.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import type { Permission } from '../../core/permission.js'
import type { Authorization } from '../access/authorize.js'
import { type Ask, LatestAuthorization } from '../access/latest-authorization.js'
import type { AppMessage } from '../access/session-registry.js'
import type { AwarenessFrame, AwarenessSessionPort, AwarenessSink } from '../awareness/contract.js'
import type { Attachment, CatchUp, DocumentBroadcast, Known, SessionSink } from '../document/port.js'
import type { Connection } from '../transport/connection.js'
import type { Message } from '../transport/outbox.js'
import type { Rates } from '../transport/rates.js'
import { Delivery, type Sources } from './delivery.js'
import { EditQueue } from './edit-queue.js'
import type { AppMessageTarget, GatewayServices } from './services.js'
import type { SessionDialect } from './session-dialect.js'
import { SessionMessages } from './session-messages.js'
import { SessionRegistration } from './session-registration.js'
import { UnansweredSubmissions } from './submissions.js'

export interface SessionOptions {
  readonly services: GatewayServices
  readonly connection: Connection
  readonly dialect: SessionDialect
  readonly documentId: string
  /** The client's, see `Visit`. */
  readonly address: string | null
  /** Who asks; called once at the start. */
  authorize: Ask
}

type SessionState =
  /** What the client sends meanwhile waits, in order. */
  | {
      readonly kind: 'attaching'
      step: 'authorizing' | 'attaching'
      readonly held: { readonly bytes: number; readonly run: () => void }[]
      heldBytes: number
      holdsReading: boolean
    }
  | ({ readonly kind: 'attached' } & Sources)
  | { readonly kind: 'ended' }

export class Session implements SessionSink, AwarenessSink {
  readonly #options: SessionOptions
  readonly #delivery: Delivery
  readonly #rates: Rates
  #state: SessionState = { kind: 'attaching', step: 'authorizing', held: [], heldBytes: 0, holdsReading: false }
  readonly #authorization = new LatestAuthorization({
    decided: (authorization) => this.#authorized(authorization),
    denied: (error) => this.#end(error),
  })
  #user: string | null = null
  #name: string | null = null
  #permission: Permission = 'read-only'
  #cursor: 'shown' | 'ignored' = 'ignored'
  #speaks: 'heard' | 'refused' = 'refused'
  readonly #messages: SessionMessages
  readonly #registration: SessionRegistration
  /** The client's edits on their way to the document. */
  readonly #edits: EditQueue
  readonly #submissions = new UnansweredSubmissions()
  /** The answer to `query-awareness` that is to come, and when the last one was given. */
  #query: Timer | null = null
  #queriedAt = Number.NEGATIVE_INFINITY
  #settledWaiters: (() => void)[] = []
  /** The document asked us to stop reading from this client. */
  #paused: 'reading' | 'paused' = 'reading'

  constructor(options: SessionOptions) {
    this.#options = options
    const { services, connection, dialect, documentId, address } = options
    this.#rates = connection.ratesOfSession()
    this.#edits = new EditQueue({
      budget: services.budget,
      bytesMax: services.limits.attachingBytesMax,
      hold: (held) => (held ? connection.holdReading() : connection.releaseReading()),
    })
    const about = {
      documentId,
      address,
      connectionId: connection.id,
      tell: (message: AppMessage) => this.#tell(message),
      lag: () => ({ ...this.#delivery.lag, waitingBytes: connection.waitingBytes }),
    }
    this.#registration = new SessionRegistration(services, about, (error) => this.#end(error))
    this.#messages = new SessionMessages({ services, notice: (error) => this.#notice(error) })
    this.#delivery = new Delivery({
      services,
      connection,
      dialect,
      sources: () => (this.#state.kind === 'attached' ? this.#state : null),
      failed: (error) => this.#end(naming('state vector', error)),
      lagging: (lagging) => this.#registration.setLagging(lagging),
    })
  }

  get documentId(): string {
    return this.#options.documentId
  }

  /** Authorizes and attaches; failures end the session through the dialect. */
  start(): void {
    try {
      checkDocumentId(this.#options.documentId, this.#options.services.limits.documentIdBytesMax)
    } catch (thrown) {
      this.#end(asWeftError(thrown))
      return
    }
    this.#authorization.ask(this.#options.authorize)
  }

  // What the client asks. Each may be called in any state.

  sync(known: Known): void {
    this.#rates.message(known.kind === 'nothing' ? 0 : known.stateVector.length)
    this.#asked('syncs')
    this.#whenAttached(0, () => this.#delivery.sync(known))
  }

  /**
   * Writes an update under the client's number; numbers count up from 1. `author` is who wrote it, where another node says so; otherwise it is the user of the
   * session.
   */
  write(submission: number, update: Uint8Array, author: string | null = null): void {
    const { services, connection, documentId } = this.#options
    this.#submissions.received(submission)
    this.#rates.message(update.length)
    // Another node says itself which ones it follows.
    if (!connection.isLink) services.traces?.received(update, documentId)
    if (this.#state.kind === 'attached') this.#write(this.#state.attachment, submission, update, author)
    else this.#whenAttached(update.length, (attachment) => this.#write(attachment, submission, update, author))
  }

  #write(attachment: Attachment, submission: number, update: Uint8Array, author: string | null): void {
    const user = author ?? this.#user
    if (this.#permission === 'read-write') this.#submit(attachment, submission, update, user)
    else
      this.#refuse(submission, update, new WeftError('forbidden', 'You may read this document but not change it; this edit was not saved.'))
  }

  /** Before the document has seen it. */
  #refuse(submission: number, update: Uint8Array, error: WeftError): void {
    this.#options.services.traces?.refused(update, error.code)
    this.refused(submission, error)
  }

  #submit(attachment: Attachment, submission: number, update: Uint8Array, user: string | null): void {
    const { services, documentId } = this.#options
    const guard = services.editGuard ?? null
    if (guard === null && this.#edits.isOpen) {
      attachment.submit(submission, update, user)
      return
    }
    this.#edits.add({
      bytes: update.length,
      ask: guard === null ? null : async () => guard({ documentId, user, update, from: 'session' }),
      accepted: () => attachment.submit(submission, update, user),
      refused: (error) => {
        if (this.#state.kind !== 'ended') this.#refuse(submission, update, error)
      },
    })
  }

  receiveAwareness(update: Uint8Array): void {
    this.#rates.message(update.length)
    this.#asked('awareness')
    this.#whenAttached(update.length, (_attachment, membership) => {
      if (this.#cursor === 'shown') membership.receive(update)
      else this.#options.services.counters.add('awareness_entries_refused')
    })
  }

  /** Says something to others that is no edit. */
  say(to: AppMessageTarget, payload: string): void {
    this.#whenAttached(payload.length, () => {
      const { sessionId } = this.#registration
      const { documentId } = this.#options
      const mayPass = this.#speaks === 'heard' && sessionId !== null
      this.#messages.say(mayPass ? { documentId, sessionId, user: this.#user } : null, to, payload)
    })
  }

  /** Answered at once, and then only so often: whoever asks and asks is owed one answer. */
  queryAwareness(): void {
    this.#rates.message(0)
    this.#asked('awareness')
    if (this.#query !== null || this.#state.kind === 'ended') return
    const { clock, limits } = this.#options.services
    const waitMs = this.#queriedAt + limits.awarenessQueryMs - clock.monotonic()
    const answer = (): void => {
      this.#query = null
      this.#queriedAt = clock.monotonic()
      this.#delivery.queryAwareness()
    }
    if (waitMs <= 0) answer()
    else this.#query = clock.after(waitMs, answer, { unref: true })
  }

  #asked(what: 'syncs' | 'awareness'): void {
    this.#rates.asked(what)
    this.#options.connection.rates.asked(what)
  }

  /** The client presents another token: from the answer on, that is who it is and what it may do. */
  reauthorize(authorize: Ask): void {
    this.#rates.message(0)
    if (this.#state.kind !== 'ended') this.#authorization.ask(authorize)
  }

  /** Sends a message of the dialect's own, unless the client is lagging. */
  sendWhenFlowing(message: Message): void {
    this.#delivery.sendWhenFlowing(message)
  }

  /** Resolves when every write so far is committed or refused, or the session is over. */
  settled(): Promise<void> {
    if (this.#isSettled()) return Promise.resolve()
    return new Promise((resolve) => this.#settledWaiters.push(resolve))
  }

  /** Leaves the document; what was written is still committed. Idempotent. */
  leave(): void {
    const state = this.#state
    if (state.kind === 'ended') return
    this.#state = { kind: 'ended' }
    this.#delivery.close()
    this.#query?.cancel()
    this.#authorization.stop()
    this.#registration.end()
    if (state.kind === 'attaching') this.#releaseHeld(state)
    if (this.#paused === 'paused') this.#options.connection.releaseReading()
    if (state.kind === 'attached') {
      state.membership.leave()
      // What was received and may still be accepted is committed all the same.
      if (this.#edits.empty) state.attachment.detach()
      else void this.#edits.settled().then(() => state.attachment.detach())
    }
    this.#tellSettled()
  }

  // What the document says.

  catchUp(state: CatchUp): void {
    this.#delivery.catchUp(state)
  }

  beat(beat: DocumentBroadcast): void {
    this.#delivery.beat(beat)
  }

  acknowledged(through: number, seq: number): void {
    this.#submissions.committed(through)
    this.#tellSettled()
    this.#delivery.acknowledged(through, seq)
  }

  refused(submission: number, error: WeftError): void {
    this.#submissions.refused(submission)
    this.#tellSettled()
    this.#options.services.counters.add('updates_refused')
    const named = naming('update', error)
    const { message, fatal } = this.#options.dialect.refused(submission, named)
    this.#delivery.send(message)
    if (fatal) this.#end(named)
  }

  pause(): void {
    // What a client that has left wrote waits, too.
    this.#edits.pause()
    if (this.#paused === 'paused' || this.#state.kind === 'ended') return
    this.#paused = 'paused'
    this.#options.connection.holdReading()
  }

  resume(): void {
    this.#edits.resume()
    if (this.#paused === 'reading' || this.#state.kind === 'ended') return
    this.#paused = 'reading'
    this.#options.connection.releaseReading()
  }

  detached(error: WeftError): void {
    // There is nobody to take them.
    this.#edits.drop()
    // Updates are refused by number; what else can be malformed is what the client said it has.
    this.#end(naming('state vector', error))
  }

  // What the awareness hub says.

  awareness(frame: AwarenessFrame): void {
    this.#delivery.awareness(frame)
  }

  leftOut(error: WeftError): void {
    const { services, connection, documentId } = this.#options
    services.logger.warn(
      { connection: connection.id, documentId, code: error.code },
      'a cursor or presence state is too large to be passed on',
    )
    this.#notice(error)
  }

  #notice(error: WeftError): void {
    const message = this.#options.dialect.notice(error)
    if (message !== null) this.#delivery.send(message)
  }

  #tell(appMessage: AppMessage): boolean {
    const message = this.#state.kind === 'attached' ? this.#options.dialect.appMessage(appMessage) : null
    return message !== null && this.#delivery.sendWhenFlowing(message)
  }

  probe(): Promise<boolean> {
    return this.#options.connection.probe()
  }

  #authorized(authorization: Authorization): void {
    const { user, name = null, permission, cursor = true, messages = permission === 'read-write' } = authorization
    const permissionBefore = this.#permission
    if (this.#state.kind === 'ended') return
    this.#user = user
    this.#name = name
    this.#permission = permission
    this.#cursor = cursor ? 'shown' : 'ignored'
    this.#speaks = messages ? 'heard' : 'refused'
    this.#registration.set(authorization)
    // Revoked or expired while it was asked.
    const state = this.#stateNow()
    switch (state.kind) {
      case 'attaching':
        // A session that is being attached takes what was found out last.
        if (state.step === 'attaching') return
        state.step = 'attaching'
        void this.#attach()
        return
      case 'attached': {
        state.membership.identify({ user, name })
        this.#tellExpiry()
        if (permission === permissionBefore) return
        const message = this.#options.dialect.permission(permission)
        if (message !== null) this.#delivery.send(message)
        return
      }
      case 'ended':
        return
      default:
        unreachable(state)
    }
  }

  #stateNow(): SessionState {
    return this.#state
  }

  #tellExpiry(): void {
    const inMs = this.#registration.expiresInMs
    const message = inMs === null ? null : this.#options.dialect.expires(inMs)
    if (message !== null) this.#delivery.send(message)
  }

  async #attach(): Promise<void> {
    const { services, documentId } = this.#options
    try {
      const attachment = await services.directory.attach(documentId, { sink: this })
      this.#attached(attachment)
    } catch (thrown) {
      this.#end(asWeftError(thrown))
    }
  }

  #attached(attachment: Attachment): void {
    const { services, documentId, dialect } = this.#options
    const state = this.#state
    if (state.kind !== 'attaching') {
      attachment.detach()
      return
    }
    const membership = services.awareness.join(documentId, this, { user: this.#user, name: this.#name })
    this.#state = { kind: 'attached', attachment, membership }
    for (const message of dialect.opened(attachment, this.#permission)) this.#delivery.send(message)
    this.#tellExpiry()
    try {
      for (const { bytes, run } of state.held) {
        // Edits that the document cannot take yet are counted where they wait.
        this.#count(state, -bytes)
        run()
      }
    } finally {
      // Also when something of it was malformed and ends the session: the connection may have others.
      this.#releaseHeld(state)
    }
    this.#tellSettled()
  }

  #whenAttached(bytes: number, run: (attachment: Attachment, membership: AwarenessSessionPort) => void): void {
    const state = this.#state
    switch (state.kind) {
      case 'attached':
        run(state.attachment, state.membership)
        return
      case 'attaching':
        state.held.push({ bytes: bytes + HELD_MESSAGE_BYTES, run: () => this.#whenAttached(bytes, run) })
        this.#count(state, bytes + HELD_MESSAGE_BYTES)
        if (state.holdsReading || state.heldBytes <= this.#options.services.limits.attachingBytesMax) return
        state.holdsReading = true
        this.#options.connection.holdReading()
        return
      case 'ended':
        return
      default:
        unreachable(state)
    }
  }

  #count(state: SessionState & { kind: 'attaching' }, bytes: number): void {
    state.heldBytes += bytes
    this.#options.services.budget.account('received').add(bytes)
  }

  #releaseHeld(state: SessionState & { kind: 'attaching' }): void {
    this.#count(state, -state.heldBytes)
    if (state.holdsReading) this.#options.connection.releaseReading()
  }

  #end(error: WeftError): void {
    if (this.#state.kind === 'ended') return
    this.leave()
    const { services, documentId, address } = this.#options
    services.counters.refused(error.code)
    services.refused?.({ act: 'session', code: error.code, user: this.#user, address, documentId })
    this.#options.dialect.sessionEnded(error)
  }

  #isSettled(): boolean {
    return this.#state.kind === 'ended' || (this.#state.kind === 'attached' && this.#submissions.areSettled)
  }

  #tellSettled(): void {
    if (this.#settledWaiters.length === 0 || !this.#isSettled()) return
    const waiters = this.#settledWaiters
    this.#settledWaiters = []
    for (const tell of waiters) tell()
  }
}

/** The inspectors of bytes say what they found where; the client also needs to know in what. */
function naming(subject: string, error: WeftError): WeftError {
  if (error.code !== 'malformed' && error.code !== 'malformed-update') return error
  const naming = `The ${subject} is malformed: `
  // The owner's node may have said it already.
  return error.message.startsWith(naming) ? error : new WeftError(error.code, `${naming}${error.message}`)
}

/** What a held message costs beside its bytes, so that a flood of empty ones is bounded too. */
const HELD_MESSAGE_BYTES = 256

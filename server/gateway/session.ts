// One client on one document: attaches to the document, joins its awareness, checks permission on every write (G6), and knows which writes are settled.
// What the client is sent, and when, is its delivery's business.

import { unreachable } from '../../core/assert.js'
import { checkDocumentId } from '../../core/document-id.js'
import { asWeftError, type WeftError } from '../../core/errors.js'
import type { Authorization } from '../access/authorize.js'
import { type Ask, type AuthorizationOutcome, LatestAuthorization } from '../access/latest-authorization.js'
import type { AppMessage, SessionLag } from '../access/session-registry.js'
import type { AwarenessSessionPort } from '../awareness/contract.js'
import type { Attachment, CatchUp, DocumentBroadcast, Known, SessionSink } from '../document/port.js'
import type { Connection } from '../transport/connection.js'
import type { Message } from '../transport/outbox.js'
import type { Rates } from '../transport/rates.js'
import { Delivery } from './delivery.js'
import { HeldRequests } from './held-requests.js'
import { naming } from './naming-errors.js'
import type { AppMessageTarget, GatewayServices } from './services.js'
import { SessionAwareness } from './session-awareness.js'
import type { SessionDialect } from './session-dialect.js'
import type { SessionHost, Sources } from './session-host.js'
import { SessionMessages } from './session-messages.js'
import { SessionRegistration } from './session-registration.js'
import { SessionRights } from './session-rights.js'
import { SessionVoice } from './session-voice.js'
import { SessionWrites } from './session-writes.js'

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
  { readonly kind: 'attaching'; step: 'authorizing' | 'attaching' } | ({ readonly kind: 'attached' } & Sources) | { readonly kind: 'ended' }

export class Session implements SessionSink, SessionHost, AuthorizationOutcome {
  readonly services: GatewayServices
  readonly connection: Connection
  readonly dialect: SessionDialect
  readonly documentId: string
  readonly address: string | null
  readonly rights = new SessionRights()
  readonly #delivery: Delivery
  readonly #rates: Rates
  #state: SessionState = { kind: 'attaching', step: 'authorizing' }
  readonly #authorization = new LatestAuthorization(this)
  /** The first question, which keeps what the request showed. */
  #authorize: Ask | null
  /** What came before it was attached. */
  #held: HeldRequests | null = null
  /** Made for the first message. */
  #messages: SessionMessages | null = null
  readonly #registration: SessionRegistration
  readonly #writes: SessionWrites
  readonly #awareness: SessionAwareness
  readonly #voice: SessionVoice

  constructor({ services, connection, dialect, documentId, address, authorize }: SessionOptions) {
    this.services = services
    this.connection = connection
    this.dialect = dialect
    this.documentId = documentId
    this.address = address
    this.#authorize = authorize
    this.#rates = connection.ratesOfSession()
    this.#writes = new SessionWrites(this)
    this.#registration = new SessionRegistration(this)
    this.#delivery = new Delivery(this)
    this.#voice = new SessionVoice(dialect, this.#delivery)
    this.#awareness = new SessionAwareness(this, this.#delivery)
  }

  /** Authorizes and attaches; failures end the session through the dialect. */
  start(): void {
    try {
      checkDocumentId(this.documentId, this.services.limits.documentIdBytesMax)
    } catch (thrown) {
      this.end(asWeftError(thrown))
      return
    }
    const authorize = this.#authorize
    this.#authorize = null
    if (authorize !== null) this.#authorization.ask(authorize)
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
    this.#writes.received(submission, update)
    this.#rates.message(update.length)
    if (this.#state.kind === 'attached') this.#writes.write(this.#state.attachment, submission, update, author)
    else this.#whenAttached(update.length, (attachment) => this.#writes.write(attachment, submission, update, author))
  }

  receiveAwareness(update: Uint8Array): void {
    this.#rates.message(update.length)
    this.#asked('awareness')
    this.#whenAttached(update.length, (_attachment, membership) => {
      this.#awareness.receive(membership, update)
    })
  }

  /** Says something to others that is no edit. */
  say(to: AppMessageTarget, payload: string): void {
    this.#whenAttached(payload.length, () => {
      const { sessionId } = this.#registration
      const { documentId } = this
      const mayPass = this.rights.speaks === 'heard' && sessionId !== null
      this.#messages ??= new SessionMessages(this)
      this.#messages.say(mayPass ? { documentId, sessionId, user: this.rights.user } : null, to, payload)
    })
  }

  queryAwareness(): void {
    this.#rates.message(0)
    this.#asked('awareness')
    if (this.#state.kind !== 'ended') this.#awareness.query()
  }

  #asked(what: 'syncs' | 'awareness'): void {
    this.#rates.asked(what)
    this.connection.rates.asked(what)
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
    return this.#writes.settled()
  }

  /** Leaves the document; what was written is still committed. Idempotent. */
  leave(): void {
    const state = this.#state
    if (state.kind === 'ended') return
    this.#state = { kind: 'ended' }
    this.#delivery.close()
    this.#awareness.close()
    this.#authorization.stop()
    this.#registration.end()
    this.#held?.drop()
    this.#held = null
    if (state.kind === 'attached') state.membership.leave()
    // What was received and may still be accepted is committed all the same.
    this.#writes.leave(state.kind === 'attached' ? state.attachment : null)
    this.#writes.tellSettled()
  }

  // What the document says.

  catchUp(state: CatchUp): void {
    this.#delivery.catchUp(state)
  }

  beat(beat: DocumentBroadcast): void {
    this.#delivery.beat(beat)
  }

  acknowledged(through: number, seq: number): void {
    this.#writes.committed(through)
    this.#delivery.acknowledged(through, seq)
  }

  refused(submission: number, error: WeftError): void {
    this.#writes.refused(submission)
    this.services.counters.add('updates_refused')
    const fatal = this.#voice.refused(submission, error)
    if (fatal !== null) this.end(fatal)
  }

  pause(): void {
    this.#writes.pause()
  }

  resume(): void {
    this.#writes.resume()
  }

  detached(error: WeftError): void {
    this.#writes.drop()
    this.syncFailed(error)
  }

  // What its authorization says.

  denied(error: WeftError): void {
    this.end(error)
  }

  decided(authorization: Authorization): void {
    const { permission: permissionBefore } = this.rights
    if (this.#state.kind === 'ended') return
    this.rights.take(authorization)
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
        state.membership.identify(this.rights.identity)
        this.#voice.expires(this.#registration.expiresInMs)
        if (this.rights.permission !== permissionBefore) this.#voice.permission(this.rights.permission)
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

  async #attach(): Promise<void> {
    const { services, documentId } = this
    try {
      const attachment = await services.directory.attach(documentId, { sink: this })
      this.#attached(attachment)
    } catch (thrown) {
      this.end(asWeftError(thrown))
    }
  }

  #attached(attachment: Attachment): void {
    const { services, documentId } = this
    const state = this.#state
    if (state.kind !== 'attaching') {
      attachment.detach()
      return
    }
    const membership = services.awareness.join(documentId, this.#awareness, this.rights.identity)
    this.#state = { kind: 'attached', attachment, membership }
    this.#voice.opened(attachment, this.rights.permission, this.#registration.expiresInMs)
    const held = this.#held
    this.#held = null
    held?.run()
    this.#writes.tellSettled()
  }

  #whenAttached(bytes: number, run: (attachment: Attachment, membership: AwarenessSessionPort) => void): void {
    const state = this.#state
    switch (state.kind) {
      case 'attached':
        run(state.attachment, state.membership)
        return
      case 'attaching':
        this.#hold().add(bytes, () => this.#whenAttached(bytes, run))
        return
      case 'ended':
        return
      default:
        unreachable(state)
    }
  }

  #hold(): HeldRequests {
    const { services, connection } = this
    this.#held ??= new HeldRequests({
      budget: services.budget,
      bytesMax: services.limits.attachingBytesMax,
      hold: (held) => (held ? connection.holdReading() : connection.releaseReading()),
    })
    return this.#held
  }

  // For its parts.

  get phase(): 'waiting' | 'attached' | 'over' {
    return this.#state.kind === 'attaching' ? 'waiting' : this.#state.kind === 'ended' ? 'over' : 'attached'
  }

  get sources(): Sources | null {
    return this.#state.kind === 'attached' ? this.#state : null
  }

  get lag(): SessionLag {
    return { ...this.#delivery.lag, waitingBytes: this.connection.waitingBytes }
  }

  /** Updates are refused by number; what else can be malformed is what the client said it has. */
  syncFailed(error: WeftError): void {
    this.end(naming('state vector', error))
  }

  setLagging(lagging: boolean): void {
    this.#registration.setLagging(lagging)
  }

  notice(error: WeftError): void {
    this.#voice.notice(error)
  }

  tell(message: AppMessage): boolean {
    return this.#state.kind === 'attached' && this.#voice.appMessage(message)
  }

  end(error: WeftError): void {
    if (this.#state.kind === 'ended') return
    this.leave()
    const { services, documentId, address } = this
    services.counters.refused(error.code)
    services.refused?.({ act: 'session', code: error.code, user: this.rights.user, address, documentId })
    this.dialect.sessionEnded(error)
  }
}

// One client on one document: attaches to the document, joins its awareness, checks permission on every write (G6), and keeps the client
// up to date without ever holding more for it than its outbox allows (G2, S6).
import { unreachable } from '../../core/assert.js'
import { checkDocumentId } from '../../core/document-id.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import type { AwarenessFrame, AwarenessMembership, AwarenessSink } from '../awareness/contract.js'
import type { Attachment, Beat, CatchUp, Known, SessionSink } from '../document/port.js'
import type { Authorization, Permission } from './authorize.js'
import type { Connection } from './connection.js'
import { type Message, Outbox } from './outbox.js'
import type { GatewayServices } from './services.js'
import type { SessionDialect } from './session-dialect.js'
import { Submissions } from './submissions.js'

export interface SessionOptions {
  readonly services: GatewayServices
  readonly connection: Connection
  readonly dialect: SessionDialect
  readonly documentId: string
  /** Who asks; called once at the start. */
  authorize(): Promise<Authorization>
}

type SessionState =
  /** What the client sends meanwhile waits, in order. */
  | { readonly kind: 'attaching'; readonly held: (() => void)[]; heldBytes: number; holdsReading: boolean }
  | { readonly kind: 'attached'; readonly attachment: Attachment; readonly membership: AwarenessMembership }
  | { readonly kind: 'ended' }

type Flow =
  /** The client has not asked for the document yet. */
  | { readonly kind: 'unsynced' }
  /** Asked of the document and not answered; `next` is what the client asked meanwhile. */
  | { readonly kind: 'syncing'; readonly next: Known | null }
  | { readonly kind: 'live' }
  /** The outbox is full: nothing new until it has drained. `next` is what the client asked meanwhile; else it continues after the last seq. */
  | { readonly kind: 'lagging'; readonly next: Known | null }

/** The encoded state vector of nothing. */
const emptyStateVector = Uint8Array.of(0)

export class Session implements SessionSink, AwarenessSink {
  readonly #options: SessionOptions
  readonly #outbox: Outbox
  #state: SessionState = { kind: 'attaching', held: [], heldBytes: 0, holdsReading: false }
  #flow: Flow = { kind: 'unsynced' }
  #permission: Permission = 'read-only'
  /** Whether the client lacks awareness states that it should have: at first, and after some were dropped (A3). */
  #awareness: 'current' | 'owed' = 'owed'
  /** The newest acknowledgement that a lagging client has not been told. */
  #owedAcknowledgement: { readonly through: number; readonly seq: number } | null = null
  /** What this client has once it has read all that was sent. */
  #seq = 0
  readonly #submissions = new Submissions()
  #settledWaiters: (() => void)[] = []
  /** The document asked us to stop reading from this client. */
  #paused: 'reading' | 'paused' = 'reading'

  constructor(options: SessionOptions) {
    this.#options = options
    const { services, connection } = options
    this.#outbox = new Outbox({
      clock: services.clock,
      carrier: connection,
      limits: services.limits,
      lagging: () => this.#lag(),
      drained: () => this.#drained(),
      tooSlow: () => this.#tooSlow(),
    })
  }

  get documentId(): string {
    return this.#options.documentId
  }

  /** Authorizes and attaches; failures end the session through the dialect. */
  async start(): Promise<void> {
    try {
      await this.#attach()
    } catch (thrown) {
      this.#end(asWeftError(thrown))
    }
  }

  // What the client asks. Each may be called in any state.

  sync(known: Known): void {
    this.#whenAttached(0, () => this.#requestSync(known))
  }

  /** Writes an update under the client's number; numbers count up from 1. */
  write(submission: number, update: Uint8Array): void {
    this.#submissions.received(submission)
    this.#whenAttached(update.length, (attachment) => {
      if (this.#permission === 'read-write') attachment.submit(submission, update)
      else this.refused(submission, new WeftError('forbidden', 'You may read this document but not change it; this edit was not saved.'))
    })
  }

  receiveAwareness(update: Uint8Array): void {
    this.#whenAttached(update.length, (_attachment, membership) => membership.receive(update))
  }

  queryAwareness(): void {
    this.#awareness = 'owed'
    if (this.#flow.kind === 'live') this.#sendOwedAwareness()
  }

  /** Checks the client's rights anew, with a new token. */
  async reauthorize(authorize: () => Promise<Authorization>): Promise<void> {
    try {
      const { permission } = await authorize()
      if (this.#state.kind === 'ended' || permission === this.#permission) return
      this.#permission = permission
      const message = this.#options.dialect.permission(permission)
      if (message !== null) this.#outbox.send(message)
    } catch (thrown) {
      this.#end(asWeftError(thrown))
    }
  }

  /** Sends a message of the dialect's own, unless the client is lagging. */
  sendWhenFlowing(message: Message): void {
    if (!this.#outbox.isLagging) this.#outbox.send(message)
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
    this.#outbox.close()
    if (state.kind === 'attaching' && state.holdsReading) this.#options.connection.releaseReading()
    if (this.#paused === 'paused') this.#options.connection.releaseReading()
    if (state.kind === 'attached') {
      state.membership.leave()
      state.attachment.detach()
    }
    this.#tellSettled()
  }

  // What the document says.

  catchUp(state: CatchUp): void {
    if (this.#flow.kind !== 'syncing') return
    const next = this.#flow.next
    this.#seq = state.seq
    this.#flow = { kind: 'live' }
    for (const message of this.#options.dialect.catchUp(state)) this.#outbox.send(message)
    // Lagging by this state, or since before it.
    if (this.#outbox.isLagging) {
      this.#fallBehind(next)
      return
    }
    this.#sendOwedAcknowledgement()
    this.#sendOwedAwareness()
    if (next !== null) this.#requestSync(next)
  }

  beat(beat: Beat): void {
    if (this.#flow.kind !== 'live') return
    this.#seq = beat.seq
    this.#outbox.send(this.#options.dialect.beat(beat))
  }

  acknowledged(through: number, seq: number): void {
    this.#submissions.committed(through)
    this.#tellSettled()
    this.#owedAcknowledgement = { through, seq }
    if (!this.#outbox.isLagging) this.#sendOwedAcknowledgement()
  }

  refused(submission: number, error: WeftError): void {
    this.#submissions.refused(submission)
    this.#tellSettled()
    this.#options.services.counters.add('updates_refused')
    const named = naming('update', error)
    const { message, fatal } = this.#options.dialect.refused(submission, named)
    this.#outbox.send(message)
    if (fatal) this.#end(named)
  }

  pause(): void {
    if (this.#paused === 'paused' || this.#state.kind === 'ended') return
    this.#paused = 'paused'
    this.#options.connection.holdReading()
  }

  resume(): void {
    if (this.#paused === 'reading' || this.#state.kind === 'ended') return
    this.#paused = 'reading'
    this.#options.connection.releaseReading()
  }

  detached(error: WeftError): void {
    // Updates are refused by number; what else can be malformed is what the client said it has.
    this.#end(naming('state vector', error))
  }

  // What the awareness hub says.

  awareness(frame: AwarenessFrame): void {
    if (this.#flow.kind === 'live') {
      this.#outbox.send(this.#options.dialect.awareness(frame))
      return
    }
    this.#awareness = 'owed'
    this.#options.services.counters.add('awareness_frames_dropped')
  }

  probe(): Promise<boolean> {
    return this.#options.connection.probe()
  }

  async #attach(): Promise<void> {
    const { services, documentId, authorize } = this.#options
    checkDocumentId(documentId, services.limits.documentIdBytesMax)
    const { user, permission } = await authorize()
    if (this.#state.kind !== 'attaching') return
    this.#permission = permission
    const attachment = await services.directory.attach(documentId, { user, sink: this })
    const state = this.#state
    if (state.kind !== 'attaching') {
      attachment.detach()
      return
    }
    const membership = services.awareness.join(documentId, this, user)
    this.#state = { kind: 'attached', attachment, membership }
    for (const message of this.#options.dialect.opened(attachment, permission)) this.#outbox.send(message)
    for (const run of state.held) run()
    if (state.holdsReading) this.#options.connection.releaseReading()
    this.#tellSettled()
  }

  #whenAttached(bytes: number, run: (attachment: Attachment, membership: AwarenessMembership) => void): void {
    const state = this.#state
    switch (state.kind) {
      case 'attached':
        run(state.attachment, state.membership)
        return
      case 'attaching':
        state.held.push(() => this.#whenAttached(bytes, run))
        state.heldBytes += bytes + HELD_MESSAGE_BYTES
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

  #requestSync(known: Known): void {
    if (this.#state.kind !== 'attached') return
    switch (this.#flow.kind) {
      case 'unsynced':
      case 'live':
        this.#outbox.check()
        if (this.#outbox.isLagging) this.#flow = { kind: 'lagging', next: known }
        else this.#askDocument(this.#state.attachment, known)
        return
      case 'syncing':
      case 'lagging':
        this.#flow = { kind: this.#flow.kind, next: known }
        return
      default:
        unreachable(this.#flow)
    }
  }

  #askDocument(attachment: Attachment, known: Known): void {
    this.#flow = { kind: 'syncing', next: null }
    try {
      attachment.sync(known)
    } catch (thrown) {
      this.#end(naming('state vector', asWeftError(thrown)))
    }
  }

  #lag(): void {
    this.#options.services.counters.add('sessions_lagging')
    if (this.#flow.kind === 'live') this.#fallBehind(null)
  }

  #fallBehind(next: Known | null): void {
    this.#flow = { kind: 'lagging', next }
    if (this.#state.kind === 'attached') this.#state.attachment.suspend()
  }

  #drained(): void {
    if (this.#flow.kind !== 'lagging' || this.#state.kind !== 'attached') {
      this.#sendOwedAcknowledgement()
      return
    }
    const { attachment } = this.#state
    const after: Known = { kind: 'seq', incarnation: attachment.incarnation, seq: this.#seq, stateVector: emptyStateVector }
    this.#askDocument(attachment, this.#flow.next ?? after)
  }

  #tooSlow(): void {
    this.#options.services.counters.add('sessions_too_slow')
    // The whole socket is what does not drain.
    this.#options.connection.fail(
      new WeftError('too-slow', 'The connection takes data too slowly to keep up with the document; connect again to catch up.'),
    )
  }

  #sendOwedAcknowledgement(): void {
    const owed = this.#owedAcknowledgement
    if (owed === null) return
    this.#owedAcknowledgement = null
    const message = this.#options.dialect.acknowledged(owed.through, owed.seq)
    if (message !== null) this.#outbox.send(message)
  }

  #sendOwedAwareness(): void {
    if (this.#awareness === 'current' || this.#flow.kind !== 'live' || this.#state.kind !== 'attached') return
    this.#awareness = 'current'
    const update = this.#state.membership.fullState()
    if (update !== null) this.#outbox.send(this.#options.dialect.awarenessState(update))
  }

  #end(error: WeftError): void {
    if (this.#state.kind === 'ended') return
    this.leave()
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

// The sessions attached to one document: which of them are live, what they are owed, and calling their sinks without trusting them.
import { asWeftError, WeftError } from '../../../core/errors.js'
import { LazySet } from '../../../core/lazy-collections.js'
import type { Logger } from '../../../core/log.js'
import type { AttachRequest, CatchUp, DocumentBroadcast, SessionSink } from '../port.js'

export type SessionSlotState =
  /** Gets no beats: it has not asked to be brought up to date, or cannot take them now. */
  | { readonly kind: 'suspended' }
  /** Its catch-up is being read from the log, or made ready. */
  | { readonly kind: 'catching-up' }
  | { readonly kind: 'live' }
  | { readonly kind: 'detached' }

export interface SessionSlot {
  readonly sink: SessionSink
  state: SessionSlotState
}

export class SessionSlots {
  readonly #sessions = new LazySet<SessionSlot>()
  readonly #documentId: string
  readonly #logger: Logger
  readonly #onRemoved: () => void
  #paused = false

  /** `onRemoved` runs when a session has gone, for whatever reason. */
  constructor(documentId: string, logger: Logger, onRemoved: () => void) {
    this.#documentId = documentId
    this.#logger = logger
    this.#onRemoved = onRemoved
  }

  get size(): number {
    return this.#sessions.size
  }

  add(request: AttachRequest): SessionSlot {
    const session: SessionSlot = { sink: request.sink, state: { kind: 'suspended' } }
    this.#sessions.add(session)
    if (this.#paused) this.#call(session, (sink) => sink.pause())
    return session
  }

  /** By the session's own wish: its sink hears nothing more. */
  remove(session: SessionSlot): void {
    if (session.state.kind === 'detached') return
    session.state = { kind: 'detached' }
    this.#sessions.delete(session)
    this.#onRemoved()
  }

  /** By the document's wish. */
  detach(session: SessionSlot, error: WeftError): void {
    if (session.state.kind === 'detached') return
    this.remove(session)
    try {
      session.sink.detached(error)
    } catch (thrown) {
      this.#sinkFailed(thrown)
    }
  }

  detachAll(error: WeftError): void {
    for (const session of this.#sessions) this.detach(session, error)
  }

  broadcast(beat: DocumentBroadcast): void {
    for (const session of this.#sessions) {
      if (session.state.kind !== 'live') continue
      try {
        session.sink.beat(beat)
      } catch (thrown) {
        this.#failed(session, thrown)
      }
    }
  }

  catchUp(session: SessionSlot, state: CatchUp): void {
    session.state = { kind: state.transfer === undefined ? 'live' : 'suspended' }
    this.#call(session, (sink) => sink.catchUp(state))
  }

  acknowledge(session: SessionSlot, through: number, seq: number): void {
    if (session.state.kind === 'detached') return
    try {
      session.sink.acknowledged(through, seq)
    } catch (thrown) {
      this.#failed(session, thrown)
    }
  }

  refuse(session: SessionSlot, submission: number, error: WeftError): void {
    if (session.state.kind !== 'detached') this.#call(session, (sink) => sink.refused(submission, error))
  }

  setPaused(paused: boolean): void {
    if (paused === this.#paused) return
    this.#paused = paused
    for (const session of this.#sessions) this.#call(session, (sink) => (paused ? sink.pause() : sink.resume()))
  }

  #call(session: SessionSlot, run: (sink: SessionSink) => void): void {
    try {
      run(session.sink)
    } catch (thrown) {
      this.#failed(session, thrown)
    }
  }

  /** A sink that throws is a bug of the gateway; it must cost its own session only. */
  #failed(session: SessionSlot, thrown: unknown): void {
    this.#sinkFailed(thrown)
    this.detach(session, asWeftError(thrown))
  }

  #sinkFailed(thrown: unknown): void {
    this.#logger.error({ documentId: this.#documentId, error: thrown }, 'A session failed to take a call')
  }
}

export function ownerMoved(): WeftError {
  return new WeftError('owner-moved', 'The document is owned by another server now; attach to it again.')
}

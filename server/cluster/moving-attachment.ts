// A session's attachment that outlives the owner it was made with. When the owner moves, it attaches to the new one, goes on after the last
// seq that the session got, and submits again what nobody has acknowledged, in order; the session and its client's socket never notice
// (O5).
//
// Invariants: a submission is kept until it is acknowledged or refused. A session hears of nothing twice in a way that it could mistake: a
// catch-up that it did not ask for reaches it as beats. At most one inner attachment is listened to. An owner that asked to wait is
// submitted nothing more: what comes all the same is kept, and counted, until it goes on.
import { unreachable } from '../../core/assert.js'
import type { Clock } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import { MemoryCharge } from '../../core/memory-budget.js'
import type { Random } from '../../core/random.js'
import type { Attachment, AttachRequest, CatchUp, DocumentBroadcast, Known, PieceWish, SessionSink } from '../document/port.js'
import type { ProcessPressure } from '../document/view/back-pressure.js'
import { whyNotYet } from '../document/view/unfinished-document.js'
import { Incoming } from './incoming.js'
import { isMove, OwnerSearch } from './owner-search.js'
import { Reading } from './reading.js'
import { Unacknowledged } from './unacknowledged.js'

export interface MovingOptions {
  readonly documentId: string
  readonly request: AttachRequest
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly counters: Counters
  readonly limits: Limits
  /** What is kept while owners move, all sessions of this node together. */
  readonly held: ProcessPressure
  /** One try at wherever the owner is now. */
  readonly attachOnce: (request: AttachRequest) => Promise<Attachment>
  /** Resolves after `delayMs`, or before that when who owns what may have changed. */
  readonly pause: (delayMs: number) => Promise<void>
  /** How long the first attach, and a later one, may look for an owner. */
  readonly attachMsMax: number
  readonly moveMsMax: number
  /** Called exactly once, when nothing is left to do. */
  readonly ended: (attachment: MovingAttachment) => void
}

type MovingState =
  /** Looking for the owner: at first, and after each move. */
  | { readonly kind: 'looking' }
  | { readonly kind: 'attached'; readonly attachment: Attachment; readonly incoming: Incoming }
  | { readonly kind: 'ended' }

const emptyStateVector = Uint8Array.of(0)

export class MovingAttachment implements Attachment, SessionSink {
  readonly documentId: string
  readonly #options: MovingOptions
  readonly #search: OwnerSearch
  readonly #reading = new Reading({
    catchUp: (state) => this.#sink?.catchUp(state),
    beat: (beat) => this.#sink?.beat(beat),
  })
  readonly #unacknowledged = new Unacknowledged()
  /** Null once the session has left: what it submitted is still brought to its owner. */
  #sink: SessionSink | null
  #state: MovingState = { kind: 'looking' }
  #incarnation = ''
  #acknowledgedSeq = 0
  #seq = 0
  /** In what the node holds for moving sessions. */
  readonly #held: MemoryCharge
  #paused = false

  constructor(options: MovingOptions) {
    this.#options = options
    this.documentId = options.documentId
    this.#held = new MemoryCharge(options.held)
    this.#search = new OwnerSearch(options)
    this.#sink = options.request.sink
  }

  /** Attaches for the first time. Rejects with why it could not. */
  async start(): Promise<void> {
    try {
      await this.#look(this.#options.attachMsMax, isMove)
    } catch (thrown) {
      this.#end()
      throw thrown
    }
  }

  get incarnation(): string {
    return this.#incarnation
  }

  get seq(): number {
    return this.#attachment?.seq ?? this.#seq
  }

  /** Of nothing while there is no owner: a client may send too much, never too little. */
  stateVector(): Uint8Array {
    return this.#attachment?.stateVector() ?? emptyStateVector
  }

  sync(known: Known, pieces: PieceWish | null = null): void {
    this.#reading.sync(known, pieces, this.#attachment)
  }

  suspend(): void {
    this.#reading.suspend(this.#attachment)
  }

  submit(submission: number, bytes: Uint8Array, user: string | null): void {
    if (this.#state.kind === 'ended' || this.#sink === null) return
    this.#unacknowledged.add({ submission, bytes, user })
    this.#submitMore()
  }

  detach(): void {
    if (this.#sink === null) return
    this.#sink = null
    this.suspend()
    this.#endIfDone()
  }

  /** What all sessions hold together has passed, or left, its mark. */
  updatePause(): void {
    const paused = this.#shouldPause()
    if (paused === this.#paused) return
    this.#paused = paused
    if (paused) this.#sink?.pause()
    else this.#sink?.resume()
  }

  /** The node is stopping. */
  stop(error: WeftError): void {
    const sink = this.#sink
    const state = this.#state
    this.#end()
    if (state.kind === 'attached') state.attachment.detach()
    if (state.kind !== 'ended') sink?.detached(error)
  }

  // What the owner says, by way of `Incoming`.

  catchUp(state: CatchUp): void {
    this.#reading.catchUp(state)
  }

  beat(beat: DocumentBroadcast): void {
    this.#reading.beat(beat)
  }

  acknowledged(through: number, seq: number): void {
    this.#unacknowledged.acknowledge(through)
    this.#acknowledgedSeq = Math.max(this.#acknowledgedSeq, seq)
    this.#sink?.acknowledged(through, seq)
    this.#endIfDone()
  }

  refused(submission: number, error: WeftError): void {
    this.#unacknowledged.refuse(submission)
    this.#sink?.refused(submission, error)
    this.#endIfDone()
  }

  pause(): void {
    this.updatePause()
  }

  resume(): void {
    this.#submitMore()
  }

  detached(error: WeftError): void {
    if (this.#state.kind !== 'attached') return
    this.#seq = this.#state.attachment.seq
    this.#state = { kind: 'looking' }
    this.#search.lost()
    if (isMove(error) || error.code === 'store-unavailable') {
      this.#options.counters.add('sessions_moved')
      this.#hold(this.#unacknowledged.bytes)
      void this.#move()
      return
    }
    this.#giveUp(error)
  }

  async #move(): Promise<void> {
    try {
      await this.#look(this.#options.moveMsMax, (error) => isMove(error) || error.code === 'store-unavailable')
    } catch (thrown) {
      this.#giveUp(asWeftError(thrown))
    }
  }

  /** Rejects with the last error once `msMax` are over, or with the first that trying again does not help. */
  #look(msMax: number, mayHelp: (error: WeftError) => boolean): Promise<void> {
    return this.#search.run(msMax, mayHelp, async () => {
      if (this.#state.kind !== 'looking') return
      const incoming = new Incoming(this)
      const attachment = await this.#options.attachOnce({ sink: incoming, unfinished: 'passed-on' })
      const notYet = whyNotYet(attachment.incarnation, this.#options.request.unfinished)
      if (this.#isOver() || notYet !== null) attachment.detach()
      if (notYet !== null) throw notYet
      if (this.#isOver()) return
      if (incoming.over !== null) throw incoming.over
      this.#adopt(attachment, incoming)
    })
  }

  /** Asked after something was awaited. */
  #isOver(): boolean {
    return this.#state.kind === 'ended'
  }

  #adopt(attachment: Attachment, incoming: Incoming): void {
    const written = this.#reading.seq > 0 || this.#acknowledgedSeq > 0
    if (this.#incarnation !== '' && attachment.incarnation !== this.#incarnation && written) {
      attachment.detach()
      this.#giveUp(new WeftError('owner-moved', 'The document was deleted and made anew while its owner moved; open it again.'))
      return
    }
    this.#incarnation = attachment.incarnation
    this.#state = { kind: 'attached', attachment, incoming }
    this.#unacknowledged.restart()
    this.#search.found()
    incoming.start()
    this.#reading.goOn(attachment)
    this.#submitMore()
    this.#endIfDone()
  }

  get #attachment(): Attachment | null {
    return this.#state.kind === 'attached' ? this.#state.attachment : null
  }

  #shouldPause(): boolean {
    const state = this.#state
    switch (state.kind) {
      case 'attached':
        return state.incoming.paused || this.#held.bytes > 0
      case 'looking':
        return this.#held.bytes > this.#options.limits.attachingBytesMax || this.#options.held.full
      case 'ended':
        return false
      default:
        return unreachable(state)
    }
  }

  /** Gives the owner what it has not been given, until it asks to wait. */
  #submitMore(): void {
    const state = this.#state
    if (state.kind === 'attached' && this.#submitAllTo(state)) this.#hold(0)
    else if (this.#state.kind !== 'ended') this.#hold(this.#unacknowledged.bytes)
  }

  /** False if something is left. */
  #submitAllTo(state: MovingState & { readonly kind: 'attached' }): boolean {
    while (!state.incoming.paused) {
      const next = this.#unacknowledged.next()
      if (next === null) return true
      state.attachment.submit(next.submission, next.bytes, next.user)
      if (this.#state !== state) return false
    }
    return !this.#unacknowledged.hasNext
  }

  /** Counts what is kept while there is no owner, or none that takes more. */
  #hold(bytes: number): void {
    this.#held.set(bytes)
    this.updatePause()
  }

  #giveUp(error: WeftError): void {
    if (this.#state.kind === 'ended') return
    const sink = this.#sink
    if (this.#unacknowledged.count > 0)
      this.#options.logger.warn(
        { documentId: this.documentId, submissions: this.#unacknowledged.count, code: error.code },
        'a session ended before its last edits were stored; none of them was acknowledged',
      )
    this.#end()
    sink?.detached(error)
  }

  /** The session has left and everything it submitted is answered. */
  #endIfDone(): void {
    if (this.#sink !== null || this.#unacknowledged.count > 0) return
    const state = this.#state
    this.#end()
    if (state.kind === 'attached') state.attachment.detach()
  }

  #end(): void {
    if (this.#state.kind === 'ended') return
    this.#state = { kind: 'ended' }
    this.#sink = null
    this.#held.set(0)
    this.#options.ended(this)
  }
}

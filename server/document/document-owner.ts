// The owner of one open document: takes submissions, has them committed, and only then acknowledges and shows them.
//
// Invariants: the image holds only what is durable. `#known` holds that, what is in the commit, and what is pending. A session is told of nothing
// before the commit (D1, D2), unless the option to broadcast first is on; acknowledgements wait for the commit in any case.
import { unreachable } from '../../core/assert.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { AppendEntry, Fence } from '../../persistence/store.js'
import { inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import type { KnownState } from '../../protocol/updates/known-state.js'
import { mergeUpdateTree } from '../../protocol/updates/merge.js'
import { type Admission, admit } from './admission.js'
import { type AttachmentOwner, LocalAttachment } from './attachment.js'
import { DocumentPressure, type ProcessPressure } from './back-pressure.js'
import { differenceFrom, LogReader, planCatchUp } from './catch-up.js'
import { CompactionCycle, type CompactionEnvironment } from './compaction-cycle.js'
import { type Image, inOwnBuffer } from './image.js'
import type { LogSource, LogWriter } from './log-writer.js'
import type { OpenedDocument } from './open-document.js'
import { documentPeriodMs } from './pace.js'
import { type InFlight, Pending } from './pending.js'
import type { Attachment, AttachRequest, Known } from './port.js'
import { ownerMoved, type Session, Sessions } from './sessions.js'

export type BroadcastOrder = 'after-commit' | 'before-commit'

export interface OwnerEnvironment extends CompactionEnvironment {
  readonly limits: Limits
  readonly writer: LogWriter
  readonly pressure: ProcessPressure
  readonly broadcast: BroadcastOrder
  /** The document has nobody and nothing to do. Said again each time that it becomes so. */
  readonly onIdle: (owner: DocumentOwner) => void
  /** The owner is over, for any reason. */
  readonly onStopped: (owner: DocumentOwner) => void
  readonly onFenced: (shard: number) => void
}

type OwnerState =
  | { readonly kind: 'open' }
  /** Poisoned: readable up to the poison, writes are refused with `error` (D8). */
  | { readonly kind: 'quarantined'; readonly error: WeftError }
  /** The shard goes to another node: what was submitted is flushed, then the sessions are detached. `refusal` if it was quarantined. */
  | { readonly kind: 'handing-over'; readonly refusal: WeftError | null }
  | { readonly kind: 'stopped'; readonly error: WeftError }

export class DocumentOwner implements LogSource, AttachmentOwner {
  readonly documentId: string
  readonly fence: Fence
  readonly incarnation: string
  readonly #environment: OwnerEnvironment
  readonly #image: Image
  readonly #known: KnownState
  readonly #sessions: Sessions
  readonly #pressure: DocumentPressure
  readonly #compaction: CompactionCycle
  readonly #logReader: LogReader
  #state: OwnerState = { kind: 'open' }
  #pending = new Pending()
  #inFlight: InFlight | null = null
  /** The durable head of the log. */
  #head: number
  #lastBeatAt = Number.NEGATIVE_INFINITY
  /** Repeats of what is durable already, acknowledged in the next turn. */
  #repeats: Map<Session, number> | null = null

  constructor(documentId: string, fence: Fence, opened: OpenedDocument, environment: OwnerEnvironment) {
    this.documentId = documentId
    this.fence = fence
    this.incarnation = opened.incarnation
    this.#environment = environment
    this.#image = opened.image
    this.#known = opened.known
    this.#head = opened.head
    this.#sessions = new Sessions(documentId, environment.logger, environment.counters)
    this.#pressure = new DocumentPressure(environment.limits.pendingBytesPerDocumentMax, environment.pressure)
    this.#logReader = new LogReader(environment.store, environment.logger, documentId)
    const subject = { documentId, fence, incarnation: opened.incarnation, image: opened.image }
    this.#compaction = new CompactionCycle(environment, subject, {
      abandoned: () => this.#state.kind === 'stopped' || this.#refusal() !== null,
      compacted: (gained) => {
        if (gained !== null) this.#known.add(inspectUpdate(gained, storedBounds))
      },
      fenced: () => this.#environment.onFenced(this.fence.shard),
      poisoned: (index, reason) => this.#poisonedTail(index, reason),
      ended: () => this.#checkIdle(),
    })
    if (opened.poison !== null) this.#quarantine(opened.poison.seq, opened.poison.reason)
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  get durableSeq(): number {
    return this.#head
  }

  /** Nobody and nothing to do: may be evicted. A quarantined document stays, so that it is not taken for a sound one when it is opened again. */
  get idle(): boolean {
    return this.#state.kind === 'open' && this.#sessions.size === 0 && this.#unsettled === null && !this.#compaction.running
  }

  /** Throws `owner-moved`, `too-many-sessions`, or why the owner stopped. */
  attach(request: AttachRequest): Attachment {
    if (this.#state.kind === 'stopped') throw this.#state.error
    if (this.#state.kind === 'handing-over') throw ownerMoved()
    const { sessionsPerDocumentMax } = this.#environment.limits
    if (this.#sessions.size >= sessionsPerDocumentMax)
      throw new WeftError('too-many-sessions', `This document already has ${sessionsPerDocumentMax} sessions; try again later.`)
    return new LocalAttachment(this, this.#sessions.add(request))
  }

  stateVector(): Uint8Array {
    return this.#known.stateVector()
  }

  submit(session: Session, submission: number, bytes: Uint8Array): void {
    if (session.state.kind === 'detached') return
    this.#environment.counters.add('updates_received')
    const admission = this.#admit(bytes)
    switch (admission.kind) {
      case 'refused':
        // The tail may be what makes it too large.
        if (admission.error.code === 'document-too-large') this.#compaction.start()
        this.#sessions.refuse(session, submission, admission.error)
        return
      case 'repeat':
        this.#environment.counters.add('updates_already_known')
        this.#acknowledgeRepeat(session, submission)
        return
      case 'new':
        this.#known.add(admission.inspected)
        this.#pending.add(admission.update)
        this.#pending.submitters.set(session, submission)
        this.#pressure.add(admission.update.length)
        this.updatePause()
        this.#requestCommit()
        return
      default:
        unreachable(admission)
    }
  }

  sync(session: Session, known: Known): void {
    if (session.state.kind === 'detached') return
    try {
      // After a quarantine, seqs beyond the poison are in the log but not in the image.
      const incarnation = this.#refusal() === null ? this.incarnation : null
      const plan = planCatchUp(this.#image, incarnation, known)
      if (plan.kind === 'ready') this.#catchUp(session, plan.updates)
      else void this.#syncFromLog(session, plan.afterSeq, plan.stateVector)
    } catch (thrown) {
      this.#sessions.detach(session, asWeftError(thrown))
      this.#checkIdle()
    }
  }

  suspend(session: Session): void {
    if (session.state.kind !== 'detached') session.state = { kind: 'suspended' }
  }

  detach(session: Session): void {
    if (session.state.kind === 'detached') return
    this.#sessions.remove(session)
    this.#checkIdle()
  }

  /** Pauses or resumes the writers, as the pending bytes demand. */
  updatePause(): void {
    this.#sessions.setPaused(this.#pressure.full || this.#state.kind === 'handing-over')
  }

  /** Resolves when what was submitted so far is settled: durable and acknowledged, or the owner has stopped. */
  async flush(): Promise<void> {
    const unsettled = this.#unsettled
    if (unsettled === null) return
    if (!this.#pending.empty) this.#environment.writer.request(this, Number.NEGATIVE_INFINITY)
    await unsettled.settled()
  }

  /** Hands the document to another node: flushes, then detaches the sessions with `owner-moved`. */
  async handOver(): Promise<void> {
    if (this.#state.kind === 'stopped') return
    this.#state = { kind: 'handing-over', refusal: this.#refusal() }
    // Sockets stop reading, so this ends: only what had been read already still comes in.
    this.updatePause()
    while (this.#unsettled !== null) await this.flush()
    this.stop(ownerMoved())
  }

  /** Ends the owner at once: nothing is acknowledged any more, the sessions are detached with `error`. Idempotent. */
  stop(error: WeftError): void {
    if (this.#state.kind === 'stopped') return
    this.#state = { kind: 'stopped', error }
    this.#environment.writer.forget(this)
    this.#pressure.clear()
    this.#sessions.detachAll(error)
    this.#pending.settle()
    this.#inFlight?.pending.settle()
    this.#environment.onStopped(this)
  }

  /** Starts a compaction if the idle document is worth one; true if one runs. */
  compactWhenIdle(): boolean {
    return this.#compaction.startIfWorthwhileWhenIdle()
  }

  // LogSource

  take(): AppendEntry | null {
    if (this.#state.kind === 'stopped' || this.#pending.empty) return null
    const pending = this.#pending
    let update: Uint8Array
    try {
      update = inOwnBuffer(mergeUpdateTree(pending.updates))
    } catch (thrown) {
      // Every update was inspected, so this is a bug; none of them was acknowledged, and a fresh owner starts from what is durable.
      this.#environment.logger.error({ documentId: this.documentId, error: thrown }, 'Pending updates do not merge')
      this.stop(new WeftError('internal', 'The document had to be closed; it has been logged why.', { cause: thrown }))
      return null
    }
    this.#pending = new Pending()
    this.#lastBeatAt = this.#environment.clock.monotonic()
    const entry = { documentId: this.documentId, fence: this.fence, seq: this.#head + 1, incarnation: this.incarnation, update }
    this.#inFlight = { pending, entry }
    // The seq is that of the last durable commit: a session that resumes by it gets this update again, and never misses it.
    if (this.#environment.broadcast === 'before-commit') this.#sessions.broadcast({ seq: this.#head, update, frames: new Map() })
    return entry
  }

  committed(): void {
    const inFlight = this.#inFlight
    if (inFlight === null || this.#state.kind === 'stopped') return
    const { pending, entry } = inFlight
    this.#inFlight = null
    this.#head = entry.seq
    // A quarantined image ends before the poison; what was committed behind it is in the log.
    if (this.#refusal() === null) this.#image.append(entry.seq, entry.update)
    this.#pressure.add(-pending.bytes)
    if (this.#environment.broadcast === 'after-commit')
      this.#sessions.broadcast({ seq: entry.seq, update: entry.update, frames: new Map() })
    for (const [session, through] of pending.submitters) this.#sessions.acknowledge(session, through, entry.seq)
    pending.settle()
    this.updatePause()
    if (!this.#pending.empty) this.#requestCommit()
    this.#compaction.startIfLarge()
    this.#checkIdle()
  }

  fenced(): void {
    this.stop(ownerMoved())
  }

  failed(error: WeftError): void {
    this.#environment.logger.error({ documentId: this.documentId, error }, 'A document cannot be written and was closed')
    this.stop(error)
  }

  get #unsettled(): Pending | null {
    return this.#pending.empty ? (this.#inFlight?.pending ?? null) : this.#pending
  }

  /** Why writes are refused, or null. */
  #refusal(): WeftError | null {
    const state = this.#state
    switch (state.kind) {
      case 'open':
        return null
      case 'quarantined':
      case 'stopped':
        return state.error
      case 'handing-over':
        return state.refusal
      default:
        return unreachable(state)
    }
  }

  #admit(bytes: Uint8Array): Admission {
    const refusal = this.#refusal()
    if (refusal !== null) return { kind: 'refused', error: refusal }
    return admit(bytes, this.#known, this.#environment.limits, this.#image.bytes, this.#pressure)
  }

  /** S3: acknowledged as soon as what it repeats is durable. */
  #acknowledgeRepeat(session: Session, submission: number): void {
    const unsettled = this.#unsettled
    if (unsettled !== null) {
      unsettled.submitters.set(session, submission)
      return
    }
    if (this.#repeats === null) {
      const repeats = new Map<Session, number>()
      this.#repeats = repeats
      this.#environment.clock.soon(() => {
        this.#repeats = null
        for (const [repeater, through] of repeats) this.#sessions.acknowledge(repeater, through, this.#head)
      })
    }
    this.#repeats.set(session, submission)
  }

  #requestCommit(): void {
    // While a commit runs the next one collects.
    if (this.#inFlight !== null) return
    const { clock, writer } = this.#environment
    writer.request(this, Math.max(clock.monotonic(), this.#lastBeatAt + documentPeriodMs(this.#sessions.size)))
  }

  #catchUp(session: Session, updates: readonly Uint8Array[]): void {
    // What went out before its commit went to the live sessions only: this one must not miss it (S6).
    const early = this.#environment.broadcast === 'before-commit' ? this.#inFlight?.entry.update : undefined
    this.#sessions.catchUp(session, { seq: this.#image.head, updates: early === undefined ? updates : [...updates, early] })
  }

  /** Never rejects. */
  async #syncFromLog(session: Session, afterSeq: number, stateVector: Uint8Array): Promise<void> {
    const catchingUp = { kind: 'catching-up' } as const
    session.state = catchingUp
    const throughSeq = this.#image.baseSeq
    const update = await this.#logReader.read(afterSeq, throughSeq, this.#image.bytes)
    // Detached, suspended, or asked again meanwhile.
    if (session.state !== catchingUp) return
    try {
      // The rest comes from the tail as it is now. It is gone from there if a compaction moved the base on.
      const rest = update === null ? null : this.#image.since(throughSeq)
      const updates = update === null || rest === null ? differenceFrom(this.#image, stateVector) : [update, ...rest]
      this.#catchUp(session, updates)
    } catch (thrown) {
      this.#sessions.detach(session, asWeftError(thrown))
      this.#checkIdle()
    }
  }

  #poisonedTail(index: number, reason: string): void {
    const seq = this.#image.baseSeq + index + 1
    this.#image.truncateTail(Math.max(0, index))
    this.#quarantine(seq, reason)
  }

  #quarantine(seq: number, reason: string): void {
    const { logger, counters } = this.#environment
    counters.add('documents_quarantined')
    logger.error(
      { documentId: this.documentId, seq, reason },
      'A document holds an update that cannot be applied; it is read-only up to it',
    )
    const error = new WeftError('document-quarantined', `The document is read-only: its update ${seq} cannot be applied.`)
    this.#state = this.#state.kind === 'handing-over' ? { kind: 'handing-over', refusal: error } : { kind: 'quarantined', error }
  }

  #checkIdle(): void {
    if (this.idle) this.#environment.onIdle(this)
  }
}

// The owner of one open document: takes submissions, has them committed, and only then acknowledges and shows them.
//
// Invariants: the image holds only what is durable. `#known` holds that, what is in the commit, and what is pending. A session is told of nothing
// before the commit (D1, D2), unless the option to broadcast first is on; acknowledgements wait for the commit in any case.
import { unreachable } from '../../core/assert.js'
import { WeftError } from '../../core/errors.js'
import { randomId } from '../../core/random.js'
import type { Sliced } from '../../core/slices.js'
import type { AppendEntry, Fence } from '../../persistence/store.js'
import { addCounts, addUpdate, noStructs, type StructCounts } from '../../protocol/updates/decoding-cost.js'
import { type InspectedUpdate, inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import type { KnownState } from '../../protocol/updates/known-state.js'
import { type Admission, admitting } from './admission.js'
import { AdmissionQueue } from './admission-queue.js'
import { CompactionCycle } from './compaction-cycle.js'
import type { LogSource } from './log-writer.js'
import { NestingGuard } from './nesting-guard.js'
import type { OpenedDocument } from './open-document.js'
import type { OwnerEnvironment } from './owner-environment.js'
import { type InFlight, type Pending, PendingEntries, Repeats, type Submitter } from './pending.js'
import type { Attachment, AttachRequest, Known, PieceWish } from './port.js'
import { QuarantineRecord } from './quarantine-record.js'
import { type AttachmentOwner, SessionAttachment } from './view/attachment.js'
import { DocumentPressure } from './view/back-pressure.js'
import { CatchUps } from './view/catch-up.js'
import { DocumentMemory } from './view/document-memory.js'
import type { Image } from './view/image.js'
import { documentPeriodMs } from './view/pace.js'
import { ownerMoved, type SessionSlot, SessionSlots } from './view/session-slots.js'
import { WaitingGuard } from './waiting-guard.js'

/** Of what tells an owner from the one before it. */
const OWNER_BYTES = 8

/** What an owner tells its directory. */
export interface OwnerEvents {
  /** Something was committed, by these users. */
  committed(owner: DocumentOwner, users: readonly string[]): void
  /** The document has nobody and nothing to do. Said again each time that it becomes so. */
  idle(owner: DocumentOwner): void
  /** The owner is over, for any reason. */
  stopped(owner: DocumentOwner): void
  /** The store refused its shard. */
  fenced(shard: number): void
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
  /**
   * As sessions are told. Where edits are shown first, each owner goes by another: whoever comes back after its predecessor was lost has no seq to resume
   * from, and sends what it was shown and nobody committed (S1), deletions too, of which no state vector tells.
   */
  readonly incarnation: string
  /** As the store has it. */
  readonly #storedIncarnation: string
  readonly #environment: OwnerEnvironment
  readonly #events: OwnerEvents
  readonly #image: Image
  readonly #known: KnownState
  readonly #sessions: SessionSlots
  readonly #pressure: DocumentPressure
  readonly #compaction: CompactionCycle
  readonly #catchUps: CatchUps
  readonly #repeats: Repeats
  readonly #memory: DocumentMemory
  readonly #admissions: AdmissionQueue
  readonly #waiting: WaitingGuard
  readonly #nesting: NestingGuard
  #state: OwnerState = { kind: 'open' }
  /** While what was found to be unusable is on its way to the store. */
  #quarantineRecord: QuarantineRecord | null = null
  readonly #pending: PendingEntries
  #inFlight: InFlight | null = null
  /** What is known beyond the image: pending and in the commit. */
  readonly #waitingCounts = { ...noStructs }
  /** The durable head of the log. */
  #head: number
  /** The state vector of what is durable, once somebody has asked for it. */
  #durable: { readonly head: number; readonly stateVector: Uint8Array } | null = null
  #lastBeatAt = Number.NEGATIVE_INFINITY

  constructor(documentId: string, fence: Fence, opened: OpenedDocument, environment: OwnerEnvironment, events: OwnerEvents) {
    this.documentId = documentId
    this.fence = fence
    this.#storedIncarnation = opened.incarnation
    this.incarnation =
      environment.broadcast === 'before-commit' ? `${opened.incarnation}.${randomId(environment.random, OWNER_BYTES)}` : opened.incarnation
    this.#environment = environment
    this.#events = events
    this.#image = opened.image
    this.#known = opened.known
    this.#head = opened.head
    this.#sessions = new SessionSlots(documentId, environment.logger, () => this.#sessionGone())
    this.#waiting = new WaitingGuard(opened.waiting, opened.known, environment.limits)
    this.#nesting = new NestingGuard(
      opened.known,
      environment.limits,
      () => this.#waiting.count,
      () => this.#everything(),
    )
    this.#memory = new DocumentMemory(
      environment.budget,
      opened.image,
      () => opened.known.approximateBytes + this.#waiting.byteLength + this.#nesting.byteLength,
    )
    this.#pending = new PendingEntries(environment.clock)
    this.#repeats = new Repeats(environment.clock, (session, through) => this.#sessions.acknowledge(session, through, this.#head))
    this.#admissions = new AdmissionQueue(environment.clock, () => {
      this.#measurePressure()
      this.updatePause()
      this.#checkIdle()
    })
    this.#pressure = new DocumentPressure(environment.limits.pendingBytesPerDocumentMax, environment.pressure)
    this.#catchUps = new CatchUps({
      documentId,
      store: environment.store,
      logger: environment.logger,
      image: opened.image,
      sessions: this.#sessions,
      bounds: environment.limits,
      // After a quarantine, seqs beyond the poison are in the log but not in the image.
      incarnation: () => (this.#refusal() === null ? this.incarnation : null),
      // What went out before its commit went to the live sessions only.
      beyond: () => (environment.broadcast === 'before-commit' ? (this.#inFlight?.entry.update ?? null) : null),
      seq: () => opened.image.head,
      clock: environment.clock,
      stateVector: () => this.stateVector(),
    })
    const subject = { documentId, fence, incarnation: opened.incarnation, image: opened.image }
    this.#compaction = new CompactionCycle(environment, subject, {
      abandoned: () => this.#state.kind === 'stopped' || this.#refusal() !== null,
      durableCounts: () => this.#durableCounts(),
      compacted: (gained, before, after) => {
        this.#known.recount(before, after)
        if (gained !== null) this.#known.add(inspectUpdate(gained, storedBounds))
      },
      fenced: () => this.#events.fenced(this.fence.shard),
      poisoned: (index, reason) => this.#poisonedTail(index, reason),
      ended: () => {
        this.#measureMemory()
        this.#checkIdle()
      },
    })
    if (opened.poison !== null) this.#quarantine(opened.poison.seq, opened.poison.reason)
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  /** Nothing was ever written to it. */
  get blank(): boolean {
    return this.#head === 0
  }

  get durableSeq(): number {
    return this.#head
  }

  /** Nobody and nothing to do: may be evicted. A quarantined document stays until the store knows it, or it would be taken for a sound one when it is opened again. */
  get idle(): boolean {
    const settled = this.#state.kind === 'open' || (this.#state.kind === 'quarantined' && this.#quarantineRecord === null)
    return settled && this.#sessions.size === 0 && this.#admissions.empty && this.#unsettled === null && !this.#compaction.running
  }

  /** Throws `owner-moved`, `too-many-sessions`, or why the owner stopped. */
  attach(request: AttachRequest): Attachment {
    if (this.#state.kind === 'stopped') throw this.#state.error
    if (this.#state.kind === 'handing-over') throw ownerMoved()
    const { sessionsPerDocumentMax } = this.#environment.limits
    if (this.#sessions.size >= sessionsPerDocumentMax)
      throw new WeftError('too-many-sessions', `This document already has ${sessionsPerDocumentMax} sessions; try again later.`)
    // A long tail may have been read from the store.
    this.#compaction.startIfLarge()
    const attachment = new SessionAttachment(this, this.#sessions.add(request))
    this.#measureMemory()
    return attachment
  }

  /**
   * Of what is durable: whoever is told that something is known does not send it again, also not to the next owner, if this one is lost (D1). Where edits
   * are shown first there is no next owner, and a reader must not be asked for what it was shown.
   */
  stateVector(): Uint8Array {
    if (this.#environment.broadcast === 'before-commit') return this.#known.stateVector()
    // Only a commit changes it. What waits for one may be megabytes, and everybody asks at once when a store is back.
    if (this.#durable?.head === this.#head) return this.#durable.stateVector
    const inFlight = this.#inFlight === null ? [] : [this.#inFlight.pending.addition]
    const stateVector = this.#known.stateVectorBefore([...inFlight, ...this.#pending.additions])
    this.#durable = { head: this.#head, stateVector }
    return stateVector
  }

  submit(session: SessionSlot, submission: number, bytes: Uint8Array, user: string | null): void {
    if (session.state.kind === 'detached') return
    this.#environment.counters.add('updates_received')
    this.#admissions.push(bytes.length, this.#submitting({ session, submission, user }, bytes))
    if (this.#admissions.empty) return
    this.#measurePressure()
    this.updatePause()
  }

  *#submitting(from: Submitter, bytes: Uint8Array): Sliced<void> {
    const { session, submission } = from
    const admission = yield* this.#admitting(bytes)
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
      case 'new': {
        const { added } = admission
        addUpdate(this.#waitingCounts, added)
        this.#waiting.take()
        this.#nesting.take()
        // First, so that the durable state vector leaves it out while it becomes known.
        this.#pending.add(added, from, this.#firstUsesIn(added))
        this.#measurePressure()
        this.updatePause()
        this.#requestCommit()
        if (added.blocks.length + added.deletes.length === 1) this.#known.add(added)
        else yield* this.#known.adding(added)
        return
      }
      default:
        unreachable(admission)
    }
  }

  sync(session: SessionSlot, known: Known, pieces: PieceWish | null): void {
    if (session.state.kind !== 'detached') this.#catchUps.sync(session, known, pieces)
  }

  suspend(session: SessionSlot): void {
    if (session.state.kind !== 'detached') session.state = { kind: 'suspended' }
  }

  detach(session: SessionSlot): void {
    this.#sessions.remove(session)
  }

  /** Pauses or resumes the writers, as the pending bytes demand. */
  updatePause(): void {
    this.#sessions.setPaused(this.#pressure.full || this.#state.kind === 'handing-over')
  }

  /** Resolves when what was submitted so far is settled: durable and acknowledged, or the owner has stopped. */
  async flush(): Promise<void> {
    if (!this.#admissions.empty) await this.#admissions.settled()
    const unsettled = this.#unsettled
    if (unsettled === null) return
    if (!this.#pending.empty) this.#environment.writer.request(this, Number.NEGATIVE_INFINITY)
    await unsettled.settled()
  }

  /** Lets go of the document, for another node: flushes, then detaches the sessions, which attach anew. */
  async handOver(): Promise<void> {
    await this.#flushForGood()
    this.stop(ownerMoved())
  }

  /**
   * Lets go of the document for good: flushes, runs `work` once nothing is under way to the store any more, and then detaches the sessions with what it answers.
   * They are told of nothing that has not happened. Rejects as `work` does: the sessions attach anew then, to whatever is left.
   */
  async endBy(work: () => Promise<WeftError>): Promise<void> {
    await this.#flushForGood()
    // What was read before the sockets paused and comes only now belongs to nothing: it may be tried again, wherever that leads.
    if (this.#state.kind === 'handing-over') this.#state = { kind: 'handing-over', refusal: ending() }
    let error = ownerMoved()
    try {
      error = await work()
    } finally {
      this.stop(error)
    }
  }

  /** Sockets stop reading, so this ends: only what had been read already still comes in. */
  async #flushForGood(): Promise<void> {
    if (this.#state.kind === 'stopped') return
    this.#state = { kind: 'handing-over', refusal: this.#refusal() }
    this.updatePause()
    // Or until the store refuses the shard: then nothing is left to wait for.
    while (this.#state.kind === 'handing-over' && (!this.#admissions.empty || this.#unsettled !== null)) await this.flush()
  }

  /** Ends the owner at once: nothing is acknowledged any more, the sessions are detached with `error`. Idempotent. */
  stop(error: WeftError): void {
    if (this.#state.kind === 'stopped') return
    this.#state = { kind: 'stopped', error }
    this.#environment.writer.forget(this)
    this.#quarantineRecord?.cancel()
    this.#admissions.clear()
    this.#pressure.set(0)
    this.#sessions.detachAll(error)
    this.#memory.release()
    this.#pending.settle()
    this.#inFlight?.pending.settle()
    this.#events.stopped(this)
  }

  /** Starts a compaction if the idle document is worth one; true if one runs. */
  compactWhenIdle(): boolean {
    return this.#compaction.startIfWorthwhileWhenIdle()
  }

  // LogSource

  get nextBytes(): number {
    return this.#pending.nextBytes
  }

  take(): AppendEntry | null {
    if (this.#state.kind === 'stopped') return null
    const pending = this.#pending.take()
    if (pending === null) return null
    let update: Uint8Array
    try {
      update = pending.merged()
    } catch (thrown) {
      // Every update was inspected, so this is a bug; none of them was acknowledged, and a fresh owner starts from what is durable.
      this.#environment.logger.error({ documentId: this.documentId, error: thrown }, 'Pending updates do not merge')
      this.stop(new WeftError('internal', 'The document had to be closed; it has been logged why.', { cause: thrown }))
      pending.settle()
      return null
    }
    this.#lastBeatAt = this.#environment.clock.monotonic()
    const entry = {
      documentId: this.documentId,
      fence: this.fence,
      seq: this.#head + 1,
      incarnation: this.#storedIncarnation,
      update,
      ...pending.authors,
    }
    this.#inFlight = { pending, entry }
    this.#measurePressure()
    // The seq is that of the last durable commit: a session that resumes by it gets this update again, and never misses it.
    if (this.#environment.broadcast === 'before-commit') this.#show(this.#head, update, pending.since)
    return entry
  }

  committed(): void {
    const inFlight = this.#inFlight
    if (inFlight === null || this.#state.kind === 'stopped') return
    const { pending, entry } = inFlight
    this.#inFlight = null
    this.#head = entry.seq
    addCounts(this.#waitingCounts, pending.counts, -1)
    // A quarantined image ends before the poison; what was committed behind it is in the log.
    if (this.#refusal() === null) this.#image.append(entry.seq, entry.update)
    this.#measurePressure()
    if (this.#environment.broadcast === 'after-commit') this.#show(entry.seq, entry.update, pending.since)
    for (const [session, through] of pending.submitters) this.#sessions.acknowledge(session, through, entry.seq)
    this.#environment.counters.observe('acknowledgement_seconds', (this.#environment.clock.monotonic() - pending.since) / 1000)
    this.#events.committed(this, entry.users ?? [])
    pending.settle()
    this.#measureMemory()
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

  /** Shows a beat to everybody, and notes how long it took since its first edit came: once a beat, however many it goes to. */
  #show(seq: number, update: Uint8Array, since: number): void {
    const { counters, clock } = this.#environment
    this.#sessions.broadcast({ seq, update, frames: new Map() })
    counters.observe('delivery_seconds', (clock.monotonic() - since) / 1000)
  }

  /** Client ids of which nothing is known yet, and which the submitter is taken to have used: not those of a whole document that somebody brings in. */
  #firstUsesIn({ blocks }: InspectedUpdate): readonly number[] {
    const clients = blocks.map(({ client }) => client).filter((client) => !this.#known.hasClient(client))
    return clients.length > this.#environment.limits.firstUsesPerUpdateMax ? [] : clients
  }

  /** What the image holds: all that is known without what waits for its commit. */
  #durableCounts(): StructCounts {
    const counts = { ...this.#known.counts }
    addCounts(counts, this.#waitingCounts, -1)
    return counts
  }

  get #unsettled(): Pending | null {
    return this.#pending.last ?? this.#inFlight?.pending ?? null
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

  *#admitting(bytes: Uint8Array): Sliced<Admission> {
    const refusal = this.#refusal()
    if (refusal !== null) return { kind: 'refused', error: refusal }
    const documentBytes = this.#image.bytes + this.#pending.bytes + (this.#inFlight?.entry.update.length ?? 0)
    const admission = yield* admitting(bytes, this.#known, this.#environment.limits, documentBytes, this.#pressure)
    // It may have been quarantined meanwhile.
    if (admission.kind !== 'new') return admission
    const { added } = admission
    const since = (yield* this.#waiting.admitting(added)) ?? (yield* this.#nesting.admitting(added)) ?? this.#refusal()
    return since === null ? admission : { kind: 'refused', error: since }
  }

  /** All that is known, in the order of the log. */
  #everything(): readonly Uint8Array[] {
    const { base, tail } = this.#image.snapshotInput()
    const inFlight = this.#inFlight === null ? [] : [this.#inFlight.entry.update]
    return [...(base === null ? [] : [base]), ...tail, ...inFlight, ...this.#pending.updates]
  }

  #sessionGone(): void {
    this.#measureMemory()
    this.#checkIdle()
  }

  #measureMemory(): void {
    if (this.#state.kind !== 'stopped') this.#memory.measure(this.#sessions.size)
  }

  #measurePressure(): void {
    this.#pressure.set(this.#admissions.bytes + this.#pending.heldBytes + (this.#inFlight?.pending.heldBytes ?? 0))
  }

  /** S3: acknowledged as soon as what it repeats is durable. */
  #acknowledgeRepeat(session: SessionSlot, submission: number): void {
    const unsettled = this.#unsettled
    if (unsettled === null) this.#repeats.add(session, submission)
    else unsettled.submitters.set(session, submission)
  }

  #requestCommit(): void {
    // While a commit runs the next one collects.
    if (this.#inFlight !== null) return
    const { clock, writer, tuning } = this.#environment
    const now = clock.monotonic()
    // The pace is for those who listen; a backlog must not grow by it.
    writer.request(this, this.#pending.backlog ? now : Math.max(now, this.#lastBeatAt + documentPeriodMs(this.#sessions.size, tuning)))
  }

  #poisonedTail(index: number, reason: string): void {
    // Of a base that cannot be applied nothing is cut off, and nothing is added to it.
    const rowsKept = Math.max(0, index)
    const seq = this.#image.baseSeq + rowsKept + 1
    this.#image.truncateTail(rowsKept)
    this.#quarantine(seq, reason)
    const { documentId, fence } = this
    const incarnation = this.#storedIncarnation
    this.#quarantineRecord = new QuarantineRecord({
      ...this.#environment,
      write: { documentId, fence, incarnation, seq, reason },
      saved: () => {
        this.#quarantineRecord = null
        this.#checkIdle()
      },
      fenced: () => this.#events.fenced(fence.shard),
    })
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
    if (this.idle) this.#events.idle(this)
  }
}

function ending(): WeftError {
  return new WeftError('overloaded', 'This document is being deleted; try again in a moment.')
}

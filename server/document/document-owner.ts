// The owner of one open document: sessions attach to it, what they submit comes in (`intake.ts`), is committed, and only then acknowledged and shown
// (`document-log.ts`). Here is what these share, and how the owner ends.
//
// Invariants: the image holds only what is durable. `#known` holds that, what is in the commit, and what is pending. A session is told of nothing
// before the commit (D1, D2), unless the option to broadcast first is on; acknowledgements wait for the commit in any case.
import { WeftError } from '../../core/errors.js'
import { randomId } from '../../core/random.js'
import type { AppendEntry, Fence } from '../../persistence/store.js'
import { isUnfinished } from '../../persistence/unfinished.js'
import type { StructCounts } from '../../protocol/updates/decoding-cost.js'
import { inspectUpdate, storedBounds } from '../../protocol/updates/inspect.js'
import type { KnownState } from '../../protocol/updates/known-state.js'
import { ClientIdGuard } from './client-id-guard.js'
import { CompactionCycle } from './compaction-cycle.js'
import { DocumentLog } from './document-log.js'
import { Intake } from './intake.js'
import type { OpenedDocument } from './open-document.js'
import type { OwnerEnvironment } from './owner-environment.js'
import type { OwnerHost } from './owner-host.js'
import { OwnerLife } from './owner-life.js'
import type { Attachment, AttachRequest, Known, PieceWish } from './port.js'
import type { DocumentQuota } from './quotas.js'
import { Uncommitted } from './uncommitted.js'
import { type AttachmentOwner, SessionAttachment } from './view/attachment.js'
import { DocumentPressure } from './view/back-pressure.js'
import { type CatchUpSource, CatchUps } from './view/catch-up.js'
import { DocumentMemory } from './view/document-memory.js'
import type { Image } from './view/image.js'
import { ownerMoved, type SessionSlot, SessionSlots } from './view/session-slots.js'
import { whyNotYet } from './view/unfinished-document.js'

const nobody: readonly string[] = []

/** Of what tells an owner from the one before it. */
const OWNER_BYTES = 8

/** What an owner tells its directory. */
export interface OwnerEvents {
  /** Something was committed, by these users: so many bytes. */
  committed(owner: DocumentOwner, users: readonly string[], bytes: number): void
  /** The document has nobody and nothing to do. Said again each time that it becomes so. */
  idle(owner: DocumentOwner): void
  /** The owner is over, for any reason. */
  stopped(owner: DocumentOwner): void
  /** The store refused its shard. */
  fenced(shard: number): void
}

export class DocumentOwner implements AttachmentOwner, OwnerHost, CatchUpSource {
  readonly documentId: string
  readonly fence: Fence
  readonly storedIncarnation: string
  /**
   * As sessions are told. Where edits are shown first, each owner goes by another: whoever comes back after its predecessor was lost has no seq to resume
   * from, and sends what it was shown and nobody committed (S1), deletions too, of which no state vector tells.
   */
  readonly incarnation: string
  readonly environment: OwnerEnvironment
  readonly image: Image
  readonly known: KnownState
  readonly uncommitted: Uncommitted
  readonly sessions: SessionSlots
  readonly pressure: DocumentPressure
  readonly life: OwnerLife
  readonly quota: DocumentQuota | null
  readonly #events: OwnerEvents
  readonly #compaction: CompactionCycle
  readonly #catchUps: CatchUps
  readonly #memory: DocumentMemory
  readonly #intake: Intake
  readonly #log: DocumentLog

  constructor(
    documentId: string,
    fence: Fence,
    opened: OpenedDocument,
    environment: OwnerEnvironment,
    events: OwnerEvents,
    quota: DocumentQuota | null = null,
  ) {
    const { incarnation, image, known, waiting, head, poison } = opened
    this.documentId = documentId
    this.fence = fence
    this.storedIncarnation = incarnation
    this.incarnation =
      environment.broadcast === 'before-commit' ? `${incarnation}.${randomId(environment.random, OWNER_BYTES)}` : incarnation
    this.environment = environment
    this.image = image
    this.known = known
    this.uncommitted = new Uncommitted(environment.clock, known)
    this.sessions = new SessionSlots(documentId, environment.logger, () => this.#somethingEnded())
    this.pressure = new DocumentPressure(environment.limits.pendingBytesPerDocumentMax, environment.pressure)
    this.quota = quota
    this.#events = events
    this.life = new OwnerLife(this)
    this.#log = new DocumentLog(this, head)
    this.#intake = new Intake(this, waiting, clientIdGuardOf(documentId, known, environment))
    this.#memory = new DocumentMemory(environment.budget, image, () => this.known.approximateBytes + this.#intake.rememberedBytes)
    this.#catchUps = new CatchUps(this)
    this.#compaction = new CompactionCycle(this)
    if (poison !== null) this.life.quarantine(poison.seq, poison.reason)
  }

  get sessionCount(): number {
    return this.sessions.size
  }

  /** Nothing was ever written to it. */
  get blank(): boolean {
    return this.#log.head === 0
  }

  /** It is being made: nobody hears of it. */
  get unfinished(): boolean {
    return isUnfinished(this.incarnation)
  }

  get durableSeq(): number {
    return this.#log.head
  }

  /** Nobody and nothing to do: may be evicted. */
  get idle(): boolean {
    const nothingToDo = this.#intake.empty && this.uncommitted.last === null && !this.#compaction.running
    return nothingToDo && this.sessions.size === 0 && this.life.mayBeEvicted
  }

  /** Throws `owner-moved`, `too-many-sessions`, `document-unfinished`, or why the owner stopped. */
  attach(request: AttachRequest): Attachment {
    const closed = this.life.closedTo
    if (closed !== null) throw closed
    const notYet = whyNotYet(this.incarnation, request.unfinished)
    if (notYet !== null) throw notYet
    const { sessionsPerDocumentMax } = this.environment.limits
    if (this.sessions.size >= sessionsPerDocumentMax)
      throw new WeftError('too-many-sessions', `This document already has ${sessionsPerDocumentMax} sessions; try again later.`)
    // A long tail may have been read from the store.
    this.#compaction.startIfLarge()
    const attachment = new SessionAttachment(this, this.sessions.add(request))
    this.#measureMemory()
    return attachment
  }

  /**
   * Of what is durable: whoever is told that something is known does not send it again, also not to the next owner, if this one is lost (D1). Where edits
   * are shown first there is no next owner, and a reader must not be asked for what it was shown.
   */
  stateVector(): Uint8Array {
    return this.environment.broadcast === 'before-commit' ? this.known.stateVector() : this.uncommitted.durableStateVector
  }

  submit(session: SessionSlot, submission: number, bytes: Uint8Array, user: string | null): void {
    if (session.state.kind !== 'detached') this.#intake.submit(session, submission, bytes, user)
  }

  sync(session: SessionSlot, known: Known, pieces: PieceWish | null): void {
    if (session.state.kind !== 'detached') this.#catchUps.sync(session, known, pieces)
  }

  suspend(session: SessionSlot): void {
    if (session.state.kind !== 'detached') session.state = { kind: 'suspended' }
  }

  detach(session: SessionSlot): void {
    this.sessions.remove(session)
  }

  /** Pauses or resumes the writers, as the pending bytes demand. */
  updatePause(): void {
    this.sessions.setPaused(this.pressure.full || this.life.handingOver)
  }

  /** Resolves when what was submitted so far is settled: durable and acknowledged, or the owner has stopped. */
  async flush(): Promise<void> {
    if (!this.#intake.empty) await this.#intake.settled()
    await this.#log.flush()
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
    this.life.refuse(new WeftError('overloaded', 'This document is being deleted; try again in a moment.'))
    let error = ownerMoved()
    try {
      error = await work()
    } finally {
      this.stop(error)
    }
  }

  /** Sockets stop reading, so this ends: only what had been read already still comes in. */
  async #flushForGood(): Promise<void> {
    if (this.life.stopped) return
    this.life.handOver()
    this.updatePause()
    // Or until the store refuses the shard: then nothing is left to wait for.
    while (this.life.handingOver && (!this.#intake.empty || this.uncommitted.last !== null)) await this.flush()
  }

  /** Ends the owner at once: nothing is acknowledged any more, the sessions are detached with `error`. Idempotent. */
  stop(error: WeftError): void {
    if (!this.life.stop(error)) return
    this.#log.stop()
    this.#intake.clear()
    this.pressure.set(0)
    this.sessions.detachAll(error)
    this.#memory.release()
    this.quota?.end()
    this.uncommitted.settle()
    this.#events.stopped(this)
  }

  /** Starts a compaction if the idle document is worth one; true if one runs. */
  compactWhenIdle(): boolean {
    return this.#compaction.startIfWorthwhileWhenIdle()
  }

  // What its parts say.

  added(): void {
    this.measureWaiting()
    this.#log.requestCommit()
  }

  /** And pauses or resumes the writers by it. */
  measureWaiting(): void {
    this.measurePressure()
    this.updatePause()
  }

  tooLarge(): void {
    this.#compaction.start()
  }

  intakeEmptied(): void {
    this.measureWaiting()
    this.#checkIdle()
  }

  measurePressure(): void {
    this.pressure.set(this.#intake.bytes + this.uncommitted.heldBytes)
  }

  committed({ update, users = nobody }: AppendEntry): void {
    this.quota?.logged(update.length)
    this.#events.committed(this, users, update.length)
  }

  settled(): void {
    this.#measureMemory()
    this.updatePause()
    this.#compaction.startIfLarge()
    this.#checkIdle()
  }

  shardFenced(): void {
    this.#events.fenced(this.fence.shard)
  }

  quarantineRecorded(): void {
    this.#checkIdle()
  }

  compacted(gained: Uint8Array | null, before: StructCounts, after: StructCounts): void {
    this.known.recount(before, after)
    if (gained !== null) this.known.add(inspectUpdate(gained, storedBounds))
  }

  poisoned(index: number, reason: string): void {
    // Of a base that cannot be applied nothing is cut off, and nothing is added to it.
    const rowsKept = Math.max(0, index)
    const seq = this.image.baseSeq + rowsKept + 1
    this.image.truncateTail(rowsKept)
    this.life.recordQuarantine(seq, reason)
  }

  compactionEnded(): void {
    this.#somethingEnded()
  }

  /** After a quarantine, seqs beyond the poison are in the log but not in the image. */
  get resumableIncarnation(): string | null {
    return this.life.refusal === null ? this.incarnation : null
  }

  get resumableSeq(): number {
    return this.image.head
  }

  /** What went out before its commit went to the live sessions only. */
  get beyondImage(): Uint8Array | null {
    return this.environment.broadcast === 'before-commit' ? (this.uncommitted.inFlight?.update ?? null) : null
  }

  /** A session, or a compaction. */
  #somethingEnded(): void {
    this.#measureMemory()
    this.#checkIdle()
  }

  #measureMemory(): void {
    if (!this.life.stopped) this.#memory.measure(this.sessions.size)
  }

  #checkIdle(): void {
    if (this.idle) this.#events.idle(this)
  }
}

function clientIdGuardOf(documentId: string, known: KnownState, { bindClientIds, store }: OwnerEnvironment): ClientIdGuard | null {
  return bindClientIds === true ? new ClientIdGuard({ documentId, store, known }) : null
}

// A document directory over a memory store that fails on demand, on a clock that a test moves; and sessions that keep a Y.Doc in step with it.
import * as Y from 'yjs'
import { Counters } from '../../core/counters.js'
import { SHARD_COUNT, shardOf } from '../../core/document-id.js'
import type { WeftError } from '../../core/errors.js'
import { defaultLimits, type Limits } from '../../core/limits.js'
import { silentLogger } from '../../core/log.js'
import { MemoryBudget } from '../../core/memory-budget.js'
import { seededRandom } from '../../core/random.js'
import { MemoryDisk, MemoryStore } from '../../persistence/memory/memory-store.js'
import type { Fence } from '../../persistence/store.js'
import { type Compactor, InProcessCompactor } from '../../server/document/compaction.js'
import { LocalDirectory } from '../../server/document/local-directory.js'
import type { BroadcastOrder } from '../../server/document/owner-environment.js'
import type { Attachment, CatchUp, DocumentBroadcast, DocumentDirectory, Known, SessionSink } from '../../server/document/port.js'
import { type DocumentTuning, defaultTuning } from '../../server/document/tuning.js'
import type { Busyness } from '../../server/document/view/pace.js'
import { FaultyStore } from './faulty-store.js'
import { ManualClock } from './manual-clock.js'

export interface OwnerBenchOptions {
  readonly clock?: ManualClock
  readonly disk?: MemoryDisk
  readonly limits?: Partial<Limits>
  readonly tuning?: Partial<DocumentTuning>
  readonly busyness?: Busyness
  readonly broadcast?: BroadcastOrder
  readonly compactor?: Compactor
  readonly keepDeleted?: (documentId: string) => boolean
  readonly bindClientIds?: boolean
}

export class OwnerBench {
  readonly clock: ManualClock
  readonly disk: MemoryDisk
  readonly store: FaultyStore
  readonly counters = new Counters()
  readonly budget: MemoryBudget
  /** What was logged as a warning. */
  readonly warnings: string[] = []
  readonly fencedShards: number[] = []
  readonly fatal: WeftError[] = []
  readonly directory: LocalDirectory
  readonly boot: string
  readonly #grants = new Map<number, number>()

  private constructor(options: OwnerBenchOptions, boot: string) {
    this.clock = options.clock ?? new ManualClock()
    this.disk = options.disk ?? new MemoryDisk()
    this.store = new FaultyStore(new MemoryStore({ clock: this.clock, disk: this.disk }))
    this.boot = boot
    const limits = { ...defaultLimits, ...options.limits }
    this.budget = new MemoryBudget(limits.memoryBytesMax)
    this.directory = new LocalDirectory({
      store: this.store,
      fenceOf: (documentId) => this.fenceOf(documentId),
      clock: this.clock,
      random: seededRandom(1),
      logger: { ...silentLogger, warn: (_fields, message) => void this.warnings.push(message) },
      counters: this.counters,
      limits,
      budget: this.budget,
      compactor: options.compactor ?? new InProcessCompactor(),
      broadcast: options.broadcast ?? 'after-commit',
      onFenced: (shards) => {
        for (const shard of shards) {
          this.fencedShards.push(shard)
          this.#grants.delete(shard)
        }
      },
      onFatal: (error) => void this.fatal.push(error),
      tuning: { ...defaultTuning, ...options.tuning },
      busyness: options.busyness ?? (() => 1),
      keepDeleted: options.keepDeleted ?? (() => false),
      bindClientIds: options.bindClientIds ?? false,
    })
  }

  /** A bench that owns all shards, taken from whoever had them on the disk. */
  static async start(options: OwnerBenchOptions = {}): Promise<OwnerBench> {
    const bench = new OwnerBench(options, `boot-${options.disk?.owners.get(0)?.epoch ?? 0}`)
    await bench.claimAll()
    return bench
  }

  async claimAll(): Promise<void> {
    const seen = Array.from({ length: SHARD_COUNT }, (_, shard) => ({ shard, epoch: this.disk.owners.get(shard)?.epoch ?? 0 }))
    for (const grant of await this.store.claimShards({ nodeId: 'node', boot: this.boot }, seen)) this.#grants.set(grant.shard, grant.epoch)
  }

  /** `fenceOf` answers null for this document's shard from now on. */
  giveUp(documentId: string): number {
    const shard = shardOf(documentId)
    this.#grants.delete(shard)
    return shard
  }

  fenceOf(documentId: string): Fence | null {
    const shard = shardOf(documentId)
    const epoch = this.#grants.get(shard)
    return epoch === undefined ? null : { shard, epoch, boot: this.boot }
  }

  /** A session that is attached and up to date. */
  async join(documentId: string, doc = new Y.Doc()): Promise<TestSession> {
    const session = new TestSession(doc)
    await session.attach(this.directory, documentId)
    session.sync()
    await this.clock.settle()
    return session
  }

  /** The document as the log and snapshots have it. */
  async stored(documentId: string): Promise<Y.Doc> {
    const stored = await this.store.openDocument(documentId)
    const doc = new Y.Doc()
    if (stored.snapshot !== null) Y.applyUpdate(doc, stored.snapshot.state)
    for (const row of stored.tail) Y.applyUpdate(doc, row.update)
    return doc
  }

  head(documentId: string): number {
    return this.disk.documents.get(documentId)?.head ?? 0
  }
}

/** Applies what the document sends and submits what its own doc changes. Lists what it was told, in order. */
export class TestSession implements SessionSink {
  readonly doc: Y.Doc
  readonly events: string[] = []
  readonly catchUps: CatchUp[] = []
  readonly beats: DocumentBroadcast[] = []
  readonly refusals: { readonly submission: number; readonly error: WeftError }[] = []
  submissions = 0
  /** The highest `through` of an acknowledgement; -1 before the first. */
  acknowledgedThrough = -1
  seq = 0
  paused = false
  detachedBy: WeftError | null = null
  #attachment: Attachment | null = null

  constructor(doc = new Y.Doc()) {
    this.doc = doc
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== this && this.#attachment !== null) this.submit(update)
    })
  }

  get attachment(): Attachment {
    if (this.#attachment === null) throw new Error('The session is not attached')
    return this.#attachment
  }

  get isAttached(): boolean {
    return this.#attachment !== null
  }

  get text(): string {
    return this.doc.getText('text').toString()
  }

  /** Who it is when it submits. */
  user: string | null = null

  async attach(directory: DocumentDirectory, documentId: string): Promise<void> {
    this.detachedBy = null
    this.submissions = 0
    this.acknowledgedThrough = -1
    this.#attachment = await directory.attach(documentId, { sink: this })
  }

  sync(known: Known = { kind: 'nothing' }): void {
    this.attachment.sync(known)
  }

  /** As a client that reconnects: by state vector. */
  knownByVector(): Known {
    return { kind: 'state-vector', stateVector: Y.encodeStateVector(this.doc) }
  }

  knownBySeq(): Known {
    return { kind: 'seq', incarnation: this.attachment.incarnation, seq: this.seq, stateVector: Y.encodeStateVector(this.doc) }
  }

  submit(update: Uint8Array): number {
    this.submissions += 1
    this.attachment.submit(this.submissions, update, this.user)
    return this.submissions
  }

  type(text: string, at = 0): void {
    this.doc.getText('text').insert(at, text)
  }

  detach(): void {
    this.#attachment?.detach()
    this.#attachment = null
  }

  catchUp(state: CatchUp): void {
    this.events.push(`catch-up ${state.seq}`)
    this.catchUps.push(state)
    this.seq = state.seq
    for (const update of state.updates) Y.applyUpdate(this.doc, update, this)
  }

  beat(beat: DocumentBroadcast): void {
    this.events.push(`beat ${beat.seq}`)
    this.beats.push(beat)
    this.seq = Math.max(this.seq, beat.seq)
    Y.applyUpdate(this.doc, beat.update, this)
  }

  acknowledged(through: number, seq: number): void {
    this.events.push(`acknowledged ${through} at ${seq}`)
    this.acknowledgedThrough = Math.max(this.acknowledgedThrough, through)
  }

  refused(submission: number, error: WeftError): void {
    this.events.push(`refused ${submission} ${error.code}`)
    this.refusals.push({ submission, error })
  }

  pause(): void {
    this.events.push('pause')
    this.paused = true
  }

  resume(): void {
    this.events.push('resume')
    this.paused = false
  }

  detached(error: WeftError): void {
    this.events.push(`detached ${error.code}`)
    this.detachedBy = error
    this.#attachment = null
  }
}

/** One edit as an update of its own. */
export function editOf(text: string, clientId: number): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = clientId
  doc.getText('text').insert(0, text)
  return Y.encodeStateAsUpdate(doc)
}

// The log of one open document, as its owner writes it: what waits becomes an entry, and once that is durable it is acknowledged and shown.
import { WeftError } from '../../core/errors.js'
import type { AppendEntry, Fence } from '../../persistence/store.js'
import type { LogSource } from './due-sources.js'
import type { OwnerEnvironment } from './owner-environment.js'
import type { OwnerLife } from './owner-life.js'
import type { Pending } from './pending.js'
import type { Uncommitted } from './uncommitted.js'
import type { Image } from './view/image.js'
import { DocumentPace } from './view/pace.js'
import type { SessionSlots } from './view/session-slots.js'

export interface DocumentLogOptions {
  readonly documentId: string
  readonly fence: Fence
  /** As the store has it. */
  readonly incarnation: string
  /** The last seq of the log. */
  readonly head: number
  readonly environment: Pick<OwnerEnvironment, 'broadcast' | 'busyness' | 'clock' | 'counters' | 'logger' | 'traces' | 'tuning' | 'writer'>
  readonly life: OwnerLife
  readonly uncommitted: Uncommitted
  readonly sessions: SessionSlots
  readonly image: Image
  /** How much is held has changed. */
  readonly measured: () => void
  /** An entry is durable: it was shown, and its submitters were told. */
  readonly committed: (entry: AppendEntry) => void
  /** Nobody waits for that entry any more, and the next one is asked for. */
  readonly settled: () => void
  /** The store refused the shard. */
  readonly fenced: () => void
  /** The document cannot be written, and ends with this. */
  readonly failed: (error: WeftError) => void
}

export class DocumentLog implements LogSource {
  readonly #options: DocumentLogOptions
  #head: number
  readonly #pace = new DocumentPace()

  constructor(options: DocumentLogOptions) {
    this.#options = options
    this.#head = options.head
  }

  /** The seq through which everything is durable. */
  get head(): number {
    return this.#head
  }

  /** Has what waits committed, by the pace of the document. */
  requestCommit(): void {
    const { environment, uncommitted, sessions } = this.#options
    // While a commit runs the next one collects.
    if (uncommitted.inFlight !== null) return
    const { clock, writer, tuning } = environment
    const now = clock.monotonic()
    // The pace is for those who listen; a backlog must not grow by it.
    writer.request(this, uncommitted.backlog ? now : this.#pace.dueAt(now, sessions.size, tuning))
  }

  /** Has what waits committed at once. Resolves when all of it is durable and acknowledged, or the owner has stopped. */
  async flush(): Promise<void> {
    const { environment, uncommitted } = this.#options
    const { last } = uncommitted
    if (last === null) return
    if (!uncommitted.nothingWaits) environment.writer.request(this, Number.NEGATIVE_INFINITY)
    await last.settled()
  }

  /** Nothing is written any more. */
  stop(): void {
    this.#options.environment.writer.forget(this)
  }

  get nextBytes(): number {
    return this.#options.uncommitted.nextBytes
  }

  take(): AppendEntry | null {
    const { documentId, fence, incarnation, environment, life, uncommitted, sessions, measured, failed } = this.#options
    if (life.stopped) return null
    const pending = uncommitted.take()
    if (pending === null) return null
    let update: Uint8Array
    try {
      update = pending.merged()
    } catch (thrown) {
      // Every update was inspected, so this is a bug; none of them was acknowledged, and a fresh owner starts from what is durable.
      environment.logger.error({ documentId, error: thrown }, 'Pending updates do not merge')
      failed(new WeftError('internal', 'The document had to be closed; it has been logged why.', { cause: thrown }))
      pending.settle()
      return null
    }
    this.#pace.broadcast(environment.clock.monotonic(), sessions.size, environment.tuning, environment.busyness())
    const entry = { documentId, fence, seq: this.#head + 1, incarnation, update, ...pending.authors }
    uncommitted.commits(pending, entry)
    environment.traces?.commits(pending)
    measured()
    // The seq is that of the last durable commit: a session that resumes by it gets this update again, and never misses it.
    if (environment.broadcast === 'before-commit') this.#show(this.#head, update, pending)
    return entry
  }

  committed(): void {
    const { environment, life, uncommitted, sessions, image } = this.#options
    if (life.stopped) return
    const durable = uncommitted.committed()
    if (durable === null) return
    const { pending, entry } = durable
    this.#head = entry.seq
    // A quarantined image ends before the poison; what was committed behind it is in the log.
    if (life.refusal === null) image.append(entry.seq, entry.update)
    this.#options.measured()
    environment.traces?.durable(pending, entry.seq)
    if (environment.broadcast === 'after-commit') this.#show(entry.seq, entry.update, pending)
    for (const [session, through] of pending.submitters) sessions.acknowledge(session, through, entry.seq)
    environment.traces?.acknowledged(pending)
    environment.counters.observe('acknowledgement_seconds', (environment.clock.monotonic() - pending.since) / 1000)
    this.#options.committed(entry)
    pending.settle()
    if (!uncommitted.nothingWaits) this.requestCommit()
    this.#options.settled()
  }

  fenced(): void {
    this.#options.fenced()
  }

  failed(error: WeftError): void {
    const { documentId, environment, failed } = this.#options
    environment.logger.error({ documentId, error }, 'A document cannot be written and was closed')
    failed(error)
  }

  /** Shows a beat to everybody, and notes how long it took since its first edit came: once a beat, however many it goes to. */
  #show(seq: number, update: Uint8Array, pending: Pending): void {
    const { environment, sessions } = this.#options
    const trace = environment.traces?.contextOf(pending) ?? null
    sessions.broadcast(trace === null ? { seq, update, frames: new Map() } : { seq, update, frames: new Map(), trace })
    environment.traces?.shown(pending, sessions.size)
    environment.counters.observe('delivery_seconds', (environment.clock.monotonic() - pending.since) / 1000)
  }
}

// The log of one open document, as its owner writes it: what waits becomes an entry, and once that is durable it is acknowledged and shown.
import { WeftError } from '../../core/errors.js'
import type { AppendEntry } from '../../persistence/store.js'
import type { LogSource } from './due-sources.js'
import type { OwnerHost } from './owner-host.js'
import type { Pending } from './pending.js'
import { DocumentPace } from './view/pace.js'
import { ownerMoved } from './view/session-slots.js'

export class DocumentLog implements LogSource {
  readonly #host: OwnerHost
  #head: number
  readonly #pace = new DocumentPace()

  /** `head`: the last seq of the log. */
  constructor(host: OwnerHost, head: number) {
    this.#host = host
    this.#head = head
  }

  /** The seq through which everything is durable. */
  get head(): number {
    return this.#head
  }

  /** Has what waits committed, by the pace of the document. */
  requestCommit(): void {
    const { environment, uncommitted, sessions } = this.#host
    // While a commit runs the next one collects.
    if (uncommitted.inFlight !== null) return
    const { clock, writer, tuning } = environment
    const now = clock.monotonic()
    // The pace is for those who listen; a backlog must not grow by it.
    writer.request(this, uncommitted.backlog ? now : this.#pace.dueAt(now, sessions.size, tuning))
  }

  /** Has what waits committed at once. Resolves when all of it is durable and acknowledged, or the owner has stopped. */
  async flush(): Promise<void> {
    const { environment, uncommitted } = this.#host
    const { last } = uncommitted
    if (last === null) return
    if (!uncommitted.nothingWaits) environment.writer.request(this, Number.NEGATIVE_INFINITY)
    await last.settled()
  }

  /** Nothing is written any more. */
  stop(): void {
    this.#host.environment.writer.forget(this)
  }

  get nextBytes(): number {
    return this.#host.uncommitted.nextBytes
  }

  take(): AppendEntry | null {
    const { documentId, fence, storedIncarnation: incarnation, environment, life, uncommitted, sessions } = this.#host
    if (life.stopped) return null
    const pending = uncommitted.take()
    if (pending === null) return null
    let update: Uint8Array
    try {
      update = pending.merged()
    } catch (thrown) {
      // Every update was inspected, so this is a bug; none of them was acknowledged, and a fresh owner starts from what is durable.
      environment.logger.error({ documentId, error: thrown }, 'Pending updates do not merge')
      this.#host.stop(new WeftError('internal', 'The document had to be closed; it has been logged why.', { cause: thrown }))
      pending.settle()
      return null
    }
    this.#pace.broadcast(environment.clock.monotonic(), sessions.size, environment.tuning, environment.busyness())
    const entry = { documentId, fence, seq: this.#head + 1, incarnation, update, ...pending.authors }
    uncommitted.commits(pending, entry)
    environment.traces?.commits(pending)
    this.#host.measurePressure()
    // The seq is that of the last durable commit: a session that resumes by it gets this update again, and never misses it.
    if (environment.broadcast === 'before-commit') this.#show(this.#head, update, pending)
    return entry
  }

  committed(): void {
    const { environment, life, uncommitted, sessions, image } = this.#host
    if (life.stopped) return
    const durable = uncommitted.committed()
    if (durable === null) return
    const { pending, entry } = durable
    this.#head = entry.seq
    // A quarantined image ends before the poison; what was committed behind it is in the log.
    if (life.refusal === null) image.append(entry.seq, entry.update)
    this.#host.measurePressure()
    environment.traces?.durable(pending, entry.seq)
    if (environment.broadcast === 'after-commit') this.#show(entry.seq, entry.update, pending)
    for (const [session, through] of pending.submitters) sessions.acknowledge(session, through, entry.seq)
    environment.traces?.acknowledged(pending)
    environment.counters.observe('acknowledgement_seconds', (environment.clock.monotonic() - pending.since) / 1000)
    this.#host.committed(entry)
    pending.settle()
    if (!uncommitted.nothingWaits) this.requestCommit()
    this.#host.settled()
  }

  fenced(): void {
    this.#host.stop(ownerMoved())
  }

  failed(error: WeftError): void {
    const { documentId, environment } = this.#host
    environment.logger.error({ documentId, error }, 'A document cannot be written and was closed')
    this.#host.stop(error)
  }

  /** Shows a beat to everybody, and notes how long it took since its first edit came: once a beat, however many it goes to. */
  #show(seq: number, update: Uint8Array, pending: Pending): void {
    const { environment, sessions } = this.#host
    const trace = environment.traces?.contextOf(pending) ?? null
    sessions.broadcast(trace === null ? { seq, update, frames: new Map() } : { seq, update, frames: new Map(), trace })
    environment.traces?.shown(pending, sessions.size)
    environment.counters.observe('delivery_seconds', (environment.clock.monotonic() - pending.since) / 1000)
  }
}

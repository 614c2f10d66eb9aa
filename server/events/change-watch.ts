// Tells that documents have changed, once they are quiet: one call for many commits, one at a time for each document, again after a
// failure.
import type { Clock, Timer } from '../../core/clock.js'
import { settlesWithin } from '../../core/clock.js'
import type { Logger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import { Turnstile } from '../../core/turnstile.js'

/** Commits of a document that nobody was told of. */
export interface QuietChange {
  readonly documentId: string
  readonly fromSeq: number
  readonly throughSeq: number
  readonly users: readonly string[]
}

export interface ChangeWatchOptions {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly quietMs: number
  readonly waitMsMax: number
  /** Who is told, for the log. */
  readonly what: string
  /** Rejects when it has to be told again. */
  readonly tell: (change: QuietChange) => Promise<void>
}

interface Watched {
  fromSeq: number
  throughSeq: number
  readonly users: Set<string>
  /** When the first of these commits came; monotonic. */
  readonly since: number
  timer: Timer | null
}

/** Calls under way at the same time, for all documents. */
const AT_ONCE_MAX = 8
const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 300_000
/** More are counted as nobody known. */
const USERS_MAX = 1_000

export class ChangeWatch {
  readonly #options: ChangeWatchOptions
  readonly #waiting = new Map<string, Watched>()
  /** Documents of which a call is under way, and how often the last ones failed. */
  readonly #telling = new Map<string, Promise<void>>()
  readonly #failures = new Map<string, number>()
  readonly #turns: Turnstile
  #state: 'open' | 'closing' = 'open'

  constructor(options: ChangeWatchOptions) {
    this.#options = options
    this.#turns = new Turnstile(AT_ONCE_MAX, options.clock)
  }

  /** Documents that nobody was told of yet. */
  get waiting(): number {
    return this.#waiting.size
  }

  committed(documentId: string, seq: number, users: readonly string[]): void {
    const { clock, quietMs, waitMsMax } = this.#options
    const now = clock.monotonic()
    const watched = this.#waiting.get(documentId) ?? { fromSeq: seq, throughSeq: seq, users: new Set<string>(), since: now, timer: null }
    this.#waiting.set(documentId, watched)
    watched.throughSeq = Math.max(watched.throughSeq, seq)
    for (const user of users) if (watched.users.size < USERS_MAX) watched.users.add(user)
    // Whoever is being told, or waits for another try, is told of this too, later.
    if (this.#telling.has(documentId) || this.#failures.has(documentId)) return
    watched.timer?.cancel()
    const dueMs = Math.min(quietMs, Math.max(0, watched.since + waitMsMax - now))
    watched.timer = clock.after(dueMs, () => this.#due(documentId), { unref: true })
  }

  /** What failed may well succeed now: it is tried again soon, spread over a few seconds. */
  hurry(): void {
    const { clock, random, quietMs } = this.#options
    for (const documentId of this.#failures.keys()) {
      const watched = this.#waiting.get(documentId)
      if (watched === undefined || this.#telling.has(documentId)) continue
      watched.timer?.cancel()
      watched.timer = clock.after(random.fraction() * Math.max(quietMs, RETRY_MS_MIN), () => this.#due(documentId), { unref: true })
    }
  }

  /** Tells of everything that waits, at once, and resolves when that is done or `msMax` have passed. */
  async close(msMax: number): Promise<void> {
    if (this.#state === 'closing') return
    this.#state = 'closing'
    await settlesWithin(this.#options.clock, msMax, this.#tellAll())
    for (const watched of this.#waiting.values()) watched.timer?.cancel()
    if (this.#waiting.size > 0)
      this.#options.logger.error({ documents: this.#waiting.size }, `${this.#options.what} was not told of all changes before the end`)
  }

  async #tellAll(): Promise<void> {
    await Promise.all([...this.#telling.values()])
    for (const documentId of this.#waiting.keys()) this.#due(documentId)
    await Promise.all([...this.#telling.values()])
  }

  #due(documentId: string): void {
    const watched = this.#waiting.get(documentId)
    if (watched === undefined || this.#telling.has(documentId)) return
    watched.timer?.cancel()
    watched.timer = null
    this.#waiting.delete(documentId)
    const telling = this.#tell(documentId, watched).finally(() => {
      this.#telling.delete(documentId)
      this.#again(documentId)
    })
    this.#telling.set(documentId, telling)
  }

  async #tell(documentId: string, { fromSeq, throughSeq, users }: Watched): Promise<void> {
    const { tell, logger } = this.#options
    const leave = await this.#turns.enter()
    try {
      await tell({ documentId, fromSeq, throughSeq, users: [...users] })
      this.#failures.delete(documentId)
    } catch (thrown) {
      logger.error({ documentId, err: thrown }, `${this.#options.what} was not told of a change; it is told again`)
      this.#failures.set(documentId, (this.#failures.get(documentId) ?? 0) + 1)
      this.#backInto(documentId, fromSeq, throughSeq, users)
    } finally {
      leave()
    }
  }

  /** What was not told joins what came meanwhile. */
  #backInto(documentId: string, fromSeq: number, throughSeq: number, users: ReadonlySet<string>): void {
    const since = this.#options.clock.monotonic()
    const watched = this.#waiting.get(documentId) ?? { fromSeq, throughSeq, users: new Set<string>(), since, timer: null }
    this.#waiting.set(documentId, watched)
    watched.fromSeq = Math.min(watched.fromSeq, fromSeq)
    watched.throughSeq = Math.max(watched.throughSeq, throughSeq)
    for (const user of users) watched.users.add(user)
  }

  /** What came while somebody was told, or was not told for good. */
  #again(documentId: string): void {
    const { clock, random, quietMs } = this.#options
    const watched = this.#waiting.get(documentId)
    if (watched === undefined || this.#state === 'closing') return
    const failures = this.#failures.get(documentId) ?? 0
    const retryMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(failures, 20)) * (0.5 + random.fraction() / 2)
    watched.timer = clock.after(failures === 0 ? quietMs : retryMs, () => this.#due(documentId), { unref: true })
  }
}

// Tells one address of the changes of the documents that this node owns: once they are quiet, in order for each document, at least once (E1). What it was told is a cursor
// in the store, and what it was not is read from the log: nothing is queued, so an address that is away for days costs nothing (E2), and a crash loses nothing.
import type { Clock, Timer } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import type { Logger } from '../../core/log.js'
import type { Random } from '../../core/random.js'
import type { ChangeCursors } from '../../persistence/change-cursors.js'
import type { KeyedRecords } from '../../persistence/keyed-records.js'
import type { DocumentStore } from '../../persistence/store.js'
import { ChangeWatch, type QuietChange } from '../events/change-watch.js'
import type { ChangeEvent, Webhook } from './webhook.js'

export interface WebhookFeedOptions {
  readonly webhook: Webhook
  readonly cursors: ChangeCursors
  readonly records: KeyedRecords
  readonly store: Pick<DocumentStore, 'readAuthors' | 'readFirstUses'>
  /** Users who are on the document now. */
  readonly present: (documentId: string) => Promise<ReadonlySet<string>>
  /** Whether this node owns the document: whoever does tells of it. */
  readonly owns: (documentId: string) => boolean
  /** How many shards this node ever claimed: when there are more, there may be documents that nobody told of. */
  readonly shardsClaimed: () => number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly counters: Counters
  readonly quietMs: number
  readonly waitMsMax: number
}

/** How often it is looked whether shards came. */
const LOOK_MS = 5_000
/** Documents in memory that wait to be told. Of others it is enough that the store knows. */
const WAITING_MAX = 10_000
/** After a failure nothing is sent for a while, whatever changes meanwhile. */
const PAUSE_MS_MIN = 1_000
const PAUSE_MS_MAX = 60_000
const AUTHORS_PAGE = 1_000
/** Users that one message names as away. */
const AWAY_MAX = 1_000
const CLOSE_MS_MAX = 5_000

export class WebhookFeed {
  readonly #options: WebhookFeedOptions
  readonly #watch: ChangeWatch
  #since = 0
  #timer: Timer | null = null
  /** Claimed shards at the last look through the store; null: it is to be looked through. */
  #lookedWith: number | null = null
  #state: 'open' | 'closed' = 'open'
  #failures = 0
  #pausedUntil = Number.NEGATIVE_INFINITY

  constructor(options: WebhookFeedOptions) {
    this.#options = options
    const { clock, random, logger, quietMs, waitMsMax } = options
    this.#watch = new ChangeWatch({ clock, random, logger, quietMs, waitMsMax, what: 'a webhook', tell: (change) => this.#tell(change) })
  }

  /** Documents that wait to be told. */
  get waiting(): number {
    return this.#watch.waiting
  }

  /** Rejects with what the store says. */
  async start(): Promise<void> {
    const { records, webhook } = this.#options
    const { subscriber, name } = webhook
    // Whoever begins to listen is told of what changes from now on.
    await records.insert({ kind: 'subscriber', id: subscriber, value: JSON.stringify({ name }), lifetimeMs: null })
    const record = (await records.list('subscriber')).find(({ id }) => id === subscriber)
    this.#since = record?.createdAt ?? 0
    await this.#look()
  }

  committed(documentId: string, seq: number): void {
    if (this.#state === 'closed') return
    if (this.#watch.waiting >= WAITING_MAX) this.#lookedWith = null
    else this.#watch.committed(documentId, seq, [])
  }

  /** Tells of what waits, as far as that goes in a few seconds. The rest is told at the next start. */
  async close(): Promise<void> {
    this.#state = 'closed'
    this.#timer?.cancel()
    await this.#watch.close(CLOSE_MS_MAX)
  }

  async #look(): Promise<void> {
    const { clock, logger, shardsClaimed } = this.#options
    const shards = shardsClaimed()
    try {
      if (shards !== this.#lookedWith && this.#watch.waiting < WAITING_MAX / 2) {
        this.#lookedWith = shards
        await this.#lookThrough()
      }
    } catch (thrown) {
      this.#lookedWith = null
      logger.warn({ err: thrown }, 'what a webhook was not told could not be read; it is tried again')
    }
    if (this.#state === 'open') this.#timer = clock.after(LOOK_MS, () => void this.#look(), { unref: true })
  }

  /** Everything in the store that was not told, as far as it is this node's. */
  async #lookThrough(): Promise<void> {
    const { cursors, webhook, owns } = this.#options
    for (let after: string | null = ''; after !== null && this.#state === 'open'; ) {
      const query = { since: this.#since, ...(after === '' ? {} : { after }) }
      const page: Awaited<ReturnType<ChangeCursors['behind']>> = await cursors.behind(webhook.subscriber, query)
      for (const { documentId, head } of page.items) if (owns(documentId)) this.#watch.committed(documentId, head, [])
      if (this.#watch.waiting >= WAITING_MAX) {
        this.#lookedWith = null
        return
      }
      after = page.next
    }
  }

  async #tell({ documentId }: QuietChange): Promise<void> {
    const { webhook, cursors, owns, clock, random, counters } = this.#options
    // Another node has it now, and tells of it.
    if (!owns(documentId)) return
    if (clock.monotonic() < this.#pausedUntil)
      throw new Error(`${webhook.name} did not take what it was told; it is left alone for a while`)
    const told = await this.#toldOf(documentId)
    if (told === null) return
    const rows = await this.#rowsAfter(documentId, told)
    if (rows === null) return
    try {
      const event = { documentId, created: told === 0, fromSeq: told + 1, ...rows }
      if (webhook.events.has('document.changed')) await webhook.tell(event)
      if (webhook.events.has('document.missed')) await this.#tellMissed(event)
    } catch (thrown) {
      counters.add('webhooks_failed')
      this.#failures += 1
      const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(this.#failures - 1, 10))
      this.#pausedUntil = clock.monotonic() + pauseMs * (0.5 + random.fraction() / 2)
      throw thrown
    }
    const wasAway = this.#failures > 0
    this.#failures = 0
    counters.add('webhooks_delivered')
    if (wasAway) this.#watch.hurry()
    await cursors.advance(webhook.subscriber, documentId, rows.throughSeq)
  }

  /** Who has written in the document before, did not write this, and is not there now. */
  async #tellMissed(event: ChangeEvent): Promise<void> {
    const { webhook, store, present } = this.#options
    const away = new Set<string>()
    for (let after: number | null = -1; after !== null && away.size < AWAY_MAX; ) {
      const page: Awaited<ReturnType<DocumentStore['readFirstUses']>> = await store.readFirstUses(event.documentId, {
        limit: AUTHORS_PAGE,
        ...(after < 0 ? {} : { after }),
      })
      for (const { user } of page.items) away.add(user)
      after = page.next
    }
    for (const user of [...event.users, ...(await present(event.documentId))]) away.delete(user)
    if (away.size > 0) await webhook.tell({ ...event, away: [...away].slice(0, AWAY_MAX) }, 'document.missed')
  }

  /** Through which seq; null if there is nothing more to tell, or no such document. */
  async #toldOf(documentId: string): Promise<number | null> {
    const { cursors, webhook } = this.#options
    return cursors.toldOf(webhook.subscriber, documentId)
  }

  async #rowsAfter(
    documentId: string,
    seq: number,
  ): Promise<{ readonly throughSeq: number; readonly users: readonly string[]; readonly at: number } | null> {
    const users = new Set<string>()
    let throughSeq = seq
    let at = 0
    for (let after = seq; ; ) {
      const page = await this.#options.store.readAuthors(documentId, { afterSeq: after, limit: AUTHORS_PAGE })
      for (const row of page.items) {
        throughSeq = row.seq
        at = row.committedAt
        for (const user of row.users) users.add(user)
      }
      if (page.next === null) return throughSeq === seq ? null : { throughSeq, users: [...users], at }
      after = page.next
    }
  }
}

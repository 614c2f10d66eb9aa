// Whether quotas let somebody write to a document: how many documents there are, how large one becomes, and how much was logged of it today. Reading goes on, and
// what only deletes is always taken. Documents are counted in the store; what is logged in a day is kept by the document's owner, who is the only one to write to it.
import type { Clock, Timer } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { KeyedRecords } from '../../persistence/keyed-records.js'
import type { DocumentStore } from '../../persistence/store.js'
import type { QuotaRule } from './quota-rule.js'

export interface QuotasOptions {
  readonly rules: readonly QuotaRule[]
  readonly store: Pick<DocumentStore, 'listDocuments'>
  /** Where the day's log is remembered; null: for as long as the document is open only. */
  readonly records: KeyedRecords | null
  readonly clock: Clock
  readonly logger: Logger
}

const DAY_MS = 86_400_000
/** How long a count of documents is believed, while others may begin some on other nodes. */
const COUNTED_MS = 30_000
/** How soon those are counted again that were too many. */
const FULL_MS = 1_000
const PAGE = 1_000
/** What was logged is remembered this long after the first of it. A crash forgets as much. */
const REMEMBER_MS = 5_000

/** What an edit would make of its document. */
export interface QuotaQuestion {
  /** Whether nothing was ever written to it. */
  readonly begins: boolean
  /** Its bytes, with the edit and once its deletes are applied. */
  readonly documentBytes: number
  readonly addedBytes: number
}

interface Group {
  count: number
  countedAt: number
  counting: Promise<void> | null
}

export class Quotas {
  readonly #options: QuotasOptions
  readonly #groups = new Map<string, Group>()
  readonly #unremembered = new Set<DocumentQuota>()

  constructor(options: QuotasOptions) {
    this.#options = options
  }

  /** Of a document that is being opened; null if none bounds it. `blank`: nothing was ever written to it. Rejects as the store does. */
  async of(documentId: string, blank: boolean): Promise<DocumentQuota | null> {
    const { rules, records, clock, logger } = this.#options
    const matching = rules.filter((rule) => rule.matches(documentId))
    if (matching.length === 0) return null
    const counted = blank ? matching.filter(({ documents }) => documents !== null) : []
    await Promise.all(counted.map((rule) => this.#count(rule, documentId)))
    const keeps = matching.some(({ logBytesPerDay }) => logBytesPerDay !== null)
    const found = keeps ? ((await records?.find('usage', documentId)) ?? null) : null
    const quota = new DocumentQuota({
      documentId,
      rules: matching,
      groupOf: (rule) => this.#group(rule, documentId),
      recount: (rule) =>
        void this.#count(rule, documentId).catch((err) => logger.warn({ err }, 'the documents of a quota could not be counted')),
      usage: usageIn(found?.value ?? null),
      records: keeps ? records : null,
      clock,
      logger,
      unremembered: (one) => void this.#unremembered.add(one),
      remembered: (one) => void this.#unremembered.delete(one),
    })
    return quota
  }

  /** Remembers what was logged so far. Never rejects. */
  async close(): Promise<void> {
    await Promise.all([...this.#unremembered].map((quota) => quota.remember()))
  }

  #keyOf(rule: QuotaRule, documentId: string): string {
    return `${rule.pattern}\n${rule.groupOf(documentId).prefix}`
  }

  #group(rule: QuotaRule, documentId: string): Group {
    const key = this.#keyOf(rule, documentId)
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = { count: 0, countedAt: Number.NEGATIVE_INFINITY, counting: null }
      // Those of long ago are counted anew.
      if (this.#groups.size >= 10_000) this.#groups.clear()
      this.#groups.set(key, group)
    }
    return group
  }

  async #count(rule: QuotaRule, documentId: string): Promise<void> {
    const group = this.#group(rule, documentId)
    const max = rule.documents ?? Number.POSITIVE_INFINITY
    const age = this.#options.clock.monotonic() - group.countedAt
    if (age < (group.count >= max ? FULL_MS : COUNTED_MS)) return
    group.counting ??= this.#counted(rule, documentId, max).then(
      (count) => {
        group.counting = null
        group.count = count
        group.countedAt = this.#options.clock.monotonic()
      },
      (thrown) => {
        group.counting = null
        throw thrown
      },
    )
    await group.counting
  }

  /** As many as there are, or `max`. */
  async #counted(rule: QuotaRule, documentId: string, max: number): Promise<number> {
    const { prefix, of } = rule.groupOf(documentId)
    let count = 0
    let after: string | null = null
    do {
      const page: Awaited<ReturnType<DocumentStore['listDocuments']>> = await this.#options.store.listDocuments({
        prefix,
        // What is being made counts from the start.
        which: 'all',
        limit: PAGE,
        ...(after === null ? {} : { after }),
      })
      for (const info of page.items) if (of(info.documentId)) count += 1
      after = page.next
    } while (after !== null && count < max)
    return count
  }
}

interface Usage {
  /** Days since the Unix epoch, UTC. */
  day: number
  bytes: number
}

function usageIn(value: string | null): Usage {
  const { day = 0, bytes = 0 } = value === null ? {} : (JSON.parse(value) as Partial<Usage>)
  return { day, bytes }
}

interface DocumentQuotaOptions {
  readonly documentId: string
  readonly rules: readonly QuotaRule[]
  readonly groupOf: (rule: QuotaRule) => Group
  readonly recount: (rule: QuotaRule) => void
  readonly usage: Usage
  readonly records: KeyedRecords | null
  readonly clock: Clock
  readonly logger: Logger
  readonly unremembered: (quota: DocumentQuota) => void
  readonly remembered: (quota: DocumentQuota) => void
}

/** What quotas say of one open document. */
export class DocumentQuota {
  readonly #options: DocumentQuotaOptions
  readonly #usage: Usage
  #timer: Timer | null = null

  constructor(options: DocumentQuotaOptions) {
    this.#options = options
    this.#usage = { ...options.usage }
  }

  /** Why an edit is refused that brings something new, or null: then it is counted, and written. */
  admit({ begins, documentBytes, addedBytes }: QuotaQuestion): WeftError | null {
    const { rules, groupOf, recount } = this.#options
    const logged = this.#today().bytes
    for (const rule of rules) {
      const { documents, documentBytes: bytesMax, logBytesPerDay } = rule
      if (bytesMax !== null && documentBytes > bytesMax)
        return over(`The document would grow past its quota of ${bytesMax} bytes; this edit was not saved. Deleting something makes room.`)
      if (logBytesPerDay !== null && logged + addedBytes > logBytesPerDay)
        return over(
          `More was written to this document today than its quota of ${logBytesPerDay} bytes; this edit was not saved. Go on tomorrow.`,
        )
      if (begins && documents !== null && groupOf(rule).count >= documents) {
        recount(rule)
        return over(`There are ${documents} documents here already, which is the quota; this edit was not saved. Deleting one makes room.`)
      }
    }
    if (begins) for (const rule of rules) if (rule.documents !== null) groupOf(rule).count += 1
    return null
  }

  /** So many bytes were added to the log. */
  logged(bytes: number): void {
    this.#today().bytes += bytes
    const { records, clock, unremembered } = this.#options
    if (records === null || this.#timer !== null) return
    this.#timer = clock.after(REMEMBER_MS, () => void this.remember(), { unref: true })
    unremembered(this)
  }

  /** Nobody has the document open any more. */
  end(): void {
    void this.remember()
  }

  /** Never rejects. */
  async remember(): Promise<void> {
    const { records, documentId, logger, remembered } = this.#options
    if (this.#timer === null || records === null) return
    this.#timer.cancel()
    this.#timer = null
    try {
      await records.put({ kind: 'usage', id: documentId, value: JSON.stringify(this.#usage), lifetimeMs: 2 * DAY_MS })
    } catch (err) {
      logger.warn({ err, documentId }, 'what was logged of a document today could not be remembered for its quota')
    } finally {
      remembered(this)
    }
  }

  #today(): Usage {
    const day = Math.floor(this.#options.clock.now() / DAY_MS)
    if (day !== this.#usage.day) {
      this.#usage.day = day
      this.#usage.bytes = 0
    }
    return this.#usage
  }
}

function over(words: string): WeftError {
  return new WeftError('quota-exceeded', words)
}

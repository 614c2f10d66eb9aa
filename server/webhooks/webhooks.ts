// All addresses that are told: those of the settings, and those that were made over the API, which are records in the store that every node reads.
import { createHash } from 'node:crypto'
import type { Clock, Timer } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import { type Random, randomId } from '../../core/random.js'
import type { DocumentStore } from '../../persistence/store.js'
import { type DeadLetter, EventQueue } from './event-queue.js'
import { Webhook } from './webhook.js'
import { type Happening, loggedEvents, type WebhookEventName } from './webhook-events.js'
import { type AskedWebhooks, WebhookFeeds } from './webhook-feeds.js'

export interface WebhooksOptions {
  readonly store: DocumentStore
  /** Whether this node owns the document. */
  readonly owns: (documentId: string) => boolean
  readonly shardsClaimed: () => number
  /** Users who are on the document now, as far as this node can know. */
  readonly present: (documentId: string) => Promise<ReadonlySet<string>>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly counters: Counters
}

/** An address that was made over the API. */
export interface WebhookEndpoint {
  readonly id: string
  readonly url: string
  readonly events: readonly WebhookEventName[]
  readonly createdAt: number
}

interface Served {
  readonly webhook: Webhook
  readonly attemptsMax: number
  readonly queue: EventQueue
}

/** How often it is looked which addresses there are. */
const LOOK_MS = 5_000
const ENDPOINTS_MAX = 100
const SECRET_BYTES = 32

export class Webhooks {
  readonly #options: WebhooksOptions
  readonly #feeds: WebhookFeeds
  readonly #served = new Map<string, Served>()
  /** What the settings ask for. */
  #asked: AskedWebhooks = { webhooks: [], quietMs: 0, waitMsMax: 0, attemptsMax: 1 }
  #timer: Timer | null = null
  #looks: Promise<void> = Promise.resolve()
  #state: 'created' | 'open' | 'closed' = 'created'

  constructor(options: WebhooksOptions) {
    this.#options = options
    const { store } = options
    this.#feeds = new WebhookFeeds({ ...options, cursors: store.changeCursors, records: store.keyedRecords })
  }

  /** What an address is still to be told, in documents and events. */
  get waiting(): number {
    let { waiting } = this.#feeds
    for (const { queue } of this.#served.values()) waiting += queue.waiting
    return waiting
  }

  /** Throws `invalid-configuration` if this store cannot have them. */
  check(asked: AskedWebhooks): void {
    this.#feeds.check(asked)
  }

  /** Rejects as the store does, and with `invalid-configuration` where that keeps nothing for webhooks. */
  async start(asked: AskedWebhooks): Promise<void> {
    this.#asked = asked
    this.check(asked)
    const { store } = this.#options
    if (store.changeCursors === undefined || store.keyedRecords === undefined) return
    this.#state = 'open'
    await this.#look()
    this.#lookLater()
  }

  /** From here on those of the settings are these. Never rejects: what the store does not take now is tried again. */
  async change(asked: AskedWebhooks): Promise<void> {
    this.#asked = asked
    if (this.#state !== 'open') return
    try {
      await this.#look()
    } catch (err) {
      this.#options.logger.warn({ err }, 'the webhooks could not be read; they are looked at again')
    }
  }

  committed(documentId: string, seq: number): void {
    this.#feeds.committed(documentId, seq)
  }

  /** Resolves once the event is kept for all who want it. Never rejects. */
  async happened(happening: Happening): Promise<void> {
    if (this.#state !== 'open') return
    await Promise.all(
      [...this.#served.values()].filter(({ webhook }) => webhook.events.has(happening.type)).map(({ queue }) => queue.add(happening)),
    )
  }

  /** Idempotent. What waits is told as far as that goes in a few seconds; the rest at the next start. */
  async close(): Promise<void> {
    this.#state = 'closed'
    this.#timer?.cancel()
    await this.#looks.catch(() => {})
    await Promise.all([this.#feeds.close(), ...[...this.#served.values()].map(({ queue }) => queue.close())])
  }

  // What the API asks. All of it rejects as the store does.

  /** Those of the settings have no id. */
  async list(): Promise<
    readonly (Omit<WebhookEndpoint, 'id' | 'createdAt'> & { readonly id: string | null; readonly createdAt: number | null })[]
  > {
    const ofSettings = this.#asked.webhooks.map(({ name, events }) => ({ id: null, url: name, events: [...events], createdAt: null }))
    return [...ofSettings, ...(await this.#endpoints()).map(({ id, url, events, createdAt }) => ({ id, url, events, createdAt }))]
  }

  /** `secret` null: one is made. It is told this once. */
  async create(request: {
    readonly url: string
    readonly events: readonly WebhookEventName[]
    readonly secret: string | null
  }): Promise<WebhookEndpoint & { readonly secret: string }> {
    const { random, clock } = this.#options
    if ((await this.#endpoints()).length >= ENDPOINTS_MAX)
      throw new WeftError('malformed', `There are ${ENDPOINTS_MAX} webhooks already, which is the most.`)
    const secret = request.secret ?? `whsec_${Buffer.from(random.bytes(SECRET_BYTES)).toString('base64')}`
    const id = randomId(random, 8)
    const { url, events } = request
    // Refuses what cannot be.
    new Webhook({ url, secret, clock, events: new Set(events), subscriber: subscriberOf(id) })
    await this.#records.put({ kind: 'webhook', id, value: JSON.stringify({ url, events, secret }), lifetimeMs: null })
    await this.#look()
    return { id, url, events, secret, createdAt: (await this.#records.find('webhook', id))?.createdAt ?? clock.now() }
  }

  /** False if there is none. What waited for it is forgotten. */
  async remove(id: string): Promise<boolean> {
    const served = this.#served.get(subscriberOf(id))
    const removed = await this.#records.remove('webhook', id)
    await this.#look()
    if (removed) await served?.queue.clear()
    return removed
  }

  async deadLetters(): Promise<readonly DeadLetter[]> {
    return (await Promise.all([...this.#served.values()].map(({ queue }) => queue.deadLetters()))).flat()
  }

  async redeliver(id: string): Promise<boolean> {
    for (const { queue } of this.#served.values()) if (await queue.redeliver(id)) return true
    return false
  }

  async forget(id: string): Promise<boolean> {
    const known = (await this.deadLetters()).some((letter) => letter.id === id)
    return known && (await this.#records.remove('event', id))
  }

  get #records() {
    const { keyedRecords } = this.#options.store
    if (keyedRecords === undefined || this.#state !== 'open')
      throw new WeftError('overloaded', 'This node keeps no webhooks now; ask again later.')
    return keyedRecords
  }

  async #endpoints(): Promise<readonly (WebhookEndpoint & { readonly secret: string })[]> {
    return (await this.#records.list('webhook')).map(({ id, value, createdAt }) => ({
      id,
      createdAt,
      ...(JSON.parse(value) as { readonly url: string; readonly events: readonly WebhookEventName[]; readonly secret: string }),
    }))
  }

  #lookLater(): void {
    if (this.#state !== 'open') return
    const { clock, logger } = this.#options
    this.#timer = clock.after(
      LOOK_MS,
      () => {
        void this.#look()
          .catch((err) => logger.warn({ err }, 'the webhooks could not be read; they are looked at again'))
          .finally(() => this.#lookLater())
      },
      { unref: true },
    )
  }

  /** Those of the settings and those of the store, as they are to be told. */
  async #all(): Promise<AskedWebhooks> {
    const { clock } = this.#options
    const made = (await this.#endpoints()).map(
      ({ id, url, events, secret }) => new Webhook({ url, secret, clock, events: new Set(events), subscriber: subscriberOf(id) }),
    )
    return { ...this.#asked, webhooks: [...this.#asked.webhooks, ...made] }
  }

  /** Begins with addresses that have come, and ends with those that are gone. One at a time. */
  #look(): Promise<void> {
    this.#looks = this.#looks.catch(() => {}).then(() => this.#lookNow())
    return this.#looks
  }

  async #lookNow(): Promise<void> {
    if (this.#state !== 'open') return
    const all = await this.#all()
    const { attemptsMax } = all
    await this.#feeds.change({ ...all, webhooks: all.webhooks.filter(({ events }) => [...events].some((name) => loggedEvents.has(name))) })
    for (const [subscriber, served] of this.#served) {
      if (served.attemptsMax === attemptsMax && all.webhooks.some((webhook) => webhook.equals(served.webhook))) continue
      this.#served.delete(subscriber)
      await served.queue.close()
    }
    for (const webhook of all.webhooks) {
      if (this.#served.has(webhook.subscriber)) continue
      const queue = new EventQueue({ ...this.#options, webhook, records: this.#records, attemptsMax })
      this.#served.set(webhook.subscriber, { webhook, attemptsMax, queue })
      await queue.start()
    }
  }
}

function subscriberOf(id: string): string {
  return `endpoint-${createHash('sha256').update(id).digest('hex').slice(0, 16)}`
}

// Tells one address of what no log tells of: each event is a record in the store until the address has it, so that a crash loses none, and what an address does not take in
// the end is put aside as a dead letter. In order, one after the other; in a cluster whoever is first to claim an event tells of it.
import type { Clock, Timer } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import type { Logger } from '../../core/log.js'
import { type Random, randomId } from '../../core/random.js'
import type { KeyedRecords } from '../../persistence/keyed-records.js'
import type { Webhook } from './webhook.js'
import type { Happening } from './webhook-events.js'

export interface EventQueueOptions {
  readonly webhook: Webhook
  readonly records: KeyedRecords
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly counters: Counters
  /** How often an event is tried before it is put aside. */
  readonly attemptsMax: number
}

/** An event as it stands in the store. */
interface StoredEvent {
  readonly type: Happening['type']
  /** Milliseconds since the Unix epoch, by the clock of the node where it happened. */
  readonly at: number
  readonly data: Happening['data']
  /** Why the address did not take it in the end; null while it is tried. */
  readonly dead: string | null
}

export interface DeadLetter {
  readonly id: string
  readonly url: string
  readonly type: string
  readonly at: number
  readonly documentId: string
  readonly reason: string
}

/** Of an address that is away for long; what comes when so many wait is lost, counted, and said in the log. */
const WAITING_MAX = 10_000
const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 3_600_000
/** An event is told by whoever has claimed it: somewhat longer than an address may take for its answer. */
const CLAIM_MS = 20_000
/** How often it is looked for what another node began to tell and did not. */
const LOOK_MS = 15_000
const DAY_MS = 86_400_000

export class EventQueue {
  readonly #options: EventQueueOptions
  readonly #waiting = new Map<string, StoredEvent>()
  #timer: Timer | null = null
  #lookTimer: Timer | null = null
  #telling: Promise<void> | null = null
  #failures = 0
  #pausedUntil = Number.NEGATIVE_INFINITY
  #last = 0
  #state: 'open' | 'closed' = 'open'

  constructor(options: EventQueueOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Takes up what is in the store. Rejects as that does. */
  async start(): Promise<void> {
    await this.#look()
  }

  /** Resolves once the event is in the store, or is counted as lost. Never rejects. */
  async add({ type, data }: Happening): Promise<void> {
    const { records, clock, random, webhook, counters, logger } = this.#options
    if (this.#waiting.size >= WAITING_MAX) {
      counters.add('webhook_events_lost')
      logger.error({ webhook: webhook.name, type }, 'an event was lost, since too many wait for this webhook')
      return
    }
    const at = clock.now()
    // In the order of their ids, which is that in which they came to this node.
    this.#last = Math.max(this.#last + 1, Math.floor(at) * 1_000)
    const id = `${webhook.subscriber}.${this.#last.toString(36).padStart(12, '0')}.${randomId(random, 6)}`
    const event: StoredEvent = { type, at, data, dead: null }
    try {
      await records.put({ kind: 'event', id, value: JSON.stringify(event), lifetimeMs: 30 * DAY_MS })
      this.#waiting.set(id, event)
      this.#kick()
    } catch (err) {
      counters.add('webhook_events_lost')
      logger.error({ err, webhook: webhook.name, type }, 'an event could not be kept for a webhook')
    }
  }

  /** Rejects as the store does. */
  async deadLetters(): Promise<readonly DeadLetter[]> {
    return (await this.#stored()).flatMap(([id, { type, at, data, dead }]) =>
      dead === null ? [] : [{ id, url: this.#options.webhook.name, type, at, documentId: data.documentId, reason: dead }],
    )
  }

  /** Tries a dead letter anew. False if there is none of this id. */
  async redeliver(id: string): Promise<boolean> {
    const { records } = this.#options
    const found = id.startsWith(`${this.#options.webhook.subscriber}.`) ? await records.find('event', id) : null
    const event = found === null ? null : (JSON.parse(found.value) as StoredEvent)
    if (event === null || event.dead === null) return false
    const alive = { ...event, dead: null }
    await records.put({ kind: 'event', id, value: JSON.stringify(alive), lifetimeMs: 30 * DAY_MS })
    this.#waiting.set(id, alive)
    this.#failures = 0
    this.#pausedUntil = Number.NEGATIVE_INFINITY
    this.#kick()
    return true
  }

  /** Forgets everything that waits for the address, and its dead letters. */
  async clear(): Promise<void> {
    for (const [id] of await this.#stored()) await this.#options.records.remove('event', id)
  }

  /** What is being told is told; the rest stays in the store. */
  async close(): Promise<void> {
    this.#state = 'closed'
    this.#timer?.cancel()
    this.#lookTimer?.cancel()
    await this.#telling
  }

  async #stored(): Promise<readonly (readonly [string, StoredEvent])[]> {
    const { records, webhook } = this.#options
    return (await records.list('event'))
      .filter(({ id }) => id.startsWith(`${webhook.subscriber}.`))
      .map(({ id, value }) => [id, JSON.parse(value) as StoredEvent] as const)
  }

  async #look(): Promise<void> {
    for (const [id, event] of await this.#stored())
      if (event.dead === null && this.#waiting.size < WAITING_MAX) this.#waiting.set(id, event)
    this.#kick()
    if (this.#state === 'closed') return
    const { clock, logger, webhook } = this.#options
    const again = (): void =>
      void this.#look().catch((err) => logger.warn({ err, webhook: webhook.name }, 'what waits for a webhook could not be read'))
    this.#lookTimer = clock.after(LOOK_MS, again, { unref: true })
  }

  #kick(): void {
    if (this.#state === 'closed' || this.#telling !== null || this.#waiting.size === 0) return
    const { clock } = this.#options
    const delayMs = this.#pausedUntil - clock.monotonic()
    this.#timer?.cancel()
    this.#timer = null
    if (delayMs > 0) {
      this.#timer = clock.after(delayMs, () => this.#kick(), { unref: true })
      return
    }
    this.#telling = this.#tellAll().finally(() => {
      this.#telling = null
      this.#kick()
    })
  }

  /** Until nothing waits, or the address has to be left alone. Never rejects. */
  async #tellAll(): Promise<void> {
    for (const [id, event] of [...this.#waiting].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (this.#state === 'closed' || this.#pausedUntil > this.#options.clock.monotonic()) return
      try {
        await this.#tell(id, event)
      } catch (err) {
        // Of the store: whatever it was, it is looked at again.
        this.#pause()
        this.#options.logger.warn({ err, webhook: this.#options.webhook.name }, 'an event could not be told')
        return
      }
    }
  }

  async #tell(id: string, event: StoredEvent): Promise<void> {
    const { records, webhook, counters, logger, attemptsMax } = this.#options
    this.#waiting.delete(id)
    // Another node is at it, or has told it. It is found again if that node did not.
    if (!(await records.insert({ kind: 'event-claim', id, value: '{}', lifetimeMs: CLAIM_MS }))) return
    if ((await records.find('event', id)) === null) return
    try {
      await webhook.send({ id, type: event.type, at: event.at, data: event.data })
    } catch (thrown) {
      counters.add('webhooks_failed')
      await records.remove('event-claim', id)
      const reason = reasonOf(thrown)
      this.#failures += 1
      if (this.#failures < attemptsMax) {
        logger.warn({ reason, webhook: webhook.name }, 'a webhook did not take an event; it is tried again')
        this.#waiting.set(id, event)
        this.#pause()
        return
      }
      this.#failures = 0
      counters.add('webhook_events_dead')
      logger.error({ webhook: webhook.name, type: event.type, reason }, 'an event was put aside: the webhook did not take it')
      await records.put({ kind: 'event', id, value: JSON.stringify({ ...event, dead: reason }), lifetimeMs: 30 * DAY_MS })
      return
    }
    this.#failures = 0
    counters.add('webhooks_delivered')
    await records.remove('event', id)
  }

  #pause(): void {
    const { clock, random } = this.#options
    const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(Math.max(this.#failures - 1, 0), 12))
    this.#pausedUntil = clock.monotonic() + pauseMs * (0.5 + random.fraction() / 2)
  }
}

/** In a line: what `fetch` itself says is nothing ("fetch failed"), and its cause names the address. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  return thrown.cause instanceof Error && thrown.cause.message !== '' ? `${thrown.message}: ${thrown.cause.message}` : thrown.message
}

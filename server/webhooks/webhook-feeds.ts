// The feeds of all addresses that are told of changes. Which these are may change while the server runs: an address that goes is told of
// nothing more, and one that comes, or comes with another secret, goes on where the store says that it was.
import type { Timer } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { ChangeCursors } from '../../persistence/change-cursors.js'
import type { KeyedRecords } from '../../persistence/keyed-records.js'
import type { Webhook } from './webhook.js'
import { WebhookFeed, type WebhookFeedOptions } from './webhook-feed.js'

/** Who is to be told, and how soon. */
export interface AskedWebhooks {
  readonly webhooks: readonly Webhook[]
  /** How long a document has to be quiet before it is told. */
  readonly quietMs: number
  /** After this long it is told though it is not quiet. */
  readonly waitMsMax: number
  /** How often an event that no log tells of is tried before it is put aside. */
  readonly attemptsMax: number
}

export interface WebhookFeedsOptions extends Omit<WebhookFeedOptions, 'webhook' | 'cursors' | 'records' | 'quietMs' | 'waitMsMax'> {
  /** Undefined where the store keeps none. */
  readonly cursors: ChangeCursors | undefined
  readonly records: KeyedRecords | undefined
}

interface Running {
  readonly webhook: Webhook
  readonly quietMs: number
  readonly waitMsMax: number
  readonly feed: WebhookFeed
}

/** How soon a feed that came while the server ran, and could not be started, is tried again. */
const RETRY_MS = 2_000

export class WebhookFeeds {
  readonly #options: WebhookFeedsOptions
  #running: readonly Running[] = []
  #changing: Promise<void> = Promise.resolve()
  #retry: Timer | null = null
  #closed: Promise<void> | null = null

  constructor(options: WebhookFeedsOptions) {
    this.#options = options
  }

  /** Documents of which an address is still to be told. */
  get waiting(): number {
    return this.#running.reduce((waiting, { feed }) => waiting + feed.waiting, 0)
  }

  /** Throws `invalid-configuration` if this store cannot have them. */
  check({ webhooks }: AskedWebhooks): void {
    const { cursors, records } = this.#options
    if (webhooks.length > 0 && (cursors === undefined || records === undefined))
      throw new WeftError(
        'invalid-configuration',
        'webhooks are set, and the store of this program keeps neither cursors nor records for them.',
      )
  }

  /** Rejects with `invalid-configuration`, or with what the store says. */
  async start(asked: AskedWebhooks): Promise<void> {
    this.check(asked)
    await this.#change(asked)
  }

  /** From here on these are told, and no others. Never rejects: what the store does not take now is tried again. */
  change(asked: AskedWebhooks): Promise<void> {
    this.#retry?.cancel()
    this.#retry = null
    this.#changing = this.#changing.then(async () => {
      try {
        if (this.#closed === null) await this.#change(asked)
      } catch (thrown) {
        const { logger, clock } = this.#options
        logger.warn({ err: thrown }, 'a webhook could not be begun; it is tried again')
        if (this.#closed === null && this.#retry === null)
          this.#retry = clock.after(RETRY_MS, () => void this.change(asked), { unref: true })
      }
    })
    return this.#changing
  }

  committed(documentId: string, seq: number): void {
    for (const { feed } of this.#running) feed.committed(documentId, seq)
  }

  /** They tell of what waits first, as far as that goes in a few seconds. Idempotent. */
  close(): Promise<void> {
    this.#retry?.cancel()
    this.#closed ??= this.#closeAll(this.#running)
    return this.#closed
  }

  async #change({ webhooks, quietMs, waitMsMax }: AskedWebhooks): Promise<void> {
    const asks = (one: Running): boolean =>
      one.quietMs === quietMs && one.waitMsMax === waitMsMax && webhooks.some((webhook) => webhook.equals(one.webhook))
    const going = this.#running.filter((one) => !asks(one))
    this.#running = this.#running.filter(asks)
    // A feed that goes is closed before another one tells the same address, so that it is told in order.
    await this.#closeAll(going)
    for (const webhook of webhooks) {
      if (this.#closed !== null) return
      if (this.#running.some((one) => one.webhook.equals(webhook))) continue
      const feed = this.#feedOf(webhook, quietMs, waitMsMax)
      const one = { webhook, quietMs, waitMsMax, feed }
      // It hears of what is committed while it starts.
      this.#running = [...this.#running, one]
      try {
        await feed.start()
      } catch (thrown) {
        this.#running = this.#running.filter((other) => other !== one)
        await feed.close()
        throw thrown
      }
    }
  }

  #feedOf(webhook: Webhook, quietMs: number, waitMsMax: number): WebhookFeed {
    const { cursors, records, ...others } = this.#options
    if (cursors === undefined || records === undefined) throw new Error('There are webhooks, and nothing to keep their cursors in.')
    return new WebhookFeed({ ...others, webhook, cursors, records, quietMs, waitMsMax })
  }

  async #closeAll(running: readonly Running[]): Promise<void> {
    await Promise.all(running.map(({ feed }) => feed.close()))
  }
}

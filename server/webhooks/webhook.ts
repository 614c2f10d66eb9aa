// One address that is told of changes, as Standard Webhooks has it (https://www.standardwebhooks.com): a signed POST, which the receiver answers with 2xx when it has it.
import { createHash } from 'node:crypto'
import { Webhook as Signer } from 'standardwebhooks'
import { type Clock, settlesWithin } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { WebhookEventName } from './webhook-events.js'

/** What is told, as the body has it under `data`. */
export interface ChangeEvent {
  readonly documentId: string
  /** Whether the document began with it. */
  readonly created: boolean
  readonly fromSeq: number
  readonly throughSeq: number
  /** Who wrote it, without those of whom nobody knows who they are. */
  readonly users: readonly string[]
  /** Of `document.missed`: those who wrote in the document before, did not write this, and are not there now; at most 1,000. */
  readonly away?: readonly string[]
  /** When the last of it was committed, in milliseconds since the Unix epoch, by the store's clock. */
  readonly at: number
}

export interface WebhookOptions {
  readonly url: string
  readonly secret: string
  readonly clock: Clock
  /** What it is told of. Default: of changes. */
  readonly events?: ReadonlySet<WebhookEventName>
  /** Default: by its address. */
  readonly subscriber?: string
  /** Default: the platform's. */
  readonly fetch?: typeof fetch
}

/** A receiver that takes longer has failed. */
const ANSWER_MS_MAX = 15_000

export class Webhook {
  /** Names this address in the store: what it was told stays told, whatever its secret is. */
  readonly subscriber: string
  /** For logs: without user, password and query, which may be secret. */
  readonly name: string
  readonly events: ReadonlySet<WebhookEventName>
  readonly #options: WebhookOptions
  readonly #signer: Signer

  /** Throws `invalid-configuration`. */
  constructor(options: WebhookOptions) {
    this.#options = options
    const { origin, pathname } = new URL(options.url)
    this.name = `${origin}${pathname}`
    this.events = options.events ?? new Set<WebhookEventName>(['document.changed'])
    this.subscriber = options.subscriber ?? `webhook-${createHash('sha256').update(options.url).digest('hex').slice(0, 16)}`
    try {
      this.#signer = new Signer(
        options.secret.startsWith('whsec_') ? options.secret : Buffer.from(options.secret, 'utf8').toString('base64'),
      )
    } catch (cause) {
      throw new WeftError('invalid-configuration', 'The secret of the webhooks is no base64 behind "whsec_".', { cause })
    }
  }

  /** Whether it is the same address, told in the same way. */
  equals(other: Webhook): boolean {
    const { url, secret } = this.#options
    const sameEvents = this.events.size === other.events.size && [...this.events].every((name) => other.events.has(name))
    return url === other.#options.url && secret === other.#options.secret && this.subscriber === other.subscriber && sameEvents
  }

  /** Resolves when the receiver has it. Repeating it has the same id, by which a receiver knows that it had it. */
  tell(event: ChangeEvent, type: 'document.changed' | 'document.missed' = 'document.changed'): Promise<void> {
    const { documentId, fromSeq, throughSeq, at } = event
    // Of a change the id has always been without the type.
    const id = JSON.stringify([this.subscriber, documentId, fromSeq, throughSeq, at, ...(type === 'document.changed' ? [] : [type])])
    return this.send({ id, type, at, data: event })
  }

  /** As `tell`; the same `id` is the same message. */
  async send(message: { readonly id: string; readonly type: WebhookEventName; readonly at: number; readonly data: object }): Promise<void> {
    const { clock, url, fetch: post = fetch } = this.#options
    const now = new Date(clock.now())
    const id = `msg_${createHash('sha256').update(message.id).digest('hex').slice(0, 32)}`
    const body = JSON.stringify({ type: message.type, timestamp: new Date(message.at).toISOString(), data: message.data })
    const headers = {
      'Content-Type': 'application/json',
      'User-Agent': 'weft-webhooks',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': this.#signer.sign(id, now, body),
    }
    const cancel = new AbortController()
    const asked = post(url, { method: 'POST', headers, body, redirect: 'manual', signal: cancel.signal })
    if (!(await settlesWithin(clock, ANSWER_MS_MAX, asked))) {
      cancel.abort()
      throw new Error(`${this.name} did not answer within ${ANSWER_MS_MAX} ms`)
    }
    const response = await asked
    // Its words are not for us, and may be long.
    await response.body?.cancel()
    if (!response.ok) throw new Error(`${this.name} answered ${response.status}`)
  }
}

// One address that is told of changes, as Standard Webhooks has it (https://www.standardwebhooks.com): a signed POST, which the receiver answers with 2xx when it has it.
import { createHash } from 'node:crypto'
import { Webhook as Signer } from 'standardwebhooks'
import { type Clock, settlesWithin } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'

/** What is told, as the body has it under `data`. */
export interface ChangeEvent {
  readonly documentId: string
  /** Whether the document began with it. */
  readonly created: boolean
  readonly fromSeq: number
  readonly throughSeq: number
  /** Who wrote it, without those of whom nobody knows who they are. */
  readonly users: readonly string[]
  /** When the last of it was committed, in milliseconds since the Unix epoch, by the store's clock. */
  readonly at: number
}

export interface WebhookOptions {
  readonly url: string
  readonly secret: string
  readonly clock: Clock
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
  readonly #options: WebhookOptions
  readonly #signer: Signer

  /** Throws `invalid-configuration`. */
  constructor(options: WebhookOptions) {
    this.#options = options
    const { origin, pathname } = new URL(options.url)
    this.name = `${origin}${pathname}`
    this.subscriber = `webhook-${createHash('sha256').update(options.url).digest('hex').slice(0, 16)}`
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
    return this.#options.url === other.#options.url && this.#options.secret === other.#options.secret
  }

  /** Resolves when the receiver has it. Repeating it has the same id, by which a receiver knows that it had it. */
  async tell(event: ChangeEvent): Promise<void> {
    const { clock, url, fetch: post = fetch } = this.#options
    const now = new Date(clock.now())
    const id = `msg_${createHash('sha256')
      .update(JSON.stringify([this.subscriber, event.documentId, event.fromSeq, event.throughSeq, event.at]))
      .digest('hex')
      .slice(0, 32)}`
    const body = JSON.stringify({ type: 'document.changed', timestamp: new Date(event.at).toISOString(), data: event })
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

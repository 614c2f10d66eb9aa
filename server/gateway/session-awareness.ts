// A session's part in the awareness of its document: what its client says of itself and asks, and what it hears.
import type { Timer } from '../../core/clock.js'
import type { WeftError } from '../../core/errors.js'
import type { AwarenessFrame, AwarenessSessionPort, AwarenessSink } from '../awareness/contract.js'
import type { Delivery } from './delivery.js'
import type { SessionHost } from './session-host.js'

export class SessionAwareness implements AwarenessSink {
  readonly #host: Pick<SessionHost, 'services' | 'connection' | 'documentId' | 'rights' | 'notice'>
  readonly #delivery: Pick<Delivery, 'awareness' | 'queryAwareness'>
  /** The answer to a query that is to come, and when the last one was given. */
  #query: Timer | null = null
  #queriedAt = Number.NEGATIVE_INFINITY

  constructor(
    host: Pick<SessionHost, 'services' | 'connection' | 'documentId' | 'rights' | 'notice'>,
    delivery: Pick<Delivery, 'awareness' | 'queryAwareness'>,
  ) {
    this.#host = host
    this.#delivery = delivery
  }

  // What the client says and asks.

  /** Throws `malformed`. */
  receive(membership: AwarenessSessionPort, update: Uint8Array): void {
    const { rights, services } = this.#host
    if (rights.cursor === 'shown') {
      membership.receive(update)
      return
    }
    services.counters.add('awareness_entries_refused')
    membership.look(update)
  }

  /** Answered at once, and then only so often: whoever asks and asks is owed one answer. */
  query(): void {
    if (this.#query !== null) return
    const { clock, limits } = this.#host.services
    const waitMs = this.#queriedAt + limits.awarenessQueryMs - clock.monotonic()
    const answer = (): void => {
      this.#query = null
      this.#queriedAt = clock.monotonic()
      this.#delivery.queryAwareness()
    }
    if (waitMs <= 0) answer()
    else this.#query = clock.after(waitMs, answer, { unref: true })
  }

  /** No query is answered any more. Idempotent. */
  close(): void {
    this.#query?.cancel()
  }

  // What the awareness hub says.

  awareness(frame: AwarenessFrame): void {
    this.#delivery.awareness(frame)
  }

  leftOut(error: WeftError): void {
    const { services, connection, documentId } = this.#host
    services.logger.warn(
      { connection: connection.id, documentId, code: error.code },
      'a cursor or presence state is too large to be passed on',
    )
    this.#host.notice(error)
  }

  probe(): Promise<boolean> {
    return this.#host.connection.probe()
  }
}

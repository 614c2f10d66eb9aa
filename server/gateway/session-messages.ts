// What one client says to others that is no edit: how much of it, and what the client hears where it may not.
import { asWeftError, WeftError } from '../../core/errors.js'
import { LazySet } from '../../core/lazy-collections.js'
import { Rate } from '../../core/rate.js'
import type { AppMessageSender, AppMessageTarget } from './services.js'
import type { SessionHost } from './session-host.js'

/** So many seconds' worth may come at once after a quiet time. */
const BURST_S = 2

/** The client hears `notice` once for each code. */
type MessagesHost = Pick<SessionHost, 'services' | 'notice'>

export class SessionMessages {
  readonly #host: MessagesHost
  readonly #rate: Rate
  readonly #told = new LazySet<string>()

  constructor(host: MessagesHost) {
    this.#host = host
    const { clock, limits } = host.services
    this.#rate = new Rate(clock, limits.appMessagesPerSecondMax, BURST_S)
  }

  /** `from` null: it may not. Never throws. */
  say(from: AppMessageSender | null, to: AppMessageTarget, payload: string): void {
    const { messages, limits, counters } = this.#host.services
    if (messages === null || messages === undefined) return
    counters.add('app_messages_received')
    try {
      if (from === null)
        throw new WeftError('forbidden', 'You may read this document but not send messages to others; it was not passed on.')
      if (!this.#rate.admits())
        throw new WeftError(
          'overloaded',
          `A session may send ${limits.appMessagesPerSecondMax} messages a second; further ones are not passed on.`,
        )
      messages.fromSession(from, to, payload)
    } catch (thrown) {
      counters.add('app_messages_dropped')
      const error = asWeftError(thrown)
      if (this.#told.has(error.code)) return
      this.#told.add(error.code)
      this.#host.notice(error)
    }
  }
}

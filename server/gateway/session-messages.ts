// What one client says to others that is no edit: how much of it, and what the client hears where it may not.

import type { Clock } from '../../core/clock.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import { LazySet } from '../../core/lazy-collections.js'
import { Rate } from '../../core/rate.js'
import type { AppMessageSender, AppMessageTarget, GatewayServices } from './services.js'

/** So many seconds' worth may come at once after a quiet time. */
const BURST_S = 2

export interface SessionMessagesOptions {
  readonly services: Pick<GatewayServices, 'messages' | 'limits' | 'counters'> & { readonly clock: Clock }
  /** The client hears it once for each code. */
  readonly notice: (error: WeftError) => void
}

export class SessionMessages {
  readonly #options: SessionMessagesOptions
  readonly #rate: Rate
  readonly #told = new LazySet<string>()

  constructor(options: SessionMessagesOptions) {
    this.#options = options
    const { clock, limits } = options.services
    this.#rate = new Rate(clock, limits.appMessagesPerSecondMax, BURST_S)
  }

  /** `from` null: it may not. Never throws. */
  say(from: AppMessageSender | null, to: AppMessageTarget, payload: string): void {
    const { services, notice } = this.#options
    const { messages, limits, counters } = services
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
      notice(error)
    }
  }
}

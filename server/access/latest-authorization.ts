// Finds out who a session's client is, at the start and at each token that it presents: one question at a time, and only the answer to the
// last one counts, whatever order they come in.
import { asWeftError, type WeftError } from '../../core/errors.js'
import type { Authorization } from './authorize.js'

export interface AuthorizationOutcome {
  decided(authorization: Authorization): void
  denied(error: WeftError): void
}

export type Ask = () => Promise<Authorization>

export class LatestAuthorization {
  readonly #outcome: AuthorizationOutcome
  #state: 'idle' | 'asking' = 'idle'
  /** What was asked for meanwhile. A client that presents token after token costs one question at a time. */
  #next: Ask | null = null

  constructor(outcome: AuthorizationOutcome) {
    this.#outcome = outcome
  }

  ask(authorize: Ask): void {
    if (this.#state === 'asking') this.#next = authorize
    else void this.#ask(authorize)
  }

  /** Nobody wants to know any more: what has not been asked yet is not. */
  stop(): void {
    this.#next = null
  }

  async #ask(first: Ask): Promise<void> {
    this.#state = 'asking'
    let tell = await answer(first, this.#outcome)
    while (this.#next !== null) {
      const next: Ask = this.#next
      this.#next = null
      tell = await answer(next, this.#outcome)
    }
    this.#state = 'idle'
    tell()
  }
}

async function answer(authorize: Ask, outcome: AuthorizationOutcome): Promise<() => void> {
  try {
    const authorization = await authorize()
    return () => outcome.decided(authorization)
  } catch (thrown) {
    const error = asWeftError(thrown)
    return () => outcome.denied(error)
  }
}

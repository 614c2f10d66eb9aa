// The public keys of whoever issues tokens, from an address (a JWKS): fetched when they are first needed, again when a token names a key
// that is not among them, and now and then. While the address does not answer, the keys that were there go on counting.
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import { type Clock, settlesWithin } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'

export interface KeySetOptions {
  readonly url: string
  readonly clock: Clock
  readonly logger: Logger
  /** Default: the platform's. */
  readonly fetch?: typeof fetch
}

/** How old keys may be before they are fetched again. */
const AGE_MS_MAX = 10 * 60_000
/** Tokens with made-up key names fetch no more often than this. */
const PAUSE_MS_MIN = 30_000
const FETCH_MS_MAX = 5_000
const BYTES_MAX = 1024 * 1024

interface Keys {
  readonly find: JWTVerifyGetKey
  readonly fetchedAt: number
}

export class KeySet {
  readonly #options: KeySetOptions
  #keys: Keys | null = null
  #triedAt = Number.NEGATIVE_INFINITY
  #fetching: Promise<void> | null = null

  constructor(options: KeySetOptions) {
    this.#options = options
  }

  /** Rejects with `overloaded` (try again) while no keys could ever be fetched. */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    const { clock } = this.#options
    const now = clock.monotonic()
    // Where there are keys already they are fetched in the background: nobody waits for a refresh.
    if (this.#keys === null) await this.#fetch()
    else if (now - this.#keys.fetchedAt > AGE_MS_MAX && this.#mayTry(now)) void this.#fetch()
    try {
      return await this.#known(header, token)
    } catch (thrown) {
      // The token may be signed with a key that was added since the last fetch: it can be checked only after another.
      if (!(thrown instanceof errors.JWKSNoMatchingKey) || !this.#mayTry(now)) throw thrown
      await this.#fetch()
      return this.#known(header, token)
    }
  }

  #known(...parameters: Parameters<JWTVerifyGetKey>): ReturnType<JWTVerifyGetKey> {
    if (this.#keys === null)
      throw new WeftError('overloaded', 'This server cannot check tokens now, since it could not get the keys for it; try again.')
    return this.#keys.find(...parameters)
  }

  #mayTry(now: number): boolean {
    return this.#fetching !== null || now - this.#triedAt >= PAUSE_MS_MIN
  }

  /** Never rejects. Those who ask meanwhile share one request. */
  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = null
    })
    return this.#fetching
  }

  async #fetchOnce(): Promise<void> {
    const { url, clock, logger, fetch: get = fetch } = this.#options
    this.#triedAt = clock.monotonic()
    const cancel = new AbortController()
    const asked = keysFrom(get, url, cancel.signal)
    try {
      if (!(await settlesWithin(clock, FETCH_MS_MAX, asked))) {
        cancel.abort()
        throw new Error(`no answer within ${FETCH_MS_MAX} ms`)
      }
      this.#keys = { find: createLocalJWKSet(await asked), fetchedAt: clock.monotonic() }
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown)
      logger.error(
        { reason, keptKeys: this.#keys !== null },
        'the keys for tokens could not be fetched (jwksUrl); the last ones go on counting',
      )
    }
  }
}

async function keysFrom(get: typeof fetch, url: string, signal: AbortSignal): Promise<JSONWebKeySet> {
  const response = await get(url, { signal, headers: { Accept: 'application/json' }, redirect: 'error' })
  if (!response.ok) throw new Error(`it answered ${response.status}`)
  if (Number(response.headers.get('content-length') ?? 0) > BYTES_MAX) throw new Error('its answer is too long')
  const keys: unknown = await response.json()
  if (typeof keys !== 'object' || keys === null || !Array.isArray((keys as { keys?: unknown }).keys))
    throw new Error('its answer is no key set')
  return keys as JSONWebKeySet
}

// What a client that was let in shows when it comes back, with its upgrade request, so that it need not wait among those who come for the first time. It gives no
// right: who it is and what it may do is asked as always. It is signed with a key of the store, so that every node knows it, and counts once on each node.
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../core/clock.js'
import { type Random, randomId } from '../../core/random.js'
import type { KeyedRecords } from '../../persistence/keyed-records.js'

/** Whoever comes back sooner is not read off from somebody who stayed: connecting again and again gains nothing. */
const AGE_MS_MIN = 5_000
const AGE_MS_MAX = 7 * 86_400_000
/** Of so many is remembered that they were used; of more, the oldest are forgotten. */
const USED_MAX = 100_000
const NONCE_BYTES = 12
const KEY_ID = '1'

export class Resumptions {
  readonly #clock: Clock
  readonly #random: Random
  readonly #used = new Set<string>()
  #key: Buffer

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
    this.#key = Buffer.from(random.bytes(32))
  }

  /** Takes the key that all nodes on this store have. Rejects as the store does. */
  async start(records: KeyedRecords): Promise<void> {
    await records.insert({ kind: 'resumption-key', id: KEY_ID, value: this.#key.toString('base64'), lifetimeMs: null })
    const found = await records.find('resumption-key', KEY_ID)
    if (found !== null) this.#key = Buffer.from(found.value, 'base64')
  }

  /** For a client that has a document open. Letters, digits, `.`, `-` and `_`. */
  issue(): string {
    const body = `${Math.floor(this.#clock.now()).toString(36)}.${randomId(this.#random, NONCE_BYTES)}`
    return `${body}.${this.#mac(body)}`
  }

  /** Whether this is one of ours that was not used here before. It is used up then. */
  redeem(resumption: string): boolean {
    const end = resumption.lastIndexOf('.')
    const body = resumption.slice(0, Math.max(0, end))
    const ageMs = this.#clock.now() - Number.parseInt(body, 36)
    if (!(ageMs >= AGE_MS_MIN && ageMs <= AGE_MS_MAX) || !same(resumption.slice(end + 1), this.#mac(body)) || this.#used.has(body))
      return false
    this.#used.add(body)
    const [oldest] = this.#used
    if (this.#used.size > USED_MAX && oldest !== undefined) this.#used.delete(oldest)
    return true
  }

  #mac(body: string): string {
    return createHmac('sha256', this.#key).update(`weft resumption ${body}`).digest('base64url')
  }
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

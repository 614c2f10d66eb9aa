// How two nodes of one cluster prove to each other that they know its secret, without sending it.
//
// Challenge and answer over the upgrade request, so that nothing rests on clocks: a request without an answer gets HTTP 401 with a
// challenge; the dialling node repeats it with HMAC-SHA256(secret, role, challenge, its own nonce), and the accepting node proves itself
// over the same in its 101.
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../core/clock.js'
import { type Random, randomId } from '../../core/random.js'

/** What the accepting node sends with its 401. */
export const challengeHeader = 'weft-node-challenge'
/** What it sends with its 101. */
export const proofHeader = 'weft-node-proof'

const SCHEME = 'Weft-Node'
const NONCE_BYTES = 16
/** A challenge may be answered once, for this long. */
const CHALLENGE_MS_MAX = 10_000
/** Only who knows the secret adds to them: past it a node waits until the oldest have expired. */
const ANSWERED_MAX = 10_000

type Role = 'dial' | 'accept'

function mac(key: string | Uint8Array, ...words: readonly string[]): string {
  return createHmac('sha256', key).update(words.join('\n')).digest('hex')
}

function proof(secret: string, role: Role, challenge: string, nonce: string): string {
  return mac(secret, 'weft-node.1', role, challenge, nonce)
}

/** Compares without telling by its time how much of it is right. */
function same(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}

/** The dialling node's answer to one challenge. */
export class NodeAnswer {
  readonly #secret: string
  readonly #challenge: string
  readonly #nonce: string

  constructor(secret: string, challenge: string, random: Random) {
    this.#secret = secret
    this.#challenge = challenge
    this.#nonce = randomId(random, NONCE_BYTES)
  }

  /** The value of the `authorization` header. */
  get authorization(): string {
    return `${SCHEME} ${this.#challenge} ${this.#nonce} ${proof(this.#secret, 'dial', this.#challenge, this.#nonce)}`
  }

  /** Whether the other side's `weft-node-proof` shows that it knows the secret too. */
  isProof(value: unknown): boolean {
    return typeof value === 'string' && same(value, proof(this.#secret, 'accept', this.#challenge, this.#nonce))
  }
}

/**
 * The accepting side. A challenge is its own time stamp under a key that only this process has, so it keeps those that were answered and
 * nothing else: whoever reads an answer on its way cannot use it again.
 */
export class NodeGatekeeper {
  readonly #secret: string
  readonly #clock: Clock
  readonly #random: Random
  readonly #key: Uint8Array
  /** Challenges that were answered rightly, and when, oldest first. */
  readonly #answered = new Map<string, number>()

  constructor(options: { readonly secret: string; readonly clock: Clock; readonly random: Random }) {
    this.#secret = options.secret
    this.#clock = options.clock
    this.#random = options.random
    this.#key = options.random.bytes(32)
  }

  challenge(): string {
    const body = `${Math.floor(this.#clock.monotonic())}.${randomId(this.#random, NONCE_BYTES)}`
    return `${body}.${mac(this.#key, body)}`
  }

  /**
   * The proof to answer with if the `authorization` header shows the secret, for the first time with this challenge; null if it does not.
   */
  admit(authorization: string | undefined): string | null {
    const [scheme, challenge, nonce, answer] = (authorization ?? '').split(' ')
    if (scheme !== SCHEME || challenge === undefined || nonce === undefined || answer === undefined) return null
    if (!this.issued(challenge) || !same(answer, proof(this.#secret, 'dial', challenge, nonce))) return null
    if (!this.#isFirstAnswer(challenge)) return null
    return proof(this.#secret, 'accept', challenge, nonce)
  }

  #isFirstAnswer(challenge: string): boolean {
    const now = this.#clock.monotonic()
    for (const [answered, atMs] of this.#answered) {
      // By now the challenge has expired, and would be refused without being looked for.
      if (now - atMs <= CHALLENGE_MS_MAX) break
      this.#answered.delete(answered)
    }
    if (this.#answered.has(challenge) || this.#answered.size >= ANSWERED_MAX) return false
    this.#answered.set(challenge, now)
    return true
  }

  /** Whether this process made the challenge, not long ago: whoever was given it has reached this process. */
  issued(challenge: string): boolean {
    const end = challenge.lastIndexOf('.')
    const body = challenge.slice(0, Math.max(0, end))
    if (!same(challenge.slice(end + 1), mac(this.#key, body))) return false
    const ageMs = this.#clock.monotonic() - Number(body.split('.')[0])
    return ageMs <= CHALLENGE_MS_MAX
  }
}

// Whom the embedding program itself lets in, in its own process: each gets a token that no socket ever carries.
import { type Random, randomId } from '../../core/random.js'
import type { Authenticator, Identity } from './identity.js'
import { type Grants, Rights } from './rights.js'

export interface LocalIdentity {
  /** Whom what it writes is by. Default: nobody known. */
  readonly user?: string | null
  /** For people. */
  readonly name?: string | null
  /** Default: everything. */
  readonly documents?: Grants
}

const PREFIX = 'wl_'
const TOKEN_BYTES = 32

export class LocalIdentities implements Authenticator {
  readonly #random: Random
  readonly #clock: { now(): number }
  readonly #known = new Map<string, Identity>()
  /** The token of each identity that was let in before, by all that it says: a program that asks for one again and again gets the same. */
  readonly #tokens = new Map<string, string>()

  constructor(random: Random, clock: { now(): number }) {
    this.#random = random
    this.#clock = clock
  }

  /** The token. Throws `invalid-configuration` for grants that cannot be. */
  admit({ user = null, name = null, documents = { '**': 'admin' } }: LocalIdentity): string {
    const said = JSON.stringify([user, name, documents])
    const before = this.#tokens.get(said)
    if (before !== undefined) return before
    const token = `${PREFIX}${randomId(this.#random, TOKEN_BYTES)}`
    const rights = new Rights(documents)
    this.#known.set(token, { user, name, rights, cursor: true, issuedAt: this.#clock.now(), expiresAt: null, tokenId: null })
    this.#tokens.set(said, token)
    return token
  }

  async authenticate(token: string): Promise<Identity | null> {
    return token.startsWith(PREFIX) ? (this.#known.get(token) ?? null) : null
  }
}

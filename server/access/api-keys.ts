// API keys: what scripts and servers show. A key is random, is told once when it is made, and only its hash is kept.
//
// A key is `wk_ID_SECRET`: ID is 16 hexadecimal digits and names it, SECRET is 32 random bytes as base64url.
import { createHash, timingSafeEqual } from 'node:crypto'
import { WeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import { type Random, randomId } from '../../core/random.js'
import type { KeyedRecord, KeyedRecords } from '../../persistence/keyed-records.js'
import type { Authenticator, Identity } from './identity.js'
import { type Grants, Rights } from './rights.js'

const FORM = /^wk_([0-9a-f]{16})_([\w-]{43})$/
const ID_BYTES = 8
const SECRET_BYTES = 32

/** A key without its secret. */
export interface ApiKey {
  readonly id: string
  /** For people. */
  readonly name: string
  /** Whom what it writes is by. */
  readonly user: string
  readonly documents: Grants
  readonly createdAt: number
  readonly expiresAt: number | null
}

export interface NewApiKey {
  readonly name: string
  readonly user: string
  readonly documents: Grants
  /** Null: until it is revoked. */
  readonly lifetimeMs: number | null
}

interface KnownKey extends ApiKey {
  readonly hash: Buffer
  readonly rights: Rights
}

interface StoredKey {
  readonly name: string
  readonly user: string
  readonly documents: Grants
  /** SHA-256 of the secret's text, hexadecimal. The secret is random, so that no slow hash is needed. */
  readonly hash: string
}

export class ApiKeys implements Authenticator {
  readonly #records: () => KeyedRecords
  readonly #random: Random
  readonly #logger: Logger
  readonly #refresh: () => Promise<void>
  #known = new Map<string, KnownKey>()

  /** `refresh` reads what the records hold and calls `read` with it. */
  constructor(options: {
    readonly records: () => KeyedRecords
    readonly random: Random
    readonly logger: Logger
    readonly refresh: () => Promise<void>
  }) {
    this.#records = options.records
    this.#random = options.random
    this.#logger = options.logger
    this.#refresh = options.refresh
  }

  get count(): number {
    return this.#known.size
  }

  /** The records as they are now. */
  read(records: readonly KeyedRecord[]): void {
    this.#known = new Map(records.flatMap((record) => this.#knownIn(record)).map((key) => [key.id, key]))
  }

  /** Throws `malformed` for grants that cannot be. The answer's `secret` is the whole key, and is not to be had again. */
  async create({ name, user, documents, lifetimeMs }: NewApiKey): Promise<{ readonly key: ApiKey; readonly secret: string }> {
    checkGrants(documents)
    const id = randomId(this.#random, ID_BYTES)
    const secret = Buffer.from(this.#random.bytes(SECRET_BYTES)).toString('base64url')
    const stored: StoredKey = { name, user, documents, hash: hashOf(secret).toString('hex') }
    await this.#records().insert({ kind: 'key', id, value: JSON.stringify(stored), lifetimeMs })
    await this.#refresh()
    const key = this.#known.get(id)
    if (key === undefined)
      throw new WeftError('store-unavailable', 'The key was written and could not be read again; list the keys, and revoke it.')
    return { key: withoutHash(key), secret: `wk_${id}_${secret}` }
  }

  list(): readonly ApiKey[] {
    return [...this.#known.values()].map(withoutHash)
  }

  /** False when there is none. */
  async remove(id: string): Promise<boolean> {
    const removed = await this.#records().remove('key', id)
    await this.#refresh()
    return removed
  }

  async authenticate(token: string): Promise<Identity | null> {
    if (!isApiKey(token)) return null
    const [, id = '', secret = ''] = FORM.exec(token) ?? []
    const key = this.#known.get(id)
    if (key === undefined || !timingSafeEqual(key.hash, hashOf(secret)))
      throw new WeftError('unauthenticated', 'There is no such API key; it may have been revoked.')
    const { user, name, rights, createdAt, expiresAt } = key
    return { user, name, rights, cursor: true, issuedAt: createdAt, expiresAt, tokenId: id }
  }

  #knownIn({ id, value, createdAt, expiresAt }: KeyedRecord): readonly KnownKey[] {
    try {
      // Only `create` writes these.
      const { name, user, documents, hash } = JSON.parse(value) as StoredKey
      return [{ id, name, user, documents, createdAt, expiresAt, hash: Buffer.from(hash, 'hex'), rights: new Rights(documents) }]
    } catch (thrown) {
      this.#logger.error({ id, err: thrown }, 'an API key cannot be read, and counts as revoked')
      return []
    }
  }
}

/** Whether it is meant as one. */
export function isApiKey(token: string): boolean {
  return token.startsWith('wk_')
}

export function checkGrants(documents: Grants): void {
  try {
    new Rights(documents)
  } catch (thrown) {
    throw new WeftError('malformed', `documents: ${thrown instanceof Error ? thrown.message : ''}`)
  }
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

function withoutHash({ id, name, user, documents, createdAt, expiresAt }: KnownKey): ApiKey {
  return { id, name, user, documents, createdAt, expiresAt }
}

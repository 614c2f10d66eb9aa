// One-time tickets: an application's server gets one for its user, and the user's browser shows it. A ticket carries what it grants, signed
// by this deployment; that it was used is remembered where all nodes look (X4).
//
// A ticket is `wt_CONTENT.MAC`: CONTENT is JSON as base64url, MAC the HMAC-SHA256 of it as base64url.
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import { type Random, randomId } from '../../core/random.js'
import type { KeyedRecords } from '../../persistence/keyed-records.js'
import { checkGrants } from './api-keys.js'
import type { Authenticator, Identity } from './identity.js'
import { type Grants, Rights } from './rights.js'

export interface TicketRequest {
  readonly user: string
  readonly name: string | null
  readonly documents: Grants
  readonly cursor: boolean
  /** How long it may be shown. */
  readonly lifetimeMs: number
  /** How long a session lasts that was opened with it. Null: until it closes. */
  readonly sessionMs: number | null
}

interface TicketContent {
  readonly id: string
  readonly user: string
  readonly name: string | null
  readonly documents: Grants
  readonly cursor: boolean
  readonly issuedAt: number
  readonly validUntil: number
  readonly sessionMs: number | null
}

const FORM = /^wt_([\w-]+)\.([\w-]{43})$/
const ID_BYTES = 16
/** How far the clocks of two nodes may be apart. */
const CLOCKS_APART_MS_MAX = 5_000
/** That it was used is remembered for longer than it could be shown. */
const REMEMBERED_MS = 60_000

export class Tickets implements Authenticator {
  readonly #records: () => KeyedRecords
  readonly #key: Uint8Array
  readonly #clock: Clock
  readonly #random: Random

  /** `key` is the same on all nodes. */
  constructor(options: {
    readonly records: () => KeyedRecords
    readonly key: Uint8Array
    readonly clock: Clock
    readonly random: Random
  }) {
    this.#records = options.records
    this.#key = options.key
    this.#clock = options.clock
    this.#random = options.random
  }

  /** Throws `malformed` for grants that cannot be. Times are milliseconds since the Unix epoch. */
  issue({ user, name, documents, cursor, lifetimeMs, sessionMs }: TicketRequest): { readonly ticket: string; readonly expiresAt: number } {
    checkGrants(documents)
    const issuedAt = this.#clock.now()
    const validUntil = issuedAt + lifetimeMs
    const content: TicketContent = { id: randomId(this.#random, ID_BYTES), user, name, documents, cursor, issuedAt, validUntil, sessionMs }
    const text = Buffer.from(JSON.stringify(content)).toString('base64url')
    return { ticket: `wt_${text}.${this.#mac(text).toString('base64url')}`, expiresAt: validUntil }
  }

  async authenticate(token: string): Promise<Identity | null> {
    if (!token.startsWith('wt_')) return null
    const [, text = '', mac = ''] = FORM.exec(token) ?? []
    if (text === '' || !timingSafeEqual(this.#mac(text), Buffer.from(mac, 'base64url')))
      throw new WeftError('unauthenticated', 'This ticket is none that was issued here.')
    // The signature vouches for the shape: only `issue` writes these.
    const { id, user, name, documents, cursor, issuedAt, validUntil, sessionMs } = JSON.parse(
      Buffer.from(text, 'base64url').toString('utf8'),
    ) as TicketContent
    const now = this.#clock.now()
    if (now > validUntil + CLOCKS_APART_MS_MAX) throw new WeftError('unauthenticated', 'This ticket has expired; get another one.')
    const lifetimeMs = validUntil + CLOCKS_APART_MS_MAX - now + REMEMBERED_MS
    if (!(await this.#records().insert({ kind: 'used', id, value: '{}', lifetimeMs })))
      throw new WeftError('unauthenticated', 'This ticket was used before; get another one.')
    return {
      user,
      name,
      rights: new Rights(documents),
      cursor,
      issuedAt,
      expiresAt: sessionMs === null ? null : now + sessionMs,
      tokenId: id,
    }
  }

  #mac(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest()
  }
}

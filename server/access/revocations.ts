// Who was let in and shall not be: a user, a token or a session. What was issued before a revocation counts no more, and sessions that are
// open end (X3).

import type { Clock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { KeyedRecord, KeyedRecords } from '../../persistence/keyed-records.js'

export const revocationKinds = ['user', 'token', 'session'] as const
export type RevocationKind = (typeof revocationKinds)[number]

export interface Revocation {
  readonly kind: RevocationKind
  readonly id: string
  readonly createdAt: number
  readonly expiresAt: number | null
}

/** Somebody who was let in. */
export interface Holder {
  readonly user: string | null
  readonly tokenId: string | null
  /** Null where it is no session. */
  readonly sessionId: string | null
  /**
   * When what they showed was issued, in milliseconds since the Unix epoch. Null: the application said yes at `askedAt`, and is asked
   * again.
   */
  readonly issuedAt: number | null
  /** On the monotonic clock. */
  readonly askedAt: number
}

interface Known extends Revocation {
  /** When this node heard of it, on the monotonic clock. */
  readonly seenAt: number
}

export class Revocations {
  readonly #records: () => KeyedRecords
  readonly #clock: Clock
  readonly #refresh: () => Promise<void>
  /** By `kind:id`. */
  #known = new Map<string, Known>()

  /** `refresh` reads what the records hold and calls `read` with it. */
  constructor(options: { readonly records: () => KeyedRecords; readonly clock: Clock; readonly refresh: () => Promise<void> }) {
    this.#records = options.records
    this.#clock = options.clock
    this.#refresh = options.refresh
  }

  /** The records as they are now. Answers whether there is anything in them that this node did not know. */
  read(records: readonly KeyedRecord[]): boolean {
    const now = this.#clock.monotonic()
    let news = false
    this.#known = new Map(
      records.map((record) => {
        const { id, createdAt, expiresAt } = record
        const before = this.#known.get(id)
        const isSame = before !== undefined && before.createdAt === createdAt
        if (!isSame) news = true
        const kind = revocationKinds.find((one) => id.startsWith(`${one}:`)) ?? 'session'
        return [id, { kind, id: id.slice(kind.length + 1), createdAt, expiresAt, seenAt: isSame ? before.seenAt : now }]
      }),
    )
    return news
  }

  /** In force on this node when it resolves, on the others within seconds. `lifetimeMs`: how long it counts; null for good. */
  async revoke(kind: RevocationKind, id: string, lifetimeMs: number | null): Promise<void> {
    await this.#records().put({ kind: 'revocation', id: `${kind}:${id}`, value: '{}', lifetimeMs })
    await this.#refresh()
  }

  /** Takes it back. False when there is none. */
  async lift(kind: RevocationKind, id: string): Promise<boolean> {
    const lifted = await this.#records().remove('revocation', `${kind}:${id}`)
    await this.#refresh()
    return lifted
  }

  list(): readonly Revocation[] {
    return [...this.#known.values()].map(({ kind, id, createdAt, expiresAt }) => ({ kind, id, createdAt, expiresAt }))
  }

  isRevoked(holder: Holder): boolean {
    return (
      this.#hits('user', holder.user, holder) ||
      this.#hits('token', holder.tokenId, holder) ||
      this.#hits('session', holder.sessionId, holder)
    )
  }

  /** Throws `unauthenticated`. */
  check(holder: Holder): void {
    if (this.isRevoked(holder)) throw revoked()
  }

  #hits(kind: RevocationKind, id: string | null, { issuedAt, askedAt }: Holder): boolean {
    const known = id === null ? undefined : this.#known.get(`${kind}:${id}`)
    if (known === undefined) return false
    // A token that was revoked stays so, whenever it was issued.
    if (kind !== 'user') return true
    return issuedAt === null ? known.seenAt >= askedAt : known.createdAt >= issuedAt
  }
}

export function revoked(): WeftError {
  return new WeftError('unauthenticated', 'Your access was revoked; sign in again.')
}

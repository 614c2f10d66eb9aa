// Who was let in and shall not be: a user, a token or a session. What was issued before a revocation counts no more, and sessions that are
// open end (X3). All sessions of a document are closed in the same way; whoever had one may come back at once.
import { createHash } from 'node:crypto'
import type { Clock } from '../../core/clock.js'
import { WeftError } from '../../core/errors.js'
import type { KeyedRecord, KeyedRecords } from '../../persistence/keyed-records.js'

export const revocationKinds = ['user', 'token', 'session'] as const
export type RevocationKind = (typeof revocationKinds)[number]

/** Longer than the slowest node takes to hear of it. */
const CLOSING_MS = 60_000

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
  readonly documentId: string
  /**
   * When what they showed was issued, in milliseconds since the Unix epoch. Null: the application said yes at `askedAt`, and is asked
   * again.
   */
  readonly issuedAt: number | null
  /** On the monotonic clock. */
  readonly askedAt: number
}

interface Known extends Omit<Revocation, 'kind'> {
  readonly kind: RevocationKind | 'document'
  /** When this node heard of it, on the monotonic clock. */
  readonly seenAt: number
}

export class Revocations {
  readonly #records: () => KeyedRecords
  readonly #clock: Clock
  readonly #refresh: () => Promise<void>
  /** By the ids of the records: `kind:id`, and of a document a digest in the place of the id, which may be longer than the id of a record. */
  #known = new Map<string, Known>()
  /** How many of them close a document's sessions. */
  #closings = 0

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
    let closings = 0
    this.#known = new Map(
      records.map((record) => {
        const { id, createdAt, expiresAt } = record
        const before = this.#known.get(id)
        const isSame = before !== undefined && before.createdAt === createdAt
        if (!isSame) news = true
        const kind = [...revocationKinds, 'document' as const].find((one) => id.startsWith(`${one}:`)) ?? 'session'
        if (kind === 'document') closings += 1
        return [id, { kind, id: id.slice(kind.length + 1), createdAt, expiresAt, seenAt: isSame ? before.seenAt : now }]
      }),
    )
    this.#closings = closings
    return news
  }

  /** In force on this node when it resolves, on the others within seconds. `lifetimeMs`: how long it counts; null for good. */
  async revoke(kind: RevocationKind, id: string, lifetimeMs: number | null): Promise<void> {
    await this.#records().put({ kind: 'revocation', id: `${kind}:${id}`, value: '{}', lifetimeMs })
    await this.#refresh()
  }

  /** Ends all sessions that a document has: on this node when it resolves, on the others within seconds. Those that begin afterwards stay. */
  async closeDocument(documentId: string): Promise<void> {
    await this.#records().put({ kind: 'revocation', id: closingOf(documentId), value: '{}', lifetimeMs: CLOSING_MS })
    await this.#refresh()
  }

  /** Takes it back. False when there is none. */
  async lift(kind: RevocationKind, id: string): Promise<boolean> {
    const lifted = await this.#records().remove('revocation', `${kind}:${id}`)
    await this.#refresh()
    return lifted
  }

  list(): readonly Revocation[] {
    return [...this.#known.values()].flatMap(({ kind, id, createdAt, expiresAt }) =>
      kind === 'document' ? [] : [{ kind, id, createdAt, expiresAt }],
    )
  }

  /** Why they may not go on: `unauthenticated` or `sessions-closed`. Null if they may. */
  refusalOf(holder: Holder): WeftError | null {
    if (this.#known.size === 0) return null
    const isRevoked =
      this.#hits('user', holder.user, holder) ||
      this.#hits('token', holder.tokenId, holder) ||
      this.#hits('session', holder.sessionId, holder)
    if (isRevoked) return new WeftError('unauthenticated', 'Your access was revoked; sign in again.')
    return this.#closings > 0 && this.#isClosing(holder)
      ? new WeftError('sessions-closed', 'All sessions of this document were closed; connect again.')
      : null
  }

  /** Throws what `refusalOf` says. */
  check(holder: Holder): void {
    const refusal = this.refusalOf(holder)
    if (refusal !== null) throw refusal
  }

  #hits(kind: RevocationKind, id: string | null, { issuedAt, askedAt }: Holder): boolean {
    const known = id === null ? undefined : this.#known.get(`${kind}:${id}`)
    if (known === undefined) return false
    // A token that was revoked stays so, whenever it was issued.
    if (kind !== 'user') return true
    return issuedAt === null ? known.seenAt >= askedAt : known.createdAt >= issuedAt
  }

  /** Whoever was asked about before this node heard of it; also one whom the application let in on what it knew before, and who is not in yet. */
  #isClosing({ documentId, askedAt }: Holder): boolean {
    const known = this.#known.get(closingOf(documentId))
    return known !== undefined && known.seenAt >= askedAt
  }
}

function closingOf(documentId: string): string {
  return `document:${createHash('sha256').update(documentId).digest('base64url')}`
}

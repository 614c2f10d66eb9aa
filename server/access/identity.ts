// Who somebody is and what they may do, as one of the authenticators found out from what they showed.
import { WeftError } from '../../core/errors.js'
import type { Authorization } from './authorize.js'
import { isAtLeast, type Rights } from './rights.js'

export interface Identity {
  /** Null when nobody knows. */
  readonly user: string | null
  /** For people; null when there is none. */
  readonly name: string | null
  readonly rights: Rights
  /** Whether they may show a cursor and presence. */
  readonly cursor: boolean
  /** When what they showed was issued; milliseconds since the Unix epoch, 0 when it does not say. */
  readonly issuedAt: number
  /** When it ends; null: it does not. */
  readonly expiresAt: number | null
  /** Names what they showed, so that it can be revoked; null when it has no name. */
  readonly tokenId: string | null
}

/** What a request shows. */
export interface Authenticator {
  /** Null: it is nothing that this one knows. Rejects with `unauthenticated` for what looks like it and is not good. */
  authenticate(token: string): Promise<Identity | null>
}

/** What the identity may do with a document, or with all that begin so. Throws `forbidden`. */
export function authorizationOf(identity: Identity, documentId: string, scope: 'document' | 'prefix'): Authorization {
  const { user, name, rights, cursor, issuedAt, expiresAt, tokenId } = identity
  const right = scope === 'document' ? rights.on(documentId) : rights.onAllUnder(documentId)
  if (right === null) {
    const refusal = new WeftError('forbidden', refusalOf(rights, documentId, scope))
    refusedUsers.set(refusal, user)
    throw refusal
  }
  const permission = isAtLeast(right, 'write') ? 'read-write' : 'read-only'
  return { user, name, permission, admin: right === 'admin', cursor, issuedAt, expiresAt, tokenId }
}

function refusalOf({ isEmpty }: Rights, documentId: string, scope: 'document' | 'prefix'): string {
  if (isEmpty) return 'You are known here, and nothing is granted to you: a token names documents in its claim weft.documents.'
  if (scope === 'document') return 'This document was not shared with you.'
  return `This is about all documents${documentId === '' ? '' : ' whose ids begin so'}: it takes a right on the pattern "${documentId}**", and you have none.`
}

/** Whom a right was refused that the others do not know of. */
const refusedUsers = new WeakMap<object, string | null>()

/** Who was refused, for the audit trail; null if nobody knows who that was. */
export function refusedUserOf(refusal: unknown): string | null {
  return typeof refusal === 'object' && refusal !== null ? (refusedUsers.get(refusal) ?? null) : null
}

// The hook of the embedding program: who a client is and what it may do with a document, where the program knows that best.

import { type Clock, settlesWithin } from '../../core/clock.js'
import { isErrorCode, WeftError, type WeftErrorCode } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { Permission } from '../../core/permission.js'
import { isUserId } from '../../core/user-id.js'
import type { Visit } from './visit.js'

export interface AuthorizeRequest extends Visit {
  /** Or, where `scope` is `prefix`, what ids begin with; empty for all documents. */
  readonly documentId: string
  /** `prefix`: the API asks about all documents that begin so, such as for a list of them. */
  readonly scope: 'document' | 'prefix'
  /** What the client shows: in a message of its dialect, or with its request. Empty when there is none. */
  readonly token: string
}

export interface Authorization {
  /** Who it is, 1 to 256 bytes of UTF-8: stored with what they write, and told in presence. Null when unknown. */
  readonly user: string | null
  readonly permission: Permission
  /** Whether they may see and change the history of the document, restore and delete it, over the API. Default: they may not. */
  readonly admin?: boolean
  /** Who it is, for people. Default: null. */
  readonly name?: string | null
  /** Whether they may show a cursor and presence. Default: they may. */
  readonly cursor?: boolean
  /** Whether they may send messages to others (`broadcast`). Default: whoever may write may. */
  readonly messages?: boolean
  /** When the right ends, in milliseconds since the Unix epoch: the session ends then. Default: null, it does not. */
  readonly expiresAt?: number | null
  /** Names what they showed, so that it can be revoked. Default: null. */
  readonly tokenId?: string | null
  /** When what they showed was issued, in milliseconds since the Unix epoch: a later revocation of the user counts. Default: null, when this was asked. */
  readonly issuedAt?: number | null
}

/**
 * Throws (or rejects with) a WeftError `unauthenticated`, `forbidden` or `no-such-document`, whose words the client gets to read. Anything else that is thrown
 * refuses the client too, with 4403 and words that tell nothing; the log has the error.
 */
export type Authorize = (request: AuthorizeRequest) => Promise<Authorization> | Authorization

export const allowEverybody = (): Promise<Authorization> => Promise.resolve({ user: null, permission: 'read-write', admin: true })

export interface AuthorizeGuard {
  readonly clock: Clock
  readonly logger: Logger
  readonly limits: { readonly authorizeMsMax: number }
}

/** The hook as the server asks it: answers or rejects with a WeftError within `authorizeMsMax`, whatever the hook does. */
export function guardedAuthorize(
  authorize: Authorize,
  { clock, logger, limits }: AuthorizeGuard,
): (request: AuthorizeRequest) => Promise<Authorization> {
  return async (request) => {
    const { documentId } = request
    // The hook may throw before it returns a promise.
    const asked = (async () => authorize(request))()
    if (!(await settlesWithin(clock, limits.authorizeMsMax, asked))) {
      logger.error(
        { documentId, authorizeMsMax: limits.authorizeMsMax },
        'authorize did not answer in time; the client was told to try again',
      )
      throw new WeftError('overloaded', 'The server could not find out in time what you may do here; try again.')
    }
    let answer: unknown
    try {
      answer = await asked
    } catch (thrown) {
      const refusal = refusalIn(thrown)
      if (refusal !== null) throw refusal
      logger.error({ documentId, err: thrown }, 'authorize failed, and the client was refused; to say why, let it throw a WeftError')
      throw refusedWithoutReason()
    }
    if (isAuthorization(answer)) {
      const { user, permission, admin, name, cursor, messages, expiresAt, tokenId, issuedAt } = answer
      return {
        user: user ?? null,
        permission,
        admin: admin === true,
        name: typeof name === 'string' ? name : null,
        cursor: cursor !== false,
        messages: typeof messages === 'boolean' ? messages : permission === 'read-write',
        expiresAt: typeof expiresAt === 'number' ? expiresAt : null,
        tokenId: typeof tokenId === 'string' ? tokenId : null,
        issuedAt: typeof issuedAt === 'number' ? issuedAt : null,
      }
    }
    logger.error(
      { documentId },
      "authorize answered something else than { user, permission: 'read-write' | 'read-only' }, with a user of 1 to 256 bytes or null; the client was refused",
    )
    throw refusedWithoutReason()
  }
}

/** The refusal that a hook threw. It may be of another copy of this module, as in a program that uses both kinds of modules. */
function refusalIn(thrown: unknown): WeftError | null {
  if (thrown instanceof WeftError) return thrown
  if (!(thrown instanceof Error) || thrown.name !== 'WeftError' || !('code' in thrown)) return null
  const { code } = thrown
  return typeof code === 'string' && isErrorCode(code)
    ? new WeftError(code satisfies WeftErrorCode, thrown.message, { cause: thrown.cause })
    : null
}

function refusedWithoutReason(): WeftError {
  return new WeftError('forbidden', 'You may not open this document.')
}

function isAuthorization(
  answer: unknown,
): answer is { readonly user?: string | null; readonly permission: Permission } & Readonly<
  Record<'admin' | 'name' | 'cursor' | 'messages' | 'expiresAt' | 'tokenId' | 'issuedAt', unknown>
> {
  if (typeof answer !== 'object' || answer === null) return false
  const { user, permission } = answer as { readonly user?: unknown; readonly permission?: unknown }
  return (
    (permission === 'read-write' || permission === 'read-only') &&
    (user === undefined || user === null || (typeof user === 'string' && isUserId(user)))
  )
}

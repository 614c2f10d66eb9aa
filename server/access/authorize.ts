// The seam for access control: who a client is and what it may do with a document. The default lets everybody read and write.

import { type Clock, settlesWithin } from '../../core/clock.js'
import { isErrorCode, WeftError, type WeftErrorCode } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { Permission } from '../../core/permission.js'
import { isUserId } from '../../core/user-id.js'

export interface AuthorizeRequest {
  readonly documentId: string
  /** The token of the open request or hello (weft), or the URL parameter `token` (y-websocket); empty when there is none. */
  readonly token: string
  /** The URL parameters of the upgrade request. */
  readonly parameters: URLSearchParams
  /** The WebSocket subprotocols that the client offered; the option `protocols` of the y-websocket provider. */
  readonly protocols: readonly string[]
  /** The Origin header, or null. */
  readonly origin: string | null
}

export interface Authorization {
  /** Who it is, 1 to 256 bytes of UTF-8: stored with what they write, and told in presence. Null when unknown. */
  readonly user: string | null
  readonly permission: Permission
  /** Whether they may see and change the history of the document, restore and delete it, over the API. Default: they may not. */
  readonly admin?: boolean
}

/**
 * Throws (or rejects with) a WeftError `unauthenticated`, `forbidden` or `no-such-document`, whose words the client gets to read. Anything else that is thrown
 * refuses the client too, with 4403 and words that tell nothing; the log has the error.
 */
export type Authorize = (request: AuthorizeRequest) => Promise<Authorization> | Authorization

export const allowEverybody = (): Promise<Authorization> => Promise.resolve({ user: null, permission: 'read-write' })

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
    if (isAuthorization(answer)) return { user: answer.user ?? null, permission: answer.permission, admin: answer.admin === true }
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
): answer is { readonly user?: string | null; readonly permission: Permission; readonly admin?: unknown } {
  if (typeof answer !== 'object' || answer === null) return false
  const { user, permission } = answer as { readonly user?: unknown; readonly permission?: unknown }
  return (
    (permission === 'read-write' || permission === 'read-only') &&
    (user === undefined || user === null || (typeof user === 'string' && isUserId(user)))
  )
}

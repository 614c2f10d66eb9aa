// GET /api/documents/:id/presence: who is on a document, on all nodes, as JSON. The id is percent-encoded into one path segment ("/" is %2F).
// Whoever may open the document may ask: the token comes as `Authorization: Bearer …` or as the URL parameter `token`, as in a client's address.
import type { IncomingMessage } from 'node:http'
import { checkDocumentId } from '../../core/document-id.js'
import { percentDecoded } from '../../core/document-path.js'
import { asWeftError, type WeftErrorCode } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { PresenceRegistry } from '../presence/presence-registry.js'

export interface PresenceRequest {
  readonly documentId: string
  /** Empty when there is none. */
  readonly token: string
  readonly parameters: URLSearchParams
  readonly protocols: readonly string[]
  readonly origin: string | null
}

export interface PresenceOptions {
  readonly registry: PresenceRegistry
  readonly documentIdBytesMax: number
  readonly logger: Logger
  /** Rejects with a WeftError when the one who asks may not read the document. */
  authorize(request: PresenceRequest): Promise<unknown>
}

export interface JsonAnswer {
  readonly status: number
  /** Never rejects. */
  readonly body: () => unknown
}

const pathPattern = /^\/api\/documents\/([^/]+)\/presence$/

const statuses: Partial<Record<WeftErrorCode, number>> = {
  malformed: 400,
  'invalid-document-id': 400,
  unauthenticated: 401,
  forbidden: 403,
  'no-such-document': 404,
  overloaded: 503,
}

/** Answers a request for presence; null if `path` is no such request. Never rejects. */
export async function answerPresence(options: PresenceOptions, request: IncomingMessage, path: string): Promise<JsonAnswer | null> {
  const encodedId = pathPattern.exec(path)?.[1]
  if (encodedId === undefined) return null
  try {
    const documentId = checkDocumentId(percentDecoded(encodedId), options.documentIdBytesMax)
    const parameters = parametersOf(request.url ?? '')
    const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    const token = bearer ?? parameters.get('token') ?? ''
    await options.authorize({ documentId, token, parameters, protocols: [], origin: request.headers.origin ?? null })
    return { status: 200, body: () => options.registry.documentPresence(documentId) }
  } catch (thrown) {
    const error = asWeftError(thrown)
    const status = statuses[error.code] ?? 500
    if (status === 500) options.logger.error({ err: thrown }, 'a request for presence failed')
    return { status, body: () => ({ error: error.code, message: error.message }) }
  }
}

function parametersOf(url: string): URLSearchParams {
  const question = url.indexOf('?')
  return new URLSearchParams(question < 0 ? '' : url.slice(question + 1))
}

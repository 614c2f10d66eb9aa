// Who is on a document, on all nodes.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Clock } from '../../../core/clock.js'
import { WeftError } from '../../../core/errors.js'
import type { Limits } from '../../../core/limits.js'
import { Turnstile } from '../../../core/turnstile.js'
import type { PresenceRegistry } from '../../presence/presence-registry.js'
import { type ApiAccess, admit } from '../framework/api-access.js'
import { documentIdOf, documentParameter } from '../framework/document-parameter.js'
import type { ApiEnvironment } from '../framework/environment.js'
import { problemAnswers } from '../framework/problems.js'

export interface PresenceOptions {
  readonly access: ApiAccess
  readonly clock: Clock
  readonly limits: Pick<Limits, 'documentIdBytesMax'>
  /** Null while the node is not there yet. */
  readonly presence: () => PresenceRegistry | null
}

/** A large answer takes milliseconds to be put together, to be put into words, and to be handed to each who asked, and a hundred may be asked for at once (G7). */
const ANSWERS_AT_ONCE = 4
const STEPS_AT_ONCE = 1

const presenceSchema = z
  .object({
    documentId: z.string(),
    clients: z.array(
      z.object({
        clientId: z.int().openapi({ description: 'The Yjs client id.' }),
        node: z.string(),
        user: z.string().nullable(),
        state: z.unknown().openapi({ description: 'The awareness state; null where it was left out for its size.' }),
      }),
    ),
    clientCount: z.int(),
    sessionCount: z.int(),
    complete: z.boolean().openapi({ description: 'False while other nodes cannot be asked.' }),
  })
  .openapi('Presence')

const route = createRoute({
  method: 'get',
  path: '/api/v1/documents/{id}/presence',
  summary: 'Who is on a document, on all nodes',
  request: { params: documentParameter },
  responses: { 200: { description: 'Who is there.', content: { 'application/json': { schema: presenceSchema } } }, ...problemAnswers },
})

export function addPresence(app: OpenAPIHono<ApiEnvironment>, { access, clock, limits, presence }: PresenceOptions): void {
  const turnstile = new Turnstile(ANSWERS_AT_ONCE, clock)
  const steps = new Turnstile(STEPS_AT_ONCE, clock)
  /** Answers that are not begun: whoever asks the same meanwhile gets the same. */
  const waiting = new Map<string, Promise<Buffer<ArrayBuffer>>>()

  const makeAnswer = async (registry: PresenceRegistry, documentId: string): Promise<Buffer<ArrayBuffer>> => {
    const leave = await turnstile.enter()
    waiting.delete(documentId)
    try {
      const present = await registry.documentPresence(documentId)
      const done = await steps.enter()
      try {
        return Buffer.from(`${JSON.stringify(present)}\n`)
      } finally {
        done()
      }
    } finally {
      leave()
    }
  }
  const answer = (registry: PresenceRegistry, documentId: string): Promise<Buffer<ArrayBuffer>> => {
    const shared = waiting.get(documentId)
    if (shared !== undefined) return shared
    const made = makeAnswer(registry, documentId)
    waiting.set(documentId, made)
    return made
  }

  app.openapi(route, async (context) => {
    const documentId = documentIdOf(context, limits.documentIdBytesMax)
    const registry = presence()
    if (registry === null) throw new WeftError('overloaded', 'This node is not serving yet.')
    await admit(access, context, documentId, 'read')
    const body = await answer(registry, documentId)
    const done = await steps.enter()
    try {
      // The length lets the listener count it while nobody takes it.
      return context.body(body, 200, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': String(body.length) }) as never
    } finally {
      done()
    }
  })
}

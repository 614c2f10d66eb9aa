// What a program elsewhere says to those who are connected: to a document, to a user on all their connections, to one session. At most once, and never stored.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { WeftError } from '../../../core/errors.js'
import type { Limits } from '../../../core/limits.js'
import { isUserId } from '../../../core/user-id.js'
import type { AppMessages, Recipients } from '../../messages/app-messages.js'
import { type ApiAccess, admit, admitToAll } from '../framework/api-access.js'
import { documentIdOf, documentParameter } from '../framework/document-parameter.js'
import type { ApiEnvironment } from '../framework/environment.js'
import { idParameter } from '../framework/id-parameter.js'
import { answers, json, jsonBody } from '../framework/json-route.js'

export interface MessageRouteOptions {
  readonly access: ApiAccess
  readonly limits: Pick<Limits, 'documentIdBytesMax'>
  /** Null while the node is not there yet. */
  readonly messages: () => AppMessages | null
}

const body = jsonBody(z.object({ payload: z.string().openapi({ description: 'What clients get, as it is.' }) }))
const sent = answers(z.object({ sent: z.literal(true) }), 'It is on its way to whoever is connected; nobody knows who gets it.')

const documentRoute = createRoute({
  method: 'post',
  path: '/api/v1/documents/{id}/messages',
  summary: 'Says something to everybody who has a document open. Takes the right to write',
  request: { params: documentParameter, body },
  responses: sent,
})

const userRoute = createRoute({
  method: 'post',
  path: '/api/v1/users/{id}/messages',
  summary: 'Says something to a user, once on each of their connections, on all nodes',
  request: { params: idParameter, body },
  responses: sent,
})

const sessionRoute = createRoute({
  method: 'post',
  path: '/api/v1/sessions/{id}/messages',
  summary: 'Says something to one session, on whichever node it is',
  request: { params: idParameter, body },
  responses: sent,
})

export function addMessages(app: OpenAPIHono<ApiEnvironment>, { access, limits, messages }: MessageRouteOptions): void {
  const send = (to: Recipients, payload: string, user: string | null): { readonly sent: true } => {
    const found = messages()
    if (found === null) throw new WeftError('overloaded', 'This node is not serving yet.')
    found.send(to, payload, user)
    return { sent: true }
  }
  app.openapi(documentRoute, async (context) => {
    const documentId = documentIdOf(context, limits.documentIdBytesMax)
    const { user } = await admit(access, context, documentId, 'write')
    return json(context, send({ kind: 'document', documentId }, context.req.valid('json').payload, user))
  })
  app.openapi(userRoute, async (context) => {
    const { user } = await admitToAll(access, context, '', 'admin')
    const { id } = context.req.valid('param')
    if (!isUserId(id)) throw new WeftError('malformed', 'The id of a user has 1 to 256 bytes of UTF-8.')
    return json(context, send({ kind: 'user', user: id, documentId: null }, context.req.valid('json').payload, user))
  })
  app.openapi(sessionRoute, async (context) => {
    const { user } = await admitToAll(access, context, '', 'admin')
    const { id } = context.req.valid('param')
    return json(context, send({ kind: 'session', sessionId: id, documentId: null }, context.req.valid('json').payload, user))
  })
}

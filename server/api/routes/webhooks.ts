// Webhooks: the addresses that are told, and what they did not take. All of it takes the right "admin" on everything, since they are told of everything.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { WeftError } from '../../../core/errors.js'
import { webhookEventNames } from '../../webhooks/webhook-events.js'
import type { Webhooks } from '../../webhooks/webhooks.js'
import { type ApiAccess, onlyForAdmins } from '../framework/api-access.js'
import type { ApiEnvironment } from '../framework/environment.js'
import { idParameter } from '../framework/id-parameter.js'
import { answers, json, jsonBody, pageSchemaOf } from '../framework/json-route.js'
import { newestFirst, pageQuery } from '../framework/newest-first.js'

export interface WebhookRouteOptions {
  readonly access: ApiAccess
  /** Null while the node is not there. */
  readonly webhooks: () => Pick<Webhooks, 'list' | 'create' | 'remove' | 'deadLetters' | 'redeliver' | 'forget'> | null
}

const eventsSchema = z.array(z.enum(webhookEventNames)).min(1)

const endpointSchema = z
  .object({
    id: z.string().nullable().openapi({ description: 'Null: it is of the settings.' }),
    url: z.string().openapi({ description: 'Of those of the settings without what may be secret in it.' }),
    events: eventsSchema,
    createdAt: z.int().nullable(),
  })
  .openapi('Webhook')

const deadLetterSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    type: z.string(),
    at: z.int(),
    documentId: z.string(),
    reason: z.string().openapi({ description: 'Why the address did not take it the last time.' }),
  })
  .openapi('DeadLetter')

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/webhooks',
  summary: 'The addresses that are told, without their secrets',
  responses: answers(z.object({ items: z.array(endpointSchema) }), 'All of them.'),
})

const createWebhookRoute = createRoute({
  method: 'post',
  path: '/api/v1/webhooks',
  summary: 'Adds an address: it is told of what happens from now on, by every node within 5 s',
  request: {
    body: jsonBody(
      z.object({
        url: z
          .string()
          .max(2_000)
          .refine((url) => /^https?:\/\/./.test(url) && URL.canParse(url), { error: 'takes a web address' }),
        events: eventsSchema.default(['document.changed']),
        secret: z
          .string()
          .min(24)
          .max(500)
          .nullable()
          .default(null)
          .openapi({ description: 'What messages are signed with: whsec_ and base64, or any text. Default: one is made.' }),
      }),
    ),
  },
  responses: answers(endpointSchema.extend({ secret: z.string() }), 'The address. `secret` is told this once.', 201),
})

const removeRoute = createRoute({
  method: 'delete',
  path: '/api/v1/webhooks/{id}',
  summary: 'Tells an address no more; what waits for it, and its dead letters, are forgotten',
  request: { params: idParameter },
  responses: answers(z.object({ removed: z.boolean() }), 'Whether there was one.'),
})

const deadLettersRoute = createRoute({
  method: 'get',
  path: '/api/v1/webhooks/dead-letters',
  summary: 'Events that their addresses did not take, and that are tried no more',
  request: { query: pageQuery },
  responses: answers(pageSchemaOf(deadLetterSchema), 'A page, the newest first.'),
})

const redeliverRoute = createRoute({
  method: 'post',
  path: '/api/v1/webhooks/dead-letters/{id}/redeliver',
  summary: 'Tries a dead letter anew, as often as the first time',
  request: { params: idParameter },
  responses: answers(z.object({ redelivering: z.boolean() }), 'Whether there was one.'),
})

const forgetRoute = createRoute({
  method: 'delete',
  path: '/api/v1/webhooks/dead-letters/{id}',
  summary: 'Forgets a dead letter',
  request: { params: idParameter },
  responses: answers(z.object({ removed: z.boolean() }), 'Whether there was one.'),
})

export function addWebhooks(app: OpenAPIHono<ApiEnvironment>, { access, webhooks }: WebhookRouteOptions): void {
  onlyForAdmins(app, access, ['/api/v1/webhooks'])
  const serving = () => {
    const found = webhooks()
    if (found === null) throw new WeftError('overloaded', 'This node is not serving yet; try again.')
    return found
  }
  app.openapi(listRoute, async (context) => {
    return json(context, { items: await serving().list() })
  })
  app.openapi(createWebhookRoute, async (context) => {
    const wanted = context.req.valid('json')
    try {
      return json(context, await serving().create(wanted), 201)
    } catch (thrown) {
      if (thrown instanceof WeftError && thrown.code === 'invalid-configuration')
        throw new WeftError('malformed', `secret: ${thrown.message}`)
      throw thrown
    }
  })
  // In front of the one with an id, which would take it for one.
  app.openapi(deadLettersRoute, async (context) => {
    const all = await serving().deadLetters()
    return json(
      context,
      newestFirst(all, ({ at, id }) => ({ at, name: id }), context.req.valid('query')),
    )
  })
  app.openapi(redeliverRoute, async (context) => {
    return json(context, { redelivering: await serving().redeliver(context.req.valid('param').id) })
  })
  app.openapi(forgetRoute, async (context) => {
    return json(context, { removed: await serving().forget(context.req.valid('param').id) })
  })
  app.openapi(removeRoute, async (context) => {
    return json(context, { removed: await serving().remove(context.req.valid('param').id) })
  })
}

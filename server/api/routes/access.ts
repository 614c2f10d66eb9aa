// Access: one-time tickets, API keys, revocations, and who is connected. All of it takes the right "admin", a ticket on the documents that
// it is for.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { WeftError } from '../../../core/errors.js'
import type { Limits } from '../../../core/limits.js'
import { isUserId } from '../../../core/user-id.js'
import type { AccessControl } from '../../access/access-control.js'
import { revocationKinds } from '../../access/revocations.js'
import { GRANTS_MAX, type Grants } from '../../access/rights.js'
import { type ApiAccess, admit, admitToAll, onlyForAdmins } from '../framework/api-access.js'
import { documentIdOf, documentParameter } from '../framework/document-parameter.js'
import type { ApiEnvironment } from '../framework/environment.js'
import { idParameter } from '../framework/id-parameter.js'
import { answers, json, jsonBody, pageSchemaOf } from '../framework/json-route.js'
import { newestFirst, pageQuery } from '../framework/newest-first.js'

export interface AccessRouteOptions {
  readonly access: ApiAccess
  readonly limits: Pick<Limits, 'documentIdBytesMax'>
  readonly accessControl: Pick<AccessControl, 'keys' | 'tickets' | 'revocations' | 'sessions'>
}

const SESSIONS_LISTED_MAX = 10_000
const TICKET_MS_MAX = 300_000
const YEAR_MS = 365 * 86_400_000
const DAY_MS = 86_400_000

const userSchema = z.string().refine(isUserId, { error: 'takes 1 to 256 bytes of UTF-8' })

const grantsSchema = z
  .record(z.string().min(1).max(512), z.enum(['read', 'write', 'admin']))
  .refine((grants) => Object.keys(grants).length >= 1 && Object.keys(grants).length <= GRANTS_MAX, {
    error: `takes 1 to ${GRANTS_MAX} patterns`,
  })
  .openapi({
    description: 'Pattern of documents → right. `*` stands for anything within a segment of the path, `**` for anything at all.',
    example: { 'notes/*': 'write', 'wiki/**': 'read' },
  })

const keySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    user: z.string(),
    documents: z.record(z.string(), z.string()),
    createdAt: z.int(),
    expiresAt: z.int().nullable(),
  })
  .openapi('ApiKey')

const revocationSchema = z
  .object({ kind: z.enum(revocationKinds), id: z.string(), createdAt: z.int(), expiresAt: z.int().nullable() })
  .openapi('Revocation')

const sessionSchema = z
  .object({
    sessionId: z.string(),
    documentId: z.string(),
    user: z.string().nullable(),
    name: z.string().nullable(),
    permission: z.enum(['read-write', 'read-only']),
    address: z.string().nullable().openapi({ description: 'Null: this machine.' }),
    since: z.int(),
  })
  .openapi('Session')

const ticketRoute = createRoute({
  method: 'post',
  path: '/api/v1/tickets',
  summary: 'A ticket for one of your users, good once and for a short time',
  request: {
    body: jsonBody(
      z.object({
        user: userSchema,
        name: z.string().max(256).nullable().default(null),
        documents: grantsSchema,
        cursor: z.boolean().default(true).openapi({ description: 'Whether they may show a cursor.' }),
        lifetimeMs: z.int().min(1_000).max(TICKET_MS_MAX).default(30_000).openapi({ description: 'How long it may be shown.' }),
        sessionMs: z
          .int()
          .min(1_000)
          .max(YEAR_MS)
          .nullable()
          .default(null)
          .openapi({ description: 'How long what it opens lasts; null: until it closes.' }),
      }),
    ),
  },
  responses: answers(z.object({ ticket: z.string(), expiresAt: z.int() }), 'The ticket, which is the token to connect with.', 201),
})

const keysRoute = createRoute({
  method: 'get',
  path: '/api/v1/keys',
  summary: 'The API keys, without their secrets',
  request: { query: pageQuery },
  responses: answers(pageSchemaOf(keySchema), 'A page, the newest first.'),
})

const createKeyRoute = createRoute({
  method: 'post',
  path: '/api/v1/keys',
  summary: 'Makes an API key',
  request: {
    body: jsonBody(
      z.object({
        name: z.string().min(1).max(200),
        user: userSchema.optional().openapi({ description: 'Whom what it writes is by. Default: `key:` and its name.' }),
        documents: grantsSchema,
        lifetimeMs: z
          .int()
          .min(1_000)
          .max(100 * YEAR_MS)
          .nullable()
          .default(null),
      }),
    ),
  },
  responses: answers(keySchema.extend({ secret: z.string() }), 'The key. `secret` is the token to show, and is told this once.', 201),
})

const removeKeyRoute = createRoute({
  method: 'delete',
  path: '/api/v1/keys/{id}',
  summary: 'Revokes an API key: sessions that were opened with it end',
  request: { params: idParameter },
  responses: answers(z.object({ removed: z.boolean() }), 'It counts no more.'),
})

const revocationsRoute = createRoute({
  method: 'get',
  path: '/api/v1/revocations',
  summary: 'What is revoked',
  request: { query: pageQuery },
  responses: answers(pageSchemaOf(revocationSchema), 'A page, the newest first.'),
})

const revokeRoute = createRoute({
  method: 'post',
  path: '/api/v1/revocations',
  summary: 'Ends the sessions of a user, a token or one session, on all nodes; what was issued to the user before counts no more',
  request: {
    body: jsonBody(
      z.object({
        kind: z.enum(revocationKinds),
        id: z.string().min(1).max(500),
        lifetimeMs: z
          .int()
          .min(1_000)
          .max(100 * YEAR_MS)
          .nullable()
          .optional()
          .openapi({ description: 'How long it is remembered. Longer than your tokens last. Default: for good; a day for a session.' }),
      }),
    ),
  },
  responses: answers(
    z.object({ kind: z.enum(revocationKinds), id: z.string() }),
    'It is in force here, and on the other nodes within 5 s.',
    201,
  ),
})

const liftRoute = createRoute({
  method: 'delete',
  path: '/api/v1/revocations/{kind}/{id}',
  summary: 'Takes a revocation back',
  request: { params: z.object({ kind: z.enum(revocationKinds), id: z.string().min(1).max(1_600) }) },
  responses: answers(z.object({ lifted: z.boolean() }), 'Whether there was one.'),
})

const sessionsRoute = createRoute({
  method: 'get',
  path: '/api/v1/sessions',
  summary: 'The sessions of the node that answers',
  request: { query: z.object({ documentId: z.string().optional(), user: z.string().optional() }) },
  responses: answers(z.object({ items: z.array(sessionSchema), total: z.int() }), `At most ${SESSIONS_LISTED_MAX} of them.`),
})

const closeSessionsRoute = createRoute({
  method: 'delete',
  path: '/api/v1/documents/{id}/sessions',
  summary: 'Closes all sessions of a document, on all nodes; whoever still may comes back at once',
  request: { params: documentParameter },
  responses: answers(
    z.object({ closed: z.int().openapi({ description: 'How many there were on the node that answers.' }) }),
    'They are closed here, and on the other nodes within 5 s.',
  ),
})

export function addAccess(app: OpenAPIHono<ApiEnvironment>, { access, accessControl, limits }: AccessRouteOptions): void {
  const { keys, tickets, revocations, sessions } = accessControl
  onlyForAdmins(app, access, ['/api/v1/keys', '/api/v1/revocations', '/api/v1/sessions'])
  app.openapi(ticketRoute, async (context) => {
    const wanted = context.req.valid('json')
    // Whoever makes a key or a ticket can give only rights that they have themselves.
    for (const pattern of Object.keys(wanted.documents))
      if (pattern.includes('*')) await admitToAll(access, context, pattern.slice(0, pattern.indexOf('*')), 'admin')
      else await admit(access, context, pattern, 'admin')
    return json(context, tickets.issue({ ...wanted, documents: wanted.documents as Grants }), 201)
  })
  app.openapi(keysRoute, async (context) => {
    return json(
      context,
      newestFirst(keys.list(), ({ createdAt, id }) => ({ at: createdAt, name: id }), context.req.valid('query')),
    )
  })
  app.openapi(createKeyRoute, async (context) => {
    const { name, user, documents, lifetimeMs } = context.req.valid('json')
    const keyUser = user ?? `key:${name}`
    if (!isUserId(keyUser)) throw new WeftError('malformed', 'name: is too long to be the user of the key; give it a user.')
    const { key, secret } = await keys.create({ name, user: keyUser, documents: documents as Grants, lifetimeMs })
    return json(context, { ...key, secret }, 201)
  })
  app.openapi(removeKeyRoute, async (context) => {
    const { id } = context.req.valid('param')
    const removed = await keys.remove(id)
    // Sessions that were opened with the key end with it.
    if (removed) await revocations.revoke('token', id, DAY_MS)
    return json(context, { removed })
  })
  app.openapi(revocationsRoute, async (context) => {
    return json(
      context,
      newestFirst(revocations.list(), ({ createdAt, kind, id }) => ({ at: createdAt, name: `${kind}:${id}` }), context.req.valid('query')),
    )
  })
  app.openapi(revokeRoute, async (context) => {
    const { kind, id, lifetimeMs } = context.req.valid('json')
    await revocations.revoke(kind, id, lifetimeMs === undefined ? (kind === 'session' ? DAY_MS : null) : lifetimeMs)
    return json(context, { kind, id }, 201)
  })
  app.openapi(liftRoute, async (context) => {
    const { kind, id } = context.req.valid('param')
    return json(context, { lifted: await revocations.lift(kind, id) })
  })
  app.openapi(closeSessionsRoute, async (context) => {
    const documentId = documentIdOf(context, limits.documentIdBytesMax)
    await admit(access, context, documentId, 'admin')
    const closed = sessions.countOn(documentId)
    await revocations.closeDocument(documentId)
    return json(context, { closed })
  })
  app.openapi(sessionsRoute, async (context) => {
    const { documentId, user } = context.req.valid('query')
    const items: z.infer<typeof sessionSchema>[] = []
    for (const session of sessions.all) {
      if (items.length >= SESSIONS_LISTED_MAX) break
      if ((documentId !== undefined && session.documentId !== documentId) || (user !== undefined && session.user !== user)) continue
      const { sessionId, documentId: on, user: who, name, permission, address, since } = session
      items.push({ sessionId, documentId: on, user: who, name, permission, address, since })
    }
    return json(context, { items, total: sessions.size })
  })
}

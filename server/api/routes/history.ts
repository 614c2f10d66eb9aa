// The history of a document: its versions, who changed it when, what changed, and bringing a moment back.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { WeftError } from '../../../core/errors.js'
import type { History } from '../../history/history.js'
import { type Attempt, answerOnce, idempotencyKeyHeader } from '../framework/answer-once.js'
import { documentParameter } from '../framework/document-parameter.js'
import type { ApiEnvironment } from '../framework/environment.js'
import { answers, json, jsonBody } from '../framework/json-route.js'
import {
  limitParameter,
  momentParameter,
  momentSchema,
  reportSchema,
  rootSchema,
  seqParameter,
  versionSchema,
} from '../framework/schemas.js'
import { admitted, type DocumentRouteOptions } from './documents.js'

const MINUTE_MS = 60_000

const versionsRoute = createRoute({
  method: 'get',
  path: '/api/v1/documents/{id}/versions',
  summary: 'Lists versions, newest first',
  request: {
    params: documentParameter,
    query: z.object({
      before: seqParameter.optional().openapi({ description: 'The `next` of the page before.' }),
      limit: limitParameter(1_000, 100),
      which: z.enum(['kept', 'all']).default('kept').openapi({ description: '`all`: also snapshots that nobody kept.' }),
    }),
  },
  responses: answers(z.object({ items: z.array(versionSchema), next: z.int().nullable() }), 'A page.'),
})

const label = {
  name: z.string().trim().min(1).max(200),
  description: z.string().max(4_000).nullable().optional(),
}

const keepRoute = createRoute({
  method: 'post',
  path: '/api/v1/documents/{id}/versions',
  summary: 'Keeps a moment as a version, which stays until it is dropped',
  request: {
    params: documentParameter,
    headers: z.object({ 'idempotency-key': idempotencyKeyHeader }),
    body: jsonBody(z.object({ ...label, at: momentParameter.default('now') })),
  },
  responses: answers(versionSchema, 'The version.', 201),
})

const versionParameters = documentParameter.extend({ seq: seqParameter })

const renamed = z
  .object({ name: label.name.optional(), description: label.description })
  .refine(({ name, description }) => name !== undefined || description !== undefined, {
    message: 'it takes a name, a description, or both',
  })
  .openapi({ description: 'What is left out stays as it is.' })

const renameRoute = createRoute({
  method: 'patch',
  path: '/api/v1/documents/{id}/versions/{seq}',
  summary: 'Renames a version',
  request: {
    params: versionParameters,
    headers: z.object({ 'idempotency-key': idempotencyKeyHeader }),
    body: jsonBody(renamed),
  },
  responses: answers(versionSchema, 'The version.'),
})

const dropRoute = createRoute({
  method: 'delete',
  path: '/api/v1/documents/{id}/versions/{seq}',
  summary: 'Drops a version: it may go as other snapshots do',
  request: { params: versionParameters, headers: z.object({ 'idempotency-key': idempotencyKeyHeader }) },
  responses: answers(z.object({ dropped: z.literal(true) }), 'It is dropped.'),
})

const sittingSchema = z
  .object({
    fromSeq: z.int(),
    throughSeq: z.int(),
    from: z.int(),
    through: z.int(),
    users: z.array(z.string()),
    unknownAuthors: z.boolean().openapi({ description: 'Whether some of it was written by somebody unknown.' }),
    edits: z.int(),
  })
  .openapi('Sitting')

const changesRoute = createRoute({
  method: 'get',
  path: '/api/v1/documents/{id}/changes',
  summary: 'Who changed the document when, in sittings, oldest first',
  request: {
    params: documentParameter,
    query: z.object({
      after: seqParameter.default(0),
      limit: limitParameter(1_000, 200),
      gap: z.coerce.number().min(0).max(1_440).default(5).openapi({ description: 'The longest pause within a sitting, in minutes.' }),
    }),
  },
  responses: answers(z.object({ items: z.array(sittingSchema), next: z.int().nullable() }), 'A page.'),
})

const diffRoute = createRoute({
  method: 'get',
  path: '/api/v1/documents/{id}/diff',
  summary: 'What changed between two moments, by words, by JSON patch, and as marked HTML for rich text',
  request: { params: documentParameter, query: z.object({ from: momentParameter, to: momentParameter.default('now') }) },
  responses: answers(
    z.object({
      from: momentSchema,
      to: momentSchema,
      roots: z.array(
        z.object({
          name: z.string(),
          kind: rootSchema.shape.kind,
          words: z.array(z.object({ change: z.enum(['same', 'added', 'removed']), text: z.string() })),
          patch: z.array(z.unknown()),
          html: z.string().nullable(),
        }),
      ),
    }),
    'The root types that differ.',
  ),
})

const authorsRoute = createRoute({
  method: 'get',
  path: '/api/v1/documents/{id}/authors',
  summary: 'Who wrote what is there at a moment: for each run of text, element and key',
  request: { params: documentParameter, query: z.object({ at: momentParameter.default('now') }) },
  responses: answers(
    z.object({
      seq: z.int(),
      at: z.int().nullable(),
      users: z.record(z.string(), z.string()).openapi({ description: 'Client id → user. An id that is not there is of nobody known.' }),
      roots: z.array(
        z.object({
          name: z.string(),
          kind: rootSchema.shape.kind,
          runs: z.array(z.object({ clientId: z.int(), text: z.string().nullable(), length: z.int() })),
          keys: z.record(z.string(), z.int()),
        }),
      ),
    }),
    'Who wrote what.',
  ),
})

const restoreRoute = createRoute({
  method: 'post',
  path: '/api/v1/documents/{id}/restore',
  summary: 'Makes the document read as it did, by one edit that editors see, and that restoring to just before takes back',
  request: {
    params: documentParameter,
    headers: z.object({ 'idempotency-key': idempotencyKeyHeader }),
    body: jsonBody(
      z.object({
        at: momentParameter,
        root: z.string().max(1_000).nullable().default(null).openapi({ description: 'Only this root type.' }),
        dryRun: z.boolean().default(false).openapi({ description: 'Says what it would do, and does nothing.' }),
      }),
    ),
  },
  responses: answers(
    reportSchema.extend({
      from: momentSchema,
      keptBefore: z.int().nullable().openapi({ description: 'The version that was kept before.' }),
      seq: z.int(),
    }),
    'What was done.',
  ),
})

export function addHistory(app: OpenAPIHono<ApiEnvironment>, options: DocumentRouteOptions): void {
  app.openapi(versionsRoute, async (context) => {
    const { before, limit, which } = context.req.valid('query')
    const { documentId, history } = await admitted(options, context, 'admin')
    await history.document(documentId)
    return json(context, await history.versions(documentId, { limit, which, ...(before === undefined ? {} : { before }) }))
  })
  app.openapi(keepRoute, async (context) => {
    const { name, description, at } = context.req.valid('json')
    const { documentId, history, asker } = await admitted(options, context, 'admin')
    return answerOnce(context, options, asker, async (attempt) => {
      const moment = await momentOf(history, documentId, at, attempt)
      return {
        value: await history.keep(documentId, { at: moment, name, description: description ?? null, author: asker.user }),
        status: 201,
      }
    })
  })
  app.openapi(renameRoute, async (context) => {
    const { seq } = context.req.valid('param')
    const { name, description } = context.req.valid('json')
    const { documentId, history, asker } = await admitted(options, context, 'admin')
    return answerOnce(context, options, asker, async () => {
      const [there] = (await history.versions(documentId, { before: seq + 1, limit: 1, which: 'all' })).items
      const before = there?.seq === seq ? there : null
      const label = {
        name: name ?? before?.name ?? '',
        description: description === undefined ? (before?.description ?? null) : description,
      }
      if (label.name === '' && before !== null) throw new WeftError('malformed', `v${seq} is a snapshot that nobody kept: it takes a name.`)
      const { user } = asker
      return {
        value: await history.keep(documentId, {
          at: `v${seq}`,
          ...label,
          author: (before?.name ?? null) === null ? user : (before?.author ?? null),
          user,
        }),
      }
    })
  })
  app.openapi(dropRoute, async (context) => {
    const { seq } = context.req.valid('param')
    const { documentId, history, asker } = await admitted(options, context, 'admin')
    return answerOnce(context, options, asker, async () => {
      await history.document(documentId)
      if (!(await history.drop(documentId, seq))) throw new WeftError('moment-gone', `There is no version v${seq} of this document.`)
      return { value: { dropped: true } }
    })
  })
  app.openapi(changesRoute, async (context) => {
    const { after, limit, gap } = context.req.valid('query')
    const { documentId, history } = await admitted(options, context, 'admin')
    return json(context, await history.changes(documentId, { afterSeq: after, limit, gapMs: gap * MINUTE_MS }))
  })
  app.openapi(diffRoute, async (context) => {
    const { from, to } = context.req.valid('query')
    const { documentId, history } = await admitted(options, context, 'admin')
    return json(context, await history.difference(documentId, from, to))
  })
  app.openapi(authorsRoute, async (context) => {
    const { at } = context.req.valid('query')
    const { documentId, history } = await admitted(options, context, 'admin')
    const { moment, roots, users } = await history.attribution(documentId, at)
    return json(context, { ...moment, users: Object.fromEntries(users), roots })
  })
  app.openapi(restoreRoute, async (context) => {
    const { at, root, dryRun } = context.req.valid('json')
    const { documentId, history, asker } = await admitted(options, context, 'admin')
    return answerOnce(context, options, asker, async (attempt) => {
      const moment = await momentOf(history, documentId, at, attempt)
      return { value: await history.restore(documentId, { at: moment, called: at, root, dryRun, author: asker.user }) }
    })
  })
}

/** The moment that was meant when it was first asked for: a later attempt would find another one under the same words. */
async function momentOf(history: History, documentId: string, at: string, { plan, decide }: Attempt): Promise<string> {
  const moment = plan?.at ?? `seq:${(await history.find(documentId, at)).seq}`
  if (plan?.at === undefined) await decide({ at: moment })
  return moment
}

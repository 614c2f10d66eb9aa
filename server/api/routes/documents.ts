// Documents and their content: listed, begun, read as they are or were, edited, deleted.
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { checkDocumentId } from '../../../core/document-id.js'
import { WeftError } from '../../../core/errors.js'
import type { Limits } from '../../../core/limits.js'
import type { Right } from '../../access/rights.js'
import type { History } from '../../history/history.js'
import { answerOnce, idempotencyKeyHeader, type OnceOptions } from '../framework/answer-once.js'
import { type ApiAccess, type Asker, admit, admitToAll } from '../framework/api-access.js'
import { documentIdOf, documentParameter } from '../framework/document-parameter.js'
import type { ApiEnvironment } from '../framework/environment.js'
import { answers, json, jsonBody, pageSchemaOf } from '../framework/json-route.js'
import { isOctets, OCTETS } from '../framework/octets.js'
import { problemAnswers } from '../framework/problems.js'
import { documentSchema, limitParameter, momentParameter, momentSchema, rootSchema } from '../framework/schemas.js'

export interface DocumentRouteOptions extends OnceOptions {
  readonly access: ApiAccess
  readonly limits: Pick<Limits, 'documentIdBytesMax' | 'documentBytesMax'>
  /** Null while the node is not there yet. */
  readonly history: () => History | null
}

/** What a route knows once it is known that whoever asks may. */
export interface Admitted {
  readonly documentId: string
  readonly history: History
  readonly asker: Asker
}

export async function admitted(options: DocumentRouteOptions, context: Context<ApiEnvironment>, right: Right): Promise<Admitted> {
  const documentId = documentIdOf(context, options.limits.documentIdBytesMax)
  const history = options.history()
  if (history === null) throw new WeftError('overloaded', 'This node is not serving yet.')
  return { documentId, history, asker: await admit(options.access, context, documentId, right) }
}

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/documents',
  summary: 'Lists documents, in byte order of their ids, or by their last change',
  request: {
    query: z.object({
      prefix: z.string().max(512).default(''),
      after: z.string().max(600).optional().openapi({ description: 'The `next` of the page before.' }),
      limit: limitParameter(1_000, 100),
      sort: z
        .enum(['id', 'changed'])
        .default('id')
        .openapi({ description: '`changed`: the last changed first. For it all documents that begin so are looked at.' }),
      which: z
        .enum(['finished', 'all'])
        .default('finished')
        .openapi({ description: '`all`: also those that an import has begun and not finished, which nobody can open.' }),
    }),
  },
  responses: answers(pageSchemaOf(documentSchema), 'A page.'),
})

const documentRoute = createRoute({
  method: 'get',
  path: '/api/v1/documents/{id}',
  summary: 'What is known of a document, and how far back each of its edits can be read',
  request: { params: documentParameter },
  responses: answers(documentSchema.extend({ window: momentSchema }), 'The document.'),
})

const deleteRoute = createRoute({
  method: 'delete',
  path: '/api/v1/documents/{id}',
  summary: 'Removes a document for good, with its history',
  request: { params: documentParameter, headers: z.object({ 'idempotency-key': idempotencyKeyHeader }) },
  responses: answers(z.object({ head: z.int(), versions: z.int() }), 'What there was.'),
})

const quarantineRoute = createRoute({
  method: 'post',
  path: '/api/v1/documents/{id}/quarantine',
  summary: 'Looks for an edit that cannot be applied, and makes the document read-only up to it; lift it with weft lift-quarantine',
  request: { params: documentParameter },
  responses: answers(z.object({ seq: z.int().nullable() }), 'The seq of that edit; null: all of it can be applied, and nothing was done.'),
})

const contentFormats = ['json', 'text', 'html', 'markdown', 'update'] as const

const contentRoute = createRoute({
  method: 'get',
  path: '/api/v1/documents/{id}/content',
  summary: 'The content of a document, now or at an earlier moment',
  request: {
    params: documentParameter,
    query: z.object({
      at: momentParameter.default('now'),
      format: z
        .enum(contentFormats)
        .default('json')
        .openapi({ description: 'HTML and Markdown are of rich text as editors keep it; `update` is one Yjs update.' }),
      root: z.string().max(1_000).optional().openapi({ description: 'Only this root type (not for `update`).' }),
    }),
  },
  responses: {
    200: {
      description: 'The content. The header `Weft-Seq` says of which seq.',
      content: {
        'application/json': { schema: momentSchema.extend({ roots: z.array(rootSchema) }) },
        'text/plain': { schema: z.string() },
        'text/html': { schema: z.string() },
        'text/markdown': { schema: z.string() },
        [OCTETS]: { schema: z.string().openapi({ format: 'binary' }) },
      },
    },
    ...problemAnswers,
  },
})

const editSchema = z.object({
  text: z
    .array(
      z.object({
        root: z.string().max(1_000),
        at: z.int().min(0),
        delete: z.int().min(0).optional(),
        insert: z.string().optional(),
        attributes: z.record(z.string(), z.unknown()).optional(),
      }),
    )
    .max(10_000)
    .default([]),
  patch: z
    .array(
      z.discriminatedUnion('op', [
        z.object({ op: z.enum(['add', 'replace']), path: z.string().max(10_000), value: z.unknown() }),
        z.object({ op: z.literal('test'), path: z.string().max(10_000), value: z.unknown() }),
        z.object({ op: z.literal('remove'), path: z.string().max(10_000) }),
        z.object({ op: z.enum(['move', 'copy']), from: z.string().max(10_000), path: z.string().max(10_000) }),
      ]),
    )
    .max(10_000)
    .default([])
    .openapi({ description: 'RFC 6902; the first segment of a path is the root type.' }),
})

const updatesRoute = createRoute({
  method: 'post',
  path: '/api/v1/documents/{id}/updates',
  summary: 'Edits a document: by a Yjs update, or by positions in texts and a JSON patch on maps and arrays. Connected editors see it',
  request: {
    params: documentParameter,
    headers: z.object({
      'if-match': z.string().optional().openapi({ description: 'The seq that the document has to be at.' }),
      'idempotency-key': idempotencyKeyHeader,
    }),
    body: {
      content: {
        [OCTETS]: { schema: z.string().openapi({ format: 'binary', description: 'One Yjs update, v1 encoding.' }) },
        'application/json': {
          schema: editSchema,
        },
      },
    },
  },
  responses: answers(z.object({ seq: z.int() }), 'It is committed; the document is at this seq.'),
})

const createDocumentRoute = createRoute({
  method: 'put',
  path: '/api/v1/documents/{id}',
  summary: 'Begins a document with a Yjs update',
  request: {
    params: documentParameter,
    headers: z.object({ 'idempotency-key': idempotencyKeyHeader }),
    body: { content: { [OCTETS]: { schema: z.string().openapi({ format: 'binary', description: 'One Yjs update, v1 encoding.' }) } } },
  },
  responses: answers(z.object({ seq: z.int() }), 'The document is there.', 201),
})

const forkRoute = createRoute({
  method: 'post',
  path: '/api/v1/documents/{id}/fork',
  summary: 'Begins a new document as this one is or was',
  request: {
    params: documentParameter,
    headers: z.object({ 'idempotency-key': idempotencyKeyHeader }),
    body: jsonBody(z.object({ into: z.string().min(1).max(512), at: momentParameter.default('now') })),
  },
  responses: answers(z.object({ documentId: z.string(), from: momentSchema, seq: z.int() }), 'The new document.', 201),
})

export function addDocuments(app: OpenAPIHono<ApiEnvironment>, options: DocumentRouteOptions): void {
  app.openapi(listRoute, async (context) => {
    const { prefix, after, limit, sort, which } = context.req.valid('query')
    const history = options.history()
    if (history === null) throw new WeftError('overloaded', 'This node is not serving yet.')
    // Which documents there are is for those who may administer all that begin so.
    await admitToAll(options.access, context, prefix, 'admin')
    const query = { prefix, limit, which, ...(after === undefined ? {} : { after }) }
    return json(context, await (sort === 'id' ? history.documents(query) : history.lastChanged(query)))
  })
  app.openapi(documentRoute, async (context) => {
    const { documentId, history } = await admitted(options, context, 'read')
    return json(context, await history.document(documentId))
  })
  app.openapi(deleteRoute, async (context) => {
    const { documentId, history, asker } = await admitted(options, context, 'admin')
    return answerOnce(context, options, asker, async () => ({ value: await history.delete(documentId) }))
  })
  app.openapi(quarantineRoute, async (context) => {
    const { documentId, history } = await admitted(options, context, 'admin')
    return json(context, { seq: (await history.quarantine(documentId))?.seq ?? null })
  })
  app.openapi(contentRoute, async (context) => {
    const { at, format, root } = context.req.valid('query')
    // How a document was is its history.
    const { documentId, history } = await admitted(options, context, /^@?(now)?$/.test(at.trim()) ? 'read' : 'admin')
    return content(context, history, documentId, { at, format, root: root ?? null })
  })
  app.openapi(updatesRoute, async (context) => {
    const { documentId, history, asker } = await admitted(options, context, 'write')
    const expected = expectedSeq(context.req.header('if-match'))
    if (isOctets(context)) {
      const update = await updateIn(context)
      return answerOnce(context, options, asker, async () => ({ value: await history.apply(documentId, [update], asker.user, expected) }))
    }
    const { text, patch } = editSchema.parse(context.req.valid('json') ?? {})
    if (text.length === 0 && patch.length === 0)
      throw new WeftError('malformed', `Send a Yjs update as ${OCTETS}, or JSON with text edits or a patch.`)
    return answerOnce(context, options, asker, async ({ plan, decide }) => {
      if (plan?.update !== undefined) return { value: await history.apply(documentId, [plan.update], asker.user) }
      return { value: await history.edit(documentId, { texts: text, patch }, asker.user, expected, (update) => decide({ update })) }
    })
  })
  app.openapi(createDocumentRoute, async (context) => {
    const { documentId, history, asker } = await admitted(options, context, 'write')
    const update = await updateIn(context)
    return answerOnce(context, options, asker, async () => ({ value: await history.create(documentId, update, asker.user), status: 201 }))
  })
  app.openapi(forkRoute, async (context) => {
    const { into, at } = context.req.valid('json')
    const { documentId, history } = await admitted(options, context, 'admin')
    const target = checkDocumentId(into, options.limits.documentIdBytesMax)
    const asker = await admit(options.access, context, target, 'write')
    return answerOnce(context, options, asker, async () => ({
      value: { documentId: target, ...(await history.fork(documentId, at, target, asker.user)) },
      status: 201,
    }))
  })
}

const textTypes = { text: 'text/plain', html: 'text/html', markdown: 'text/markdown' } as const

async function content(
  context: Context<ApiEnvironment>,
  history: History,
  documentId: string,
  { at, format, root }: { readonly at: string; readonly format: (typeof contentFormats)[number]; readonly root: string | null },
): Promise<never> {
  if (format === 'json') {
    const { moment, roots } = await history.roots(documentId, at)
    context.header('Weft-Seq', String(moment.seq))
    return json(context, { ...moment, roots: root === null ? roots : roots.filter(({ name }) => name === root) })
  }
  if (format === 'update') {
    const { moment, update } = await history.update(documentId, at)
    return octets(context, update, moment.seq)
  }
  const { moment, text } = await history.text(documentId, at, format, root)
  const body = Buffer.from(text)
  return context.body(body, 200, {
    'Content-Type': `${textTypes[format]}; charset=utf-8`,
    'Content-Length': String(body.length),
    'Weft-Seq': String(moment.seq),
    // It is somebody's text: nothing in it runs here.
    'Content-Security-Policy': "default-src 'none'; sandbox",
  }) as never
}

function octets(context: Context<ApiEnvironment>, bytes: Uint8Array, seq: number): never {
  return context.body(new Uint8Array(bytes), 200, {
    'Content-Type': OCTETS,
    'Content-Length': String(bytes.length),
    'Weft-Seq': String(seq),
  }) as never
}

async function updateIn(context: Context<ApiEnvironment>): Promise<Uint8Array> {
  if (!isOctets(context)) throw new WeftError('malformed', `Send one Yjs update, with the content type ${OCTETS}.`)
  const update = await context.get('body').bytes()
  if (update.length === 0) throw new WeftError('malformed', 'The body is empty; send one Yjs update.')
  return update
}

/** Throws `malformed`. A seq may stand in quotes, as HTTP has it. */
function expectedSeq(header: string | undefined): number | null {
  if (header === undefined || header === '*') return null
  const seq = /^"?(\d{1,15})"?$/.exec(header)?.[1]
  if (seq === undefined) throw new WeftError('malformed', `If-Match is ${header}; it takes the seq that the document has to be at.`)
  return Number(seq)
}

// A document as one file that says what it is: with its versions, and with the edits of its window and who made them.
import { Readable } from 'node:stream'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { WeftError } from '../../../core/errors.js'
import type { Limits } from '../../../core/limits.js'
import { answerOnce, idempotencyKeyHeader } from '../framework/answer-once.js'
import { documentParameter } from '../framework/document-parameter.js'
import type { ApiEnvironment } from '../framework/environment.js'
import { answers } from '../framework/json-route.js'
import { OCTETS } from '../framework/octets.js'
import { problemAnswers } from '../framework/problems.js'
import { admitted, type DocumentRouteOptions } from './documents.js'

export type ArchiveRouteOptions = Omit<DocumentRouteOptions, 'limits'> & {
  readonly limits: DocumentRouteOptions['limits'] & Pick<Limits, 'archiveBytesMax'>
}

const GZIP = 'application/gzip'

const yesOrNo = (otherwise: 'true' | 'false') => z.enum(['true', 'false']).default(otherwise)

const readRoute = createRoute({
  method: 'get',
  path: '/api/v1/documents/{id}/archive',
  summary: 'The document as one file: versions, the edits of its window with their authors, and the present state',
  request: {
    params: documentParameter,
    query: z.object({ log: yesOrNo('true').openapi({ description: '`false`: without the edits, smaller.' }) }),
  },
  responses: {
    200: {
      description: 'The archive. One that was cut off has no end, and is refused when it is imported.',
      content: { [GZIP]: { schema: z.string().openapi({ format: 'binary' }) } },
    },
    ...problemAnswers,
  },
})

const writeRoute = createRoute({
  method: 'put',
  path: '/api/v1/documents/{id}/archive',
  summary:
    'Begins a document with an archive: its versions, its edits as those of their authors, its state. Nobody is shown it before all of it is there',
  request: {
    params: documentParameter,
    headers: z.object({ 'idempotency-key': idempotencyKeyHeader }),
    query: z.object({
      merge: yesOrNo('false').openapi({ description: '`true`: also into a document that is there; then only the content, merged.' }),
    }),
    body: {
      content: {
        [GZIP]: { schema: z.string().openapi({ format: 'binary' }) },
        [OCTETS]: { schema: z.string().openapi({ format: 'binary' }) },
      },
    },
  },
  responses: answers(z.object({ seq: z.int(), versions: z.int() }), 'All of it is committed; the document is at this seq.', 201),
})

export function addArchive(app: OpenAPIHono<ApiEnvironment>, options: ArchiveRouteOptions): void {
  app.openapi(readRoute, async (context) => {
    const { documentId, history } = await admitted(options, context, 'admin')
    const file = await history.archives.export(documentId, { log: context.req.valid('query').log === 'true' })
    const headers = { 'Content-Type': GZIP, 'Content-Disposition': 'attachment; filename="document.weft"' }
    return new Response(Readable.toWeb(Readable.from(file)) as ReadableStream, { headers }) as never
  })
  app.openapi(writeRoute, async (context) => {
    // Whoever brings versions and authors along says who did what: that is for those who administer the document.
    const { documentId, history, asker } = await admitted(options, context, 'admin')
    if (context.req.raw.body === null)
      throw new WeftError('malformed', `The body is empty; send an archive, with the content type ${GZIP}.`)
    // The archive is read twice: nothing is written before all of it was found to be whole.
    const file = await context.get('body').file(options.limits.archiveBytesMax)
    const merge = context.req.valid('query').merge === 'true'
    return answerOnce(context, options, asker, async () => ({
      value: await history.archives.import(documentId, () => file.stream(), asker.user, { merge }),
      status: 201,
    }))
  })
}

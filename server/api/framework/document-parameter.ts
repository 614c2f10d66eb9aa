// The id of a document in an address: percent-encoded into one segment ("/" is %2F).
import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { checkDocumentId } from '../../../core/document-id.js'
import { percentDecoded } from '../../../core/document-path.js'
import type { ApiEnvironment } from './environment.js'

export const documentParameter = z.object({
  id: z.string().openapi({
    param: { name: 'id', in: 'path' },
    description: 'The id of the document, percent-encoded into one segment.',
    example: 'notes%2Ftoday',
  }),
})

const documentPath = /^\/api\/v1\/documents\/([^/]+)/

/** The id in a path as it was sent; null in a path that has none. */
export function encodedDocumentIn(path: string): string | null {
  return documentPath.exec(path)?.[1] ?? null
}

/** Throws `invalid-document-id`. It is taken from the path as it was sent, since decoding twice would change it. */
export function documentIdOf(context: Context<ApiEnvironment>, documentIdBytesMax: number): string {
  const encoded = encodedDocumentIn(context.req.path) ?? ''
  return checkDocumentId(percentDecoded(encoded), documentIdBytesMax)
}

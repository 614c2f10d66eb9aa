// Schemas that several routes share: they validate what comes, and describe it in the API's own description.
import { z } from '@hono/zod-openapi'

export const momentParameter = z.string().max(1_000).openapi({
  description: 'A moment: `now`, `v12` or `"a name"` (a version), `seq:48211`, `2026-11-20T10:00:00Z`, or `-15m` (s, m, h, d, w).',
  example: '-15m',
})

export const momentSchema = z
  .object({
    seq: z.int(),
    at: z.int().nullable().openapi({ description: 'Milliseconds since the Unix epoch, where it is known.' }),
  })
  .openapi('Moment')

export const limitParameter = (max: number, otherwise: number) =>
  z.coerce
    .number()
    .int()
    .min(1)
    .max(max)
    .default(otherwise)
    .openapi({ description: `At most this many, ${max} at most.` })

/** A seq has 48 bits. */
const SEQ_MAX = 2 ** 48 - 1

export const seqParameter = z.coerce.number().int().min(0).max(SEQ_MAX)

export const versionSchema = z
  .object({
    seq: z.int().openapi({ description: 'Names the version within its document; its address is `v` and this.' }),
    name: z.string().nullable().openapi({ description: 'Null for a snapshot that nobody kept: it goes in time.' }),
    description: z.string().nullable(),
    author: z.string().nullable(),
    createdAt: z.int(),
    stateBytes: z.int(),
  })
  .openapi('Version')

export const documentSchema = z
  .object({
    documentId: z.string(),
    head: z.int().openapi({ description: 'The seq of the last edit.' }),
    updatedAt: z.int(),
    unfinished: z
      .literal(true)
      .optional()
      .openapi({ description: 'An import began it, and goes on or was interrupted: nobody can open it.' }),
  })
  .openapi('Document')

export const rootSchema = z
  .object({
    name: z.string(),
    kind: z.enum(['text', 'map', 'array', 'xml', 'unknown']),
    value: z.unknown().openapi({ description: 'A text is its delta; an XML element `{ name, attributes, children }`.' }),
    attributes: z.record(z.string(), z.unknown()),
  })
  .openapi('Root')

export const reportSchema = z.object({
  method: z.enum(['undo', 'replaced', 'nothing']).openapi({
    description:
      '`undo`: exactly the changes since are taken back. `replaced`: some root types had to be replaced as a whole. `nothing`: it reads that way already.',
  }),
  roots: z.array(z.string()).openapi({ description: 'Root types that read differently afterwards.' }),
  replaced: z.array(z.string()),
})

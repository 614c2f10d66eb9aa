// What routes that answer JSON have in common: their answers are described by schemas, and what may be large is counted while nobody takes
// it.

import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ApiEnvironment } from './environment.js'
import { problemAnswers } from './problems.js'

/** The answers of a route, for its description. */
export function answers<Schema extends z.ZodType>(schema: Schema, description: string, status: 200 | 201 = 200) {
  return { [status]: { description, content: { 'application/json': { schema } } }, ...problemAnswers } as const
}

/** The body of a route's requests, for its description. */
export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { 'application/json': { schema } } } as const
}

/** A page of a list; `next` leads to the one behind it, and is null on the last. */
export function pageSchemaOf<Schema extends z.ZodType>(item: Schema) {
  return z.object({ items: z.array(item), next: z.string().nullable() })
}

/** The length lets the listener count it while nobody takes it. */
export function json(context: Context<ApiEnvironment>, value: unknown, status: 200 | 201 = 200): never {
  const body = Buffer.from(`${JSON.stringify(value)}\n`)
  // The type of an answer is checked by the schemas of the tests, not by the framework, which knows only its own way of writing one.
  return context.body(body, status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(body.length),
  }) as never
}

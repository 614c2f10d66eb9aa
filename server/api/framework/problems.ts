// Errors of the HTTP application as problem details (RFC 9457): status, a stable code, and words that say what to do.
import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { WeftError, WeftErrorCode } from '../../../core/errors.js'

export const problemSchema = z
  .object({
    type: z.literal('about:blank').openapi({ description: 'What the problem is stands in `code`.' }),
    title: z.string().openapi({ description: 'The meaning of the status.' }),
    status: z.int(),
    code: z.string().openapi({ description: 'What went wrong, for programs; it does not change between versions.' }),
    detail: z.string().openapi({ description: 'What went wrong and what to do, for people.' }),
  })
  .openapi('Problem')

export type Problem = z.infer<typeof problemSchema>

const statuses: Partial<Record<WeftErrorCode, number>> = {
  malformed: 400,
  'invalid-document-id': 400,
  'malformed-update': 400,
  'nested-too-deeply': 400,
  unauthenticated: 401,
  forbidden: 403,
  'no-such-document': 404,
  'moment-gone': 404,
  'not-restorable': 422,
  'document-exists': 409,
  'document-unfinished': 409,
  'edit-mismatch': 409,
  'request-running': 409,
  'upgrade-running': 503,
  'key-reused': 422,
  'no-backup-here': 409,
  superseded: 412,
  'document-quarantined': 422,
  'document-too-large': 413,
  'quota-exceeded': 403,
  'dependencies-missing': 413,
  'message-too-large': 413,
  overloaded: 503,
  draining: 503,
  'sessions-closed': 503,
  'store-unavailable': 503,
  'store-full': 507,
  'owner-moved': 503,
  'too-many-sessions': 503,
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
}

/** The HTTP status of an error; 500 for what says nothing about the request. */
export function statusOf(error: WeftError): number {
  return statuses[error.code] ?? 500
}

export function problemOf(status: number, code: string, detail: string): Problem {
  return { type: 'about:blank', title: titles[status] ?? 'Error', status, code, detail }
}

/** An answer that says what is wrong. */
export function problem(
  context: Context,
  status: number,
  code: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  for (const [name, value] of Object.entries(headers)) context.header(name, value)
  // RFC 9110 wants each 401 to say what to show.
  if (status === 401) context.header('WWW-Authenticate', 'Bearer')
  context.header('Content-Type', 'application/problem+json; charset=utf-8')
  return context.body(`${JSON.stringify(problemOf(status, code, detail))}\n`, status as 400)
}

/** What any route may answer beside what it is there for, for its description. */
export const problemAnswers = {
  default: {
    description: 'What went wrong (RFC 9457).',
    content: { 'application/problem+json': { schema: problemSchema } },
  },
} as const

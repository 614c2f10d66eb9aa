// The HTTP application: what is answered at which address, as a fetch handler. `request-listener.ts` puts it on node:http.
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { behindBasePath } from '../../core/document-path.js'
import { asWeftError } from '../../core/errors.js'
import type { Logger } from '../../core/log.js'
import type { MemoryBudget } from '../../core/memory-budget.js'
import type { AuditTrail } from '../access/audit-trail.js'
import { refuseOutsiders } from './framework/api-access.js'
import { auditing } from './framework/audit.js'
import type { ApiEnvironment, NodeBindings } from './framework/environment.js'
import { isOctets } from './framework/octets.js'
import { problem, statusOf } from './framework/problems.js'
import { ReceivedBody } from './framework/received-body.js'
import { inWords } from './framework/schema-words.js'
import { type AccessRouteOptions, addAccess } from './routes/access.js'
import { type AdminOptions, addAdmin } from './routes/admin.js'
import { type AdminPageOptions, addAdminPage } from './routes/admin-page.js'
import { addApiDocs } from './routes/api-docs.js'
import { type ArchiveRouteOptions, addArchive } from './routes/archive.js'
import { addBackup, type BackupOptions } from './routes/backup.js'
import { addDocuments, type DocumentRouteOptions } from './routes/documents.js'
import { addFiles } from './routes/files.js'
import { addHistory } from './routes/history.js'
import { addMessages, type MessageRouteOptions } from './routes/messages.js'
import { addPresence, type PresenceOptions } from './routes/presence.js'
import { addProbes, type ProbeOptions, probePaths } from './routes/probes.js'
import type { StaticFile } from './routes/static-files.js'
import { addWebhooks, type WebhookRouteOptions } from './routes/webhooks.js'

export interface ApplicationOptions
  extends ProbeOptions,
    PresenceOptions,
    DocumentRouteOptions,
    ArchiveRouteOptions,
    BackupOptions,
    AccessRouteOptions,
    MessageRouteOptions,
    WebhookRouteOptions,
    AdminOptions,
    Omit<AdminPageOptions, 'access'> {
  readonly logger: Logger
  /** Bodies of requests count into it. */
  readonly memory: MemoryBudget
  /** Null: nothing is noted. */
  readonly audit: AuditTrail | null
  readonly limits: PresenceOptions['limits'] & ArchiveRouteOptions['limits']
  readonly version: string
  readonly files: ReadonlyMap<string, StaticFile>
  /** What presence and files are under, such as `/collab`; empty for none. Probes are at both places. */
  readonly basePath: string
}

/** Answers a request; never rejects. */
export type Application = (request: Request, bindings?: NodeBindings) => Promise<Response>

const securityHeaders = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  // Editors set styles on elements; scripts come from our own files only.
  'Content-Security-Policy':
    "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
} as const

const crossOriginHeaders = (origin: string): Readonly<Record<string, string>> => ({
  'Access-Control-Allow-Origin': origin,
  'Access-Control-Expose-Headers': 'ETag, Retry-After, Idempotent-Replayed, Weft-Backup-Bytes, Weft-Seq',
  Vary: 'Origin',
})

const preflightHeaders = {
  'Access-Control-Allow-Methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
  'Access-Control-Allow-Headers': 'Authorization, Content-Type, If-Match, Idempotency-Key',
  'Access-Control-Max-Age': '600',
} as const

/** JSON is parsed on the event loop, and before anybody knows who asks (G7). Documents come as bytes. */
const JSON_BYTES_MAX = 1024 * 1024

/** Archives go to disk as they come, and are bounded by themselves. */
const archivePath = /^\/api\/v1\/documents\/[^/]+\/archive$/

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

export function createApplication(options: ApplicationOptions): Application {
  const { basePath, logger } = options
  const app = new OpenAPIHono<ApiEnvironment>({
    // The path as it was sent: ids are percent-encoded into one segment, and decoded by the routes.
    getPath: (request) => pathOf(request.url),
    defaultHook: (result, context) => (result.success ? undefined : problem(context, 400, 'malformed', inWords(result.error.issues))),
  })
  app.use(async (context, next) => {
    await next()
    const { headers } = context.res
    for (const [name, value] of Object.entries({ 'Cache-Control': 'no-store', ...securityHeaders }))
      if (!headers.has(name)) headers.set(name, value)
  })
  app.use('/api/*', async (context, next) => {
    const origin = context.req.header('origin')
    if (origin === undefined || !options.access.isAllowedOrigin(origin)) return next()
    // A page that may connect may ask, too. What it may do its token says: cookies are not among it here.
    if (context.req.method === 'OPTIONS')
      return new Response(null, { status: 204, headers: { ...crossOriginHeaders(origin), ...preflightHeaders } })
    await next()
    for (const [name, value] of Object.entries(crossOriginHeaders(origin))) context.res.headers.set(name, value)
    return undefined
  })
  if (options.audit !== null) app.use('/api/v1/*', auditing(options.audit, options.access, options.clock))
  app.use('/api/v1/*', async (context, next) => {
    refuseOutsiders(options.access, context)
    const refusal = bodyRefusal(context, options.limits)
    if (refusal !== null) return refusal
    const { raw } = context.req
    const body = new ReceivedBody(raw.body as AsyncIterable<Uint8Array> | null, options.memory)
    context.set('body', body)
    try {
      // What is described by a schema is read in front of its route.
      if (raw.body !== null && !isOctets(context) && !archivePath.test(context.req.path))
        context.req.raw = new Request(raw.url, { method: raw.method, headers: raw.headers, body: await body.bytes() })
      await next()
    } finally {
      await body.release()
    }
    return undefined
  })
  app.onError((thrown, context) => {
    // The framework's own: a body that is not what the route takes.
    if (thrown instanceof HTTPException && thrown.status < 500) return problem(context, thrown.status, ...refusedBody(thrown.status))
    const error = asWeftError(thrown)
    const status = statusOf(error)
    if (status === 500) logger.error({ err: thrown, path: context.req.routePath }, 'a request failed')
    const retry = status === 503 ? { 'Retry-After': '1' } : {}
    const hint =
      error.code === 'malformed-update' ? ' It takes one update of Yjs in its v1 encoding, as Y.encodeStateAsUpdate makes it.' : ''
    return problem(context, status, error.code, `${error.message}${hint}`, retry)
  })
  app.notFound((context) => {
    const path = pathOf(context.req.url)
    const allowed = methods.filter((method) => app.router.match(method, path)[0].some(([[, route]]) => route.method === method))
    if (allowed.length === 0) return problem(context, 404, 'not-found', `There is nothing at this address.${hintFor(path)}`)
    const names = allowed.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ')
    return problem(context, 405, 'method-not-allowed', `Only ${names} is answered here.`, { Allow: names })
  })
  addProbes(app, options)
  addPresence(app, options)
  addDocuments(app, options)
  addHistory(app, options)
  addArchive(app, options)
  addBackup(app, options)
  addAccess(app, options)
  addMessages(app, options)
  addWebhooks(app, options)
  addAdmin(app, options)
  addAdminPage(app, options)
  addApiDocs(app, options.version)
  addFiles(app, options.files)

  return async (request, bindings = {}) => {
    const path = pathOf(request.url)
    const rest = behindBasePath(path, basePath)
    if (rest === '') {
      // The page's addresses are relative to the folder that it is in.
      const query = request.url.slice(request.url.indexOf(path) + path.length)
      return new Response('This page is one slash further.\n', { status: 308, headers: { Location: `${basePath}/${query}` } })
    }
    if (rest === null && !probePaths.has(path)) {
      const detail = `There is nothing at this address; this server is at ${basePath}/`
      return new Response(`${detail}\n`, { status: 404, headers: { 'Content-Type': 'text/plain; charset=utf-8' } })
    }
    return app.fetch(rest === null || basePath === '' ? request : new Request(withPath(request.url, path, rest), request), bindings)
  }
}

/** Why the body is not read. Over a socket it has to say how long it is, so that nobody sends without end. */
function bodyRefusal(
  context: Context<ApiEnvironment>,
  { documentBytesMax, archiveBytesMax }: Pick<ApplicationOptions['limits'], 'documentBytesMax' | 'archiveBytesMax'>,
): Response | null {
  if (context.req.method === 'GET' || context.req.method === 'HEAD') return null
  const isArchive = context.req.method === 'PUT' && archivePath.test(context.req.path)
  const bytesMax = isArchive ? archiveBytesMax : isOctets(context) ? documentBytesMax : JSON_BYTES_MAX
  if (Number(context.req.header('content-length') ?? 0) > bytesMax)
    return problem(context, 413, 'document-too-large', `The body is longer than ${bytesMax} bytes, which is the most that is read.`)
  // An archive is counted while it comes.
  if (!isArchive && context.env.incoming !== undefined && context.req.header('transfer-encoding') !== undefined)
    return problem(context, 411, 'length-required', 'Say how long the body is, with Content-Length.')
  return null
}

function refusedBody(status: number): readonly [code: string, detail: string] {
  return status === 415
    ? [
        'unsupported-media-type',
        'The body is of a kind that is not taken here; /api/docs says which is, for JSON with `Content-Type: application/json`.',
      ]
    : ['malformed', 'The body is not JSON, or not whole.']
}

/** Of an absolute URL, as it stands there. */
function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3)
  const end = url.slice(start).search(/[?#]/)
  return start < 0 ? '/' : end < 0 ? url.slice(start) : url.slice(start, start + end)
}

function withPath(url: string, path: string, replacement: string): string {
  const start = url.indexOf(path, url.indexOf('://') + 3)
  return url.slice(0, start) + replacement + url.slice(start + path.length)
}

/** What may have been meant by an address where nothing is; empty if that cannot be told. */
function hintFor(path: string): string {
  const [, rest] = /^\/api\/v1\/documents\/([^/]+\/.+)$/.exec(path) ?? []
  return rest === undefined
    ? ''
    : ' A document id is one segment of the path: encode each / in it as %2F, as in /api/v1/documents/notes%2Ftoday.'
}

// The admin page: files without anything secret in them, for everybody where operators are served at all. What it shows it asks of `/api/v1/admin`.
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ApiAccess } from '../framework/api-access.js'
import type { ApiEnvironment } from '../framework/environment.js'
import { fileAnswer } from './files.js'
import type { StaticFile } from './static-files.js'

export interface AdminPageOptions {
  readonly access: Pick<ApiAccess, 'servesOperators'>
  /** By URL path below `/admin`; empty: there is no page. */
  readonly adminFiles: ReadonlyMap<string, StaticFile>
}

const headers = {
  // Nothing but files of its own, and no inline script or style.
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
} as const

const OFF =
  'The admin page is off: nobody has configured who may do what on this server, so it is there for its own machine only. Start it with --admin-key-file.\n'

export function addAdminPage(app: OpenAPIHono<ApiEnvironment>, { access, adminFiles }: AdminPageOptions): void {
  if (adminFiles.size === 0) return
  const off = (context: Context<ApiEnvironment>): Response | null =>
    access.servesOperators(context.env.incoming) ? null : context.text(OFF, 404)
  // The page's addresses are relative to the folder that it is in.
  app.get('/admin', (context) => off(context) ?? context.body('The page is one slash further.\n', 308, { Location: 'admin/' }))
  for (const [path, file] of adminFiles) app.get(`/admin${path}`, (context) => off(context) ?? fileAnswer(context, file, headers))
}

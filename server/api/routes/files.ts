// The demo's files, and what is at the root where there are none.
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { ApiEnvironment } from '../framework/environment.js'
import type { StaticFile } from './static-files.js'

const welcome = 'Weft is running. This installation has no demo; connect a client to this address.\n'

export function addFiles(app: OpenAPIHono<ApiEnvironment>, files: ReadonlyMap<string, StaticFile>): void {
  if (!files.has('/')) app.get('/', (context) => context.text(welcome))
  for (const [path, file] of files) app.get(path, (context) => fileAnswer(context, file))
}

/** The file, or that the browser has it already. */
export function fileAnswer(context: Context<ApiEnvironment>, file: StaticFile, further: Readonly<Record<string, string>> = {}): Response {
  // `no-cache` lets browsers keep the file and ask whether it changed.
  const headers = { 'Content-Type': file.contentType, 'Cache-Control': 'no-cache', ETag: file.etag, ...further }
  if (context.req.header('if-none-match') === file.etag) return context.body(null, 304, headers)
  return context.body(new Uint8Array(file.body), 200, headers)
}

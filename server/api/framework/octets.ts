// Bytes as bodies: Yjs updates, and what else is no text.
import type { Context } from 'hono'
import type { ApiEnvironment } from './environment.js'

export const OCTETS = 'application/octet-stream'

/** Whether the body of a request is bytes. */
export function isOctets(context: Context<ApiEnvironment>): boolean {
  return (context.req.header('content-type') ?? '').startsWith(OCTETS)
}

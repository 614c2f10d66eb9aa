// Connections over HTTP for a fetch handler: the answer is a stream.
import type { IncomingMessage } from 'node:http'
import type { BodyOptions } from '../transport/http/request-body.js'
import { readWebBody, WebReply } from '../transport/http/web-reply.js'
import { corsHeaders, type HttpTransportOptions, serveTransport, transportTarget } from './http-transport.js'

/**
 * Answers what it serves of a fetch handler's requests; null for what is somebody else's. `incoming`: the request of node:http that it came by, if it did, so that it is
 * known from where.
 */
export function fetchTransport(
  options: HttpTransportOptions,
): (request: Request, incoming: IncomingMessage | undefined) => Promise<Response> | null {
  return (request, incoming) => {
    const { pathname, search } = new URL(request.url)
    const target = transportTarget(options, pathname + search)
    if (target === null) return null
    const headers = incoming?.headers ?? Object.fromEntries(request.headers)
    const reply = new WebReply(corsHeaders(headers), request.signal)
    const body = (bodyOptions: BodyOptions) => readWebBody(request, bodyOptions)
    void serveTransport(options, { method: request.method, headers, incoming, body }, target, reply)
    return reply.response
  }
}

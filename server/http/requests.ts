// Plain HTTP: health, metrics and the demo's files.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Counters } from '../../core/counters.js'
import { type Gauge, metricsText } from './metrics.js'
import type { StaticFile } from './static-files.js'

export interface RequestOptions {
  readonly counters: Counters
  readonly gauges: readonly Gauge[]
  readonly files: ReadonlyMap<string, StaticFile>
  /** Whether clients are welcome now. */
  readiness(): 'serving' | 'starting' | 'draining'
}

const securityHeaders = {
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  // Editors set styles on elements; scripts come from our own files only.
  'Content-Security-Policy':
    "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
} as const

const TEXT = 'text/plain; charset=utf-8'
const welcome = 'Weft is running. This installation has no demo; connect a client to this address.\n'

/** Answers requests; never throws. */
export function createRequestHandler(options: RequestOptions): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(request, response, 405, 'Only GET and HEAD are answered here.\n', { Allow: 'GET, HEAD' })
      return
    }
    const path = (request.url ?? '/').split(/[?#]/, 1)[0] ?? '/'
    switch (path) {
      case '/healthz':
        answer(request, response, 200, 'alive\n')
        return
      case '/readyz': {
        const readiness = options.readiness()
        answer(request, response, readiness === 'serving' ? 200 : 503, `${readiness}\n`)
        return
      }
      case '/metrics':
        answer(request, response, 200, metricsText(options.counters, options.gauges), {
          'Content-Type': 'text/plain; version=0.0.4; charset=utf-8',
        })
        return
      default:
        answerFile(request, response, path, options.files.get(path))
    }
  }
}

function answerFile(request: IncomingMessage, response: ServerResponse, path: string, file: StaticFile | undefined): void {
  if (file === undefined) {
    if (path === '/') answer(request, response, 200, welcome)
    else answer(request, response, 404, 'There is nothing at this address.\n')
    return
  }
  // `no-cache` lets browsers keep the file and ask whether it changed.
  const headers = { 'Content-Type': file.contentType, 'Cache-Control': 'no-cache', ETag: file.etag }
  if (request.headers['if-none-match'] === file.etag) {
    response.writeHead(304, { ...securityHeaders, ...headers })
    response.end()
    return
  }
  answer(request, response, 200, file.body, headers)
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  response.writeHead(status, {
    ...securityHeaders,
    'Content-Type': TEXT,
    'Cache-Control': 'no-store',
    'Content-Length': bytes.length,
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

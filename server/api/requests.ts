// Plain HTTP: health, metrics, presence and the demo's files.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { behindBasePath } from '../../core/document-path.js'
import type { Limits } from '../../core/limits.js'
import type { MemoryAccount } from '../../core/memory-budget.js'
import { Turnstile } from '../../core/turnstile.js'
import { HeldAnswers } from './held-answers.js'
import { type Gauge, metricsText } from './metrics.js'
import { answerPresence, type PresenceOptions } from './presence.js'
import type { StaticFile } from './static-files.js'

export interface Readiness {
  readonly ready: boolean
  /** One line for people. */
  readonly text: string
}

export interface RequestOptions {
  readonly counters: Counters
  readonly gauges: readonly Gauge[]
  readonly clock: Clock
  readonly limits: Pick<Limits, 'answerBytesMax' | 'answerMsMax'>
  /** Of answers that are not taken yet (G8). */
  readonly memory: MemoryAccount
  readonly files: ReadonlyMap<string, StaticFile>
  /** What presence and files are under, such as `/collab`; empty for none. Probes ask the process itself, so health and metrics are at both places. */
  readonly basePath: string
  /** Null while the node is not there yet. */
  readonly presence?: () => PresenceOptions | null
  /** Whether clients are welcome now, and if not, why. */
  readiness(): Readiness
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

/** A large answer takes milliseconds to be put into words, and a hundred may be asked for at once (G7). */
const ANSWERS_AT_ONCE = 4

const TEXT = 'text/plain; charset=utf-8'
const welcome = 'Weft is running. This installation has no demo; connect a client to this address.\n'

/** Answers requests; never throws. */
export function createRequestHandler(options: RequestOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const { clock, limits } = options
  const held = new HeldAnswers(options.memory)
  const turnstile = new Turnstile(ANSWERS_AT_ONCE, clock)
  return (request, response) => {
    // A reader that takes an answer too slowly is not waited for.
    const tooLong = clock.after(limits.answerMsMax, () => request.socket.destroy(), { unref: true })
    response.once('close', () => tooLong.cancel())
    if (held.bytes > limits.answerBytesMax) {
      answer(request, response, 503, 'This server has too many answers that nobody takes; ask again.\n', { 'Retry-After': '5' })
      return
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      answer(request, response, 405, 'Only GET and HEAD are answered here.\n', { Allow: 'GET, HEAD' })
      return
    }
    const wholePath = (request.url ?? '/').split(/[?#]/, 1)[0] ?? '/'
    const path = behindBasePath(wholePath, options.basePath)
    if (path === '') {
      // The page's addresses are relative to the folder that it is in.
      const query = (request.url ?? '').slice(wholePath.length)
      answer(request, response, 308, 'This page is one slash further.\n', { Location: `${options.basePath}/${query}` })
      return
    }
    switch (path ?? wholePath) {
      case '/healthz':
        answer(request, response, 200, 'alive\n')
        return
      case '/readyz': {
        const { ready, text } = options.readiness()
        answer(request, response, ready ? 200 : 503, `${text}\n`)
        return
      }
      case '/metrics':
        answer(request, response, 200, metricsText(options.counters, options.gauges), {
          'Content-Type': 'text/plain; version=0.0.4; charset=utf-8',
        })
        return
      default:
        if (path === null) {
          answer(request, response, 404, `There is nothing at this address; this server is at ${options.basePath}/\n`)
          return
        }
        if (path.startsWith('/api/')) {
          void answerApi(request, response, path, options.presence?.() ?? null, held, turnstile)
          return
        }
        answerFile(request, response, path, options.files.get(path))
    }
  }
}

async function answerApi(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  presence: PresenceOptions | null,
  held: HeldAnswers,
  turnstile: Turnstile,
): Promise<void> {
  if (presence === null) {
    answer(request, response, 503, 'This node is not serving yet.\n')
    return
  }
  const json = await answerPresence(presence, request, path)
  if (json === null) {
    answer(request, response, 404, 'There is nothing at this address.\n')
    return
  }
  const leave = await turnstile.enter()
  try {
    // The client may have left meanwhile.
    if (response.destroyed) return
    const body = Buffer.from(`${JSON.stringify(await json.body())}\n`)
    if (response.destroyed) return
    held.hold(request, response, body.length)
    answer(request, response, json.status, body, { 'Content-Type': 'application/json; charset=utf-8' })
  } finally {
    leave()
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

// Connections over HTTP: a client that no WebSocket reaches opens one with a POST, receives by server-sent events or long polls, and sends with POSTs.
//
// It is admitted, authenticated and bounded as a WebSocket is; a request that reaches another node than the connection's is passed on to that one.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { behindBasePath } from '../../core/document-path.js'
import { asWeftError, WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import type { Logger } from '../../core/log.js'
import { type MemoryBudget, MemoryCharge } from '../../core/memory-budget.js'
import type { Random } from '../../core/random.js'
import { resumptionIn } from '../../core/resumption.js'
import { bodyBytesMax, connectionsPath, downTransports, httpHeaders, recordOverheadBytes } from '../../protocol/http-frames.js'
import { clientAddressOf, type TrustedProxies } from '../access/addresses.js'
import type { Visit } from '../access/visit.js'
import { answer, contentTypes, type HttpExchange, type HttpReply, type HttpRequest, refuse } from '../transport/http/exchange.js'
import { type HttpSockets, homeOf } from '../transport/http/http-sockets.js'
import { NodeHttpReply } from '../transport/http/node-http-reply.js'
import { type BodyOptions, readBody } from '../transport/http/request-body.js'
import { admissionRefusal } from './admission.js'
import { type Arrival, chooseDialect, type Dialect } from './dialect.js'
import type { Gateway } from './gateway.js'
import { offeredProtocols } from './upgrade.js'

/** Passes a request on to the process that has its connection. */
export interface HttpRelay {
  /** Null: there is no such process. */
  relay(boot: string, request: HttpRequest, reply: HttpReply): HttpExchange | null
  /** Whether there is such a process, as far as this one knows. */
  knows(boot: string): boolean
}

export interface HttpTransportOptions {
  /** Null while the server is not there yet. */
  readonly node: () => {
    readonly gateway: Pick<Gateway, 'admission' | 'accept'>
    readonly httpSockets: HttpSockets
    readonly relay: HttpRelay
  } | null
  readonly dialects: readonly Dialect[]
  readonly transports: readonly string[]
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
  readonly budget: MemoryBudget
  readonly counters: Counters
  readonly logger: Logger
  readonly basePath: string
  readonly trustedProxies: TrustedProxies
  readonly refusalOf: (visit: Visit, request: IncomingMessage | undefined) => WeftError | null
  /** Told of each client that is refused before it is connected, by a word for why. Default: nobody is. */
  readonly refused?: (address: string | null, code: string) => void
}

/** A request, as node:http or a fetch handler has it. */
export interface TransportRequest {
  readonly method: string | undefined
  /** By their names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** The request of node:http that it came by; undefined where whoever calls the fetch handler answers for who asks. */
  readonly incoming: IncomingMessage | undefined
  body(options: BodyOptions): Promise<Uint8Array | 'too-large' | null>
}

/** How it is answered. */
export interface TransportReply extends HttpReply {
  /** No page may read the answer. */
  hideFromPages(): void
  retryAfter(seconds: number): void
  /** Nothing more is read from its connection. */
  closeAfter(): void
  /** Runs `run` when the answer has ended, or whoever asked has gone. */
  whenOver(run: () => void): void
}

const actions: ReadonlyMap<string, { readonly method: 'GET' | 'POST'; readonly action: HttpRequest['action'] }> = new Map([
  ['/events', { method: 'GET', action: 'events' }],
  ['/poll', { method: 'GET', action: 'poll' }],
  ['/messages', { method: 'POST', action: 'messages' }],
  ['/close', { method: 'POST', action: 'close' }],
])

const noBody = new Uint8Array(0)
const noParameters = new URLSearchParams()

/** Answers what it serves of an HTTP server's requests; false for what is somebody else's. */
export function httpTransport(options: HttpTransportOptions): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (incoming, response) => {
    const target = transportTarget(options, incoming.url ?? '/')
    if (target === null) return false
    const { method, headers } = incoming
    const request = { method, headers, incoming, body: (bodyOptions: BodyOptions) => readBody(incoming, bodyOptions) }
    void serveTransport(options, request, target, new NodeHttpReply(response, corsHeaders(headers)))
    return true
  }
}

/** The path behind the base path, with the query, of a request for a connection over HTTP; null for what is somebody else's. */
export function transportTarget({ basePath }: HttpTransportOptions, url: string): string | null {
  const target = behindBasePath(url, basePath)
  const path = target?.split('?', 1)[0] ?? ''
  return path === connectionsPath || path.startsWith(`${connectionsPath}/`) ? target : null
}

/** Answers it, at once or when there is something to say. Never rejects. */
export async function serveTransport(
  options: HttpTransportOptions,
  request: TransportRequest,
  target: string,
  reply: TransportReply,
): Promise<void> {
  try {
    await serve(options, request, target, reply)
  } catch (thrown) {
    const error = asWeftError(thrown)
    options.logger[error.logLevel]({ err: thrown }, 'a request of a connection over HTTP failed')
    refuse(reply, error.code === 'malformed' ? 400 : 500, error.code, error.message)
  }
}

async function serve(options: HttpTransportOptions, request: TransportRequest, target: string, reply: TransportReply): Promise<void> {
  const { counters, logger, refusalOf } = options
  const visit: Visit = { ...arrivalOf(options, request, target), parameters: noParameters }
  const outsider = refusalOf(visit, request.incoming)
  if (outsider !== null) {
    counters.add('connections_refused')
    options.refused?.(visit.address, outsider.code)
    logger.warn({ address: request.incoming?.socket.remoteAddress, origin: request.headers.origin }, outsider.message)
    // Without the headers that would let that page read it.
    reply.hideFromPages()
    refuse(reply, 403, 'forbidden', outsider.message)
    return
  }
  if (request.method === 'OPTIONS') {
    answer(reply, 204, contentTypes.none)
    return
  }
  const rest = target.split('?', 1)[0]?.slice(connectionsPath.length) ?? ''
  if (rest === '') {
    if (request.method === 'POST') open(options, request, target, reply)
    else refuse(reply, 405, 'method-not-allowed', 'Only POST is answered here.')
    return
  }
  const known = actions.get(rest)
  if (known === undefined) refuse(reply, 404, 'not-found', 'There is nothing at this address.')
  else if (known.method !== request.method) refuse(reply, 405, 'method-not-allowed', `Only ${known.method} is answered here.`)
  else await pass(options, request, known.action, reply)
}

interface Refusal {
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly retryAfterS?: number
  /** What operators see instead of the code. */
  readonly noted?: string
}

/** A new connection, always of this node. Answers 201 with its id. */
function open(options: HttpTransportOptions, request: TransportRequest, target: string, reply: TransportReply): void {
  const { counters, limits, random } = options
  const { dialect, ...arrival } = arrivalOf(options, request, target)
  const no = ({ status, code, detail, retryAfterS, noted }: Refusal): void => {
    counters.add('connections_refused')
    options.refused?.(arrival.address, noted ?? code)
    if (retryAfterS !== undefined) reply.retryAfter(retryAfterS)
    refuse(reply, status, code, detail)
  }
  const misfit = misfitOf(options, request, arrival.protocols)
  if (misfit !== null) {
    no(misfit)
    return
  }
  const node = options.node()
  if (node === null || dialect === null) {
    no({ status: 503, code: 'overloaded', detail: 'This server is starting; connect again.', retryAfterS: 1, noted: 'starting' })
    return
  }
  const admission = node.gateway.admission(arrival.address, resumptionIn(arrival.protocols))
  const full = admissionRefusal(admission, limits, random)
  if (full !== null) {
    no({ status: 503, code: 'overloaded', detail: full.reason, retryAfterS: full.retryAfterS, noted: admission })
    return
  }
  counters.add('connections_over_http')
  const { id, socket } = node.httpSockets.open()
  socket.listen(node.gateway.accept(socket, { ...arrival, dialect }))
  answer(reply, 201, 'application/json; charset=utf-8', Buffer.from(`${JSON.stringify({ connection: id })}\n`))
}

/** Why nobody could be let in like this, whoever it is. */
function misfitOf({ dialects, transports }: HttpTransportOptions, request: TransportRequest, protocols: readonly string[]): Refusal | null {
  const transport = downTransports.find((name) => name === request.headers[httpHeaders.transport])
  if (transport === undefined)
    return { status: 400, code: 'malformed', detail: `Say how you receive, with ${httpHeaders.transport}: ${downTransports.join(' or ')}.` }
  if (!transports.includes(transport))
    return {
      status: 403,
      code: 'forbidden',
      detail: `This server does not offer ${transport}; its operator can allow it with --transports.`,
    }
  const chosen = chooseDialect(dialects, protocols, null)
  // A dialect that is not chosen by name has its document in the path.
  if (chosen === null || chosen.subprotocol === null || chosen.dialect.speaker !== 'client')
    return {
      status: 400,
      code: 'malformed',
      detail: `None of the dialects that were offered with ${httpHeaders.protocols} is spoken over HTTP; weft.1 is.`,
    }
  return null
}

async function pass(
  options: HttpTransportOptions,
  request: TransportRequest,
  action: HttpRequest['action'],
  reply: TransportReply,
): Promise<void> {
  const { counters, limits, budget, clock } = options
  const connection = headerOf(request, httpHeaders.connection)
  const node = options.node()
  const home = homeOf(connection)
  const isHere = node !== null && home === node.httpSockets.boot
  // Nothing is read of those that have no connection anywhere.
  if (node === null || (isHere ? !node.httpSockets.remembers(connection) : !node.relay.knows(home))) {
    refuse(reply, 404, 'not-found', 'There is no such connection, or it has ended.')
    return
  }
  const charge = new MemoryCharge(budget.account('received'))
  reply.whenOver(() => charge.set(0))
  const bytesMax = Math.max(limits.messageBytesMax, bodyBytesMax) + recordOverheadBytes
  const body = request.method === 'POST' ? await request.body({ clock, bytesMax, progressMsMax: limits.pingPeriodMs, charge }) : noBody
  if (body === null) return
  if (body === 'too-large') {
    reply.closeAfter()
    refuse(reply, 413, 'message-too-large', `The body is longer than ${bytesMax} bytes, which is the most that is read.`)
    return
  }
  const after = numberOf(request, httpHeaders.after)
  const first = body.length === 0 ? 1 : numberOf(request, httpHeaders.first)
  const asked: HttpRequest = { action, connection, after, first, body }
  if (!isHere) counters.add('http_requests_relayed')
  const exchange = isHere ? node.httpSockets.serve(asked, reply) : node.relay.relay(home, asked, reply)
  if (exchange === null) refuse(reply, 404, 'not-found', 'There is no such connection, or it has ended.')
  else reply.whenOver(() => exchange.gone())
}

function arrivalOf(
  { dialects, trustedProxies }: HttpTransportOptions,
  request: TransportRequest,
  target: string,
): Omit<Arrival, 'dialect'> & { readonly dialect: Dialect | null } {
  const protocols = offeredProtocols(request.headers[httpHeaders.protocols] as string | undefined)
  const chosen = chooseDialect(dialects, protocols, null)?.dialect
  return {
    dialect: chosen?.speaker === 'client' ? chosen : null,
    target,
    origin: request.headers.origin ?? null,
    address: request.incoming === undefined ? null : clientAddressOf(request.incoming, trustedProxies),
    protocols,
    headers: request.headers,
  }
}

/** How long a page need not ask again; browsers have bounds of their own. Each request says where it comes from all the same. */
const PREFLIGHT_SECONDS = String(24 * 3600)

/** A page that may open a WebSocket may do the same here; its cookies count, or do not, as they would there (X6). */
export function corsHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const { origin } = headers
  if (origin === undefined) return { Vary: 'Origin' }
  const allowed = ['Authorization', 'Content-Type', ...Object.values(httpHeaders)].join(', ')
  return {
    Vary: 'Origin',
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Credentials': 'true',
    'Access-Control-Allow-Methods': 'GET, POST',
    'Access-Control-Allow-Headers': allowed,
    'Access-Control-Max-Age': PREFLIGHT_SECONDS,
  }
}

function headerOf(request: TransportRequest, name: string): string {
  const value = request.headers[name]
  return typeof value === 'string' ? value : ''
}

function numberOf(request: TransportRequest, name: string): number {
  const text = headerOf(request, name)
  if (!/^\d{1,15}$/.test(text)) throw asMalformed(name)
  return Number(text)
}

function asMalformed(name: string): WeftError {
  return new WeftError('malformed', `The header ${name} has to be there, and to hold a number.`)
}

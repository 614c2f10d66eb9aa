// The HTTP upgrade: which subprotocol, whether there is room, and then a WebSocket for the gateway. What is wrong with the document is said by
// a close code afterwards, since browsers do not let a page read the HTTP status of a failed upgrade.
import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { type Clock, systemClock } from '../../core/clock.js'
import type { Counters } from '../../core/counters.js'
import { behindBasePath } from '../../core/document-path.js'
import type { WeftError } from '../../core/errors.js'
import type { Limits } from '../../core/limits.js'
import { type Logger, silentLogger } from '../../core/log.js'
import { type Random, systemRandom } from '../../core/random.js'
import { resumptionIn } from '../../core/resumption.js'
import { clientAddressOf, type TrustedProxies } from '../access/addresses.js'
import { challengeHeader, type NodeGatekeeper, proofHeader } from '../access/node-credentials.js'
import type { Visit } from '../access/visit.js'
import { linkLimits } from '../transport/link-limits.js'
import { ExplainingWebSocket, WsSocket } from '../transport/ws-socket.js'
import { type Admission, admissionRefusal } from './admission.js'
import { type Arrival, chooseDialect, type Dialect } from './dialect.js'
import type { Gateway } from './gateway.js'
import { Handshakes } from './handshakes.js'

export interface UpgradeOptions {
  /** Null while the server is not there yet. */
  readonly gateway: () => Pick<Gateway, 'admission' | 'room' | 'nodeAdmission' | 'accept'> | null
  /** The first one that matches serves. */
  readonly dialects: readonly Dialect[]
  readonly limits: Limits
  readonly counters: Counters
  /** The path that documents are under, such as `/collab`. Default: none. */
  readonly basePath?: string
  /** Proxies that are believed about whom they speak for. Default: none. */
  readonly trustedProxies?: TrustedProxies
  /** Why a client's request is answered no further, whatever it shows; null if it is. Default: every one is. */
  readonly refusalOf?: (visit: Visit, request: IncomingMessage) => WeftError | null
  /** Told of each client that is refused before it is connected, by a word for why. Default: nobody is. */
  readonly refused?: (address: string | null, code: string) => void
  readonly logger?: Logger
  readonly random?: Random
  readonly clock?: Clock
  /** What becomes of requests that are not under the base path: a server of the program's own has more than ours. Default: they are refused. */
  readonly others?: 'refused' | 'ignored'
  /** Whether clients may come over WebSockets; other nodes always may. Default: they may. */
  readonly forClients?: boolean
  /** Who lets other nodes in; null outside a cluster. */
  readonly nodes?: { readonly gatekeeper: NodeGatekeeper; readonly logger: Logger } | null
}

/** The client may be gone already, which nobody needs to hear of. */
const ignored = (): void => {}

/** Whoever is refused whatever they show is not asked what they show. */
const noParameters = new URLSearchParams()

const NODES_PROVE = 'Nodes of a cluster prove that they know its secret; set the same --cluster-secret on all of them.'

function challengeOf(gatekeeper: NodeGatekeeper): readonly string[] {
  return ['WWW-Authenticate: Weft-Node', `${challengeHeader}: ${gatekeeper.challenge()}`]
}

/** Serves the upgrade requests of `httpServer`. Answers what stops that. */
export function serveUpgrades(httpServer: Server, options: UpgradeOptions): () => void {
  const { dialects, limits, counters, basePath = '', nodes = null, trustedProxies = () => false, logger = silentLogger } = options
  const { refusalOf = () => null, random = systemRandom, clock = systemClock, forClients = true } = options
  const subprotocolFor = (offered: Set<string>): string | false => chooseDialect(dialects, [...offered], null)?.subprotocol ?? false
  const webSockets = webSocketServer(limits.messageBytesMax, subprotocolFor)
  const links = webSocketServer(linkLimits(limits).messageBytesMax, subprotocolFor)
  const proofs = new WeakMap<IncomingMessage, string>()
  links.on('headers', (headers, request) => headers.push(`${proofHeader}: ${proofs.get(request)}`))
  const handshakes = new Handshakes(clock, limits)
  const arrivalOf = (dialect: Dialect, request: IncomingMessage, address: string | null): Arrival => ({
    dialect,
    target: behindBasePath(request.url ?? '/', basePath),
    origin: request.headers.origin ?? null,
    address,
    protocols: offeredProtocols(request.headers['sec-websocket-protocol']),
    headers: request.headers,
  })

  const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    if (options.others === 'ignored' && behindBasePath(request.url ?? '/', basePath) === null) return
    if (!asksForWebSocket(request)) {
      ignoreUpgrade(httpServer, request, stream)
      return
    }
    const address = clientAddressOf(request, trustedProxies)
    const refuse = (code: string, status: string, reason: string, headers: readonly string[] = []): void => {
      counters.add('connections_refused')
      options.refused?.(address, code)
      refuseUpgrade(stream, status, reason, headers)
    }
    const target = behindBasePath(request.url ?? '/', basePath)
    const dialect = chooseDialect(dialects, offeredProtocols(request.headers['sec-websocket-protocol']), target)?.dialect
    if (dialect === undefined || (dialect.speaker === 'node' && nodes === null)) {
      refuse(
        'unknown-subprotocol',
        '400 Bad Request',
        `None of the offered WebSocket subprotocols is known here. Supported: weft.1, or anything else for y-websocket.`,
      )
      return
    }
    if (dialect.speaker === 'client' && !forClients) {
      refuse('forbidden', '403 Forbidden', 'This server takes no WebSockets; its operator can allow them with --transports.')
      return
    }
    const { authorization } = request.headers
    if (dialect.speaker === 'node' && nodes !== null && authorization === undefined) {
      // The first request of a node is without an answer, since it has no challenge yet: nothing is wrong with it. It is answered also while this
      // node comes up, which finds out by it whether its advertised address leads to it.
      refuseUpgrade(stream, '401 Unauthorized', NODES_PROVE, challengeOf(nodes.gatekeeper))
      return
    }
    const gateway = options.gateway()
    if (gateway === null) {
      refuse('starting', '503 Service Unavailable', 'This server is starting; connect again.', ['Retry-After: 1'])
      return
    }
    const outsider =
      dialect.speaker === 'node' ? null : refusalOf({ ...arrivalOf(dialect, request, address), parameters: noParameters }, request)
    if (outsider !== null) {
      logger.warn({ address: request.socket.remoteAddress, origin: request.headers.origin }, outsider.message)
      refuse(outsider.code, '403 Forbidden', outsider.message)
      return
    }
    // Other nodes are let in whatever else comes: they have documents that others need, and documents that they own are needed here.
    const isAdmitted = (admission: Admission): boolean => {
      const full = admissionRefusal(admission, limits, random)
      if (full !== null) refuse(admission, '503 Service Unavailable', full.reason, [`Retry-After: ${full.retryAfterS}`])
      return full === null
    }
    const take = (server: WebSocketServer): void =>
      server.handleUpgrade(request, stream, head, (ws) => {
        const socket = new WsSocket(ws, stream)
        socket.listen(gateway.accept(socket, arrivalOf(dialect, request, address)))
      })
    if (dialect.speaker === 'node') {
      if (!isAdmitted(gateway.nodeAdmission()) || nodes === null) return
      const { gatekeeper, logger } = nodes
      const proof = gatekeeper.admit(authorization)
      if (proof === null) {
        logger.error(
          { address: request.socket.remoteAddress },
          'a node was refused: it has another cluster secret; give all nodes the same --cluster-secret (CLUSTER_SECRET)',
        )
        refuse('unproven-node', '401 Unauthorized', NODES_PROVE, challengeOf(gatekeeper))
        return
      }
      proofs.set(request, proof)
      take(links)
      return
    }
    handshakes.came()
    const resumption = resumptionIn(offeredProtocols(request.headers['sec-websocket-protocol']))
    if (!isAdmitted(handshakes.isFull && resumption === null ? 'too-fast' : gateway.admission(address, resumption))) return
    stream.on('error', ignored)
    handshakes.add(() => {
      stream.off('error', ignored)
      // Who had to wait may find that there is no room any more.
      if (isAdmitted(gateway.room(address))) take(webSockets)
    })
  }
  httpServer.on('upgrade', upgrade)
  return () => void httpServer.off('upgrade', upgrade)
}

/** Answers every upgrade on a port without WebSockets as a request that did not ask for one. */
export function answerUpgrades(httpServer: Server): void {
  httpServer.on('upgrade', (request, stream) => ignoreUpgrade(httpServer, request, stream))
}

/** Of a message. Chromium sends a large one in pieces of 128 KiB, so in 512 at most, and others in one; taking thousands of pieces of a few bytes apart would hold everybody up. */
const FRAGMENTS_MAX = 2_048

function webSocketServer(maxPayload: number, handleProtocols: (offered: Set<string>) => string | false): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload,
    maxFragments: FRAGMENTS_MAX,
    // Asked only if the client offers any.
    handleProtocols,
    WebSocket: ExplainingWebSocket,
  })
}

export function offeredProtocols(header: string | undefined): readonly string[] {
  return header === undefined ? [] : header.split(',').map((name) => name.trim())
}

function asksForWebSocket(request: IncomingMessage): boolean {
  return /(^|,)\s*websocket\s*(,|$)/i.test(request.headers.upgrade ?? '')
}

/**
 * Answers a request that asks for another protocol as if it had not asked, as RFC 9110 (7.8) has it: some clients offer h2c with every request. Node has taken
 * its parser from the stream by then, so that the stream ends with this answer.
 */
function ignoreUpgrade(httpServer: Server, request: IncomingMessage, stream: Duplex): void {
  stream.on('error', ignored)
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(stream as Socket)
  response.once('finish', () => stream.end(() => stream.destroy()))
  httpServer.emit('request', request, response)
}

function refuseUpgrade(stream: Duplex, status: string, reason: string, headers: readonly string[]): void {
  const body = Buffer.from(`${reason}\n`)
  const lines = [
    `HTTP/1.1 ${status}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${body.length}`,
    ...headers,
    '',
    '',
  ]
  stream.on('error', ignored)
  // Not `end`: in a storm each call of the system counts.
  stream.write(Buffer.concat([Buffer.from(lines.join('\r\n')), body]), () => stream.destroy())
}

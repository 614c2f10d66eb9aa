// The HTTP upgrade: which subprotocol, whether there is room, and then a WebSocket for the gateway. What is wrong with the document is said by
// a close code afterwards, since browsers do not let a page read the HTTP status of a failed upgrade.
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Counters } from '../../core/counters.js'
import type { Limits } from '../../core/limits.js'
import { weftSubprotocol } from '../../protocol/dialects/weft.js'
import type { Dialect, Gateway } from './gateway.js'
import { ExplainingWebSocket, WsSocket } from './ws-socket.js'

export interface UpgradeOptions {
  readonly gateway: Gateway
  readonly limits: Limits
  readonly counters: Counters
}

/** Serves the upgrade requests of `server`. */
export function serveUpgrades(server: Server, options: UpgradeOptions): void {
  const { gateway, limits, counters } = options
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.messageBytesMax,
    // Asked only if the client offers any; `dialectOf` has made sure that it is among them.
    handleProtocols: (offered) => (offered.has(weftSubprotocol) ? weftSubprotocol : false),
    WebSocket: ExplainingWebSocket,
  })

  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const refuse = (status: string, reason: string, headers: readonly string[] = []): void => {
      counters.add('connections_refused')
      refuseUpgrade(stream, status, reason, headers)
    }
    const dialect = dialectOf(request.headers['sec-websocket-protocol'])
    if (dialect === null) {
      refuse(
        '400 Bad Request',
        `None of the offered WebSocket subprotocols is known here. Supported: ${weftSubprotocol}, or none for y-websocket.`,
      )
      return
    }
    const admission = gateway.admission()
    switch (admission) {
      case 'full':
        refuse('503 Service Unavailable', `This server has ${limits.connectionsMax} connections, which is the most it may.`, [
          'Retry-After: 10',
        ])
        return
      case 'draining':
        refuse('503 Service Unavailable', 'This server is shutting down; connect again.', ['Retry-After: 1'])
        return
      case 'admitted':
        break
    }
    webSockets.handleUpgrade(request, stream, head, (ws) => {
      const socket = new WsSocket(ws, stream)
      socket.listen(gateway.accept(socket, { dialect, target: request.url ?? '/', origin: request.headers.origin ?? null }))
    })
  })
}

/** The dialect that the client's list of subprotocols asks for; null if it knows none of ours. */
function dialectOf(header: string | undefined): Dialect | null {
  if (header === undefined) return 'y-websocket'
  const offered = header.split(',').map((name) => name.trim())
  return offered.includes(weftSubprotocol) ? 'weft' : null
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
  // The client may be gone already, which nobody needs to hear of.
  stream.on('error', () => {})
  stream.once('finish', () => stream.destroy())
  stream.end(Buffer.concat([Buffer.from(lines.join('\r\n')), body]))
}

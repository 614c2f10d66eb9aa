// Opens links to the server, by whatever transport: with the token, and with what the server gave to show when coming back.
import { resumptionSubprotocol } from '../core/resumption.js'
import { weftSubprotocol } from '../protocol/dialects/weft.js'
import { Link } from './link.js'
import { readToken, type Settings } from './options.js'
import { HttpSocket } from './transports/http-socket.js'
import type { TransportName } from './transports/negotiation.js'
import { findWebSocket, type WebSocketLike } from './transports/web-socket.js'

const agent = 'weft-sync'

interface Wanted {
  /** False once nobody wants the link any more. */
  isWanted(): boolean
  readonly welcomeMsMax: number
  /** Before anything else is said of the link; not called if nobody wants it any more. */
  opened(link: Link): void
  welcomed(link: Link): void
  lost(link: Link, code: number, reason: string): void
}

export class LinkOpener {
  readonly #url: string
  readonly #settings: Settings
  readonly #drain: (link: Link, retryAfterMs: number) => void
  #resumption: string | null = null

  constructor(url: string, settings: Settings, drain: (link: Link, retryAfterMs: number) => void) {
    this.#url = url
    this.#settings = settings
    this.#drain = drain
  }

  /** Rejects when there is no token, or no WebSocket. */
  async open(transport: TransportName, wanted: Wanted): Promise<void> {
    const { clock, logger, heartbeat, fetch } = this.#settings
    const token = await readToken(this.#settings.token)
    const WebSocket = transport === 'websocket' ? (this.#settings.WebSocket ?? (await findWebSocket())) : null
    if (!wanted.isWanted()) return
    const protocols = [weftSubprotocol, ...(this.#resumption === null ? [] : [resumptionSubprotocol(this.#resumption)])]
    const socket: WebSocketLike =
      transport === 'websocket' && WebSocket !== null
        ? new WebSocket(this.#url, protocols)
        : new HttpSocket(this.#url, protocols, { down: transport === 'sse' ? 'sse' : 'poll', clock, fetch })
    const link: Link = new Link(socket, {
      agent,
      token,
      clock,
      logger,
      pingPeriodMs: heartbeat.periodMs,
      answerMsMax: heartbeat.answerMsMax,
      welcomeMsMax: wanted.welcomeMsMax,
      events: {
        welcome: () => wanted.welcomed(link),
        resumption: (resumption) => {
          this.#resumption = resumption
        },
        drain: (retryAfterMs) => this.#drain(link, retryAfterMs),
        lost: (code, reason) => wanted.lost(link, code, reason),
      },
    })
    wanted.opened(link)
  }
}

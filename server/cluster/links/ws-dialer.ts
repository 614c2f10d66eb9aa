// Dials other nodes over WebSockets and proves that this node knows the cluster's secret.
import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import type { Clock } from '../../../core/clock.js'
import type { Limits } from '../../../core/limits.js'
import type { Random } from '../../../core/random.js'
import { weftNodeSubprotocols } from '../../../protocol/dialects/weft.js'
import { challengeHeader, NodeAnswer, proofHeader } from '../../access/node-credentials.js'
import type { SocketEvents } from '../../transport/socket.js'
import { WsSocket } from '../../transport/ws-socket.js'
import type { DialedNode, NodeAddress, NodeDialer } from './node-dialer.js'

export interface WsDialerOptions {
  readonly secret: string
  readonly clock: Clock
  /** Fit for secrets. */
  readonly random: Random
  readonly limits: Limits
  /** Whether this process made a challenge: then the address leads back to it. */
  readonly isOwn: (challenge: string) => boolean
}

/** From the first byte to the end of the upgrade, both rounds. */
const DIAL_MS_MAX = 3_000

const unheard: SocketEvents = { received: () => {}, message: () => {}, text: () => {}, pong: () => {}, closed: () => {} }

type Upgrade = ({ readonly kind: 'open' } & DialedNode) | { readonly kind: 'challenged'; readonly challenge: string }

export class WsDialer implements NodeDialer {
  readonly #options: WsDialerOptions

  constructor(options: WsDialerOptions) {
    this.#options = options
  }

  async dial(
    { advertise }: NodeAddress,
    events: SocketEvents,
    subprotocols: readonly string[] = weftNodeSubprotocols,
  ): Promise<DialedNode> {
    const { secret, random, isOwn } = this.#options
    const challenge = await this.#challenge(advertise, subprotocols)
    if (isOwn(challenge)) throw new Error('its address leads back to this node; give it another --advertise (ADVERTISE)')
    const answered = await this.#upgrade(advertise, new NodeAnswer(secret, challenge, random), events, subprotocols)
    if (answered.kind === 'open') return answered
    throw new Error('it has another cluster secret; give all nodes the same --cluster-secret (CLUSTER_SECRET)')
  }

  /** Resolves when the address (host:port) leads to this process. Rejects with why it does not, in plain words, in bounded time. */
  async findSelf(advertise: string): Promise<void> {
    const challenge = await this.#challenge(advertise, weftNodeSubprotocols)
    if (!this.#options.isOwn(challenge)) throw new Error('another node listens there')
  }

  async #challenge(advertise: string, subprotocols: readonly string[]): Promise<string> {
    const asked = await this.#upgrade(advertise, null, unheard, subprotocols)
    if (asked.kind === 'challenged') return asked.challenge
    asked.socket.terminate()
    throw new Error('it let this node in without asking for the cluster secret')
  }

  #upgrade(advertise: string, answer: NodeAnswer | null, events: SocketEvents, subprotocols: readonly string[]): Promise<Upgrade> {
    const { clock, limits } = this.#options
    return new Promise((resolve, reject) => {
      const ws = new WebSocket(`ws://${advertise}/`, [...subprotocols], {
        perMessageDeflate: false,
        // Nodes send each other a document as one message, so that it has to fit into one.
        maxPayload: Math.max(2 * limits.documentBytesMax, limits.messageBytesMax),
        // Masks protect the caches of others from what a web page sends; a mask of zeros spares a pass over every byte.
        generateMask: (mask) => mask.fill(0),
        headers: answer === null ? {} : { authorization: answer.authorization },
      })
      const fail = (reason: string): void => {
        timer.cancel()
        ws.removeAllListeners()
        ws.on('error', () => {})
        ws.terminate()
        reject(new Error(reason))
      }
      // A dial that nobody needs any more keeps no process alive.
      const timer = clock.after(DIAL_MS_MAX, () => fail(`no answer within ${DIAL_MS_MAX} ms`), { unref: true })
      ws.on('error', (error) => fail(error.message))
      ws.on('unexpected-response', (_request, response: IncomingMessage) => {
        const challenge = response.headers[challengeHeader]
        if (response.statusCode !== 401 || typeof challenge !== 'string') {
          fail(`it answered the upgrade with HTTP ${response.statusCode}`)
          return
        }
        timer.cancel()
        ws.removeAllListeners()
        ws.on('error', () => {})
        ws.terminate()
        resolve({ kind: 'challenged', challenge })
      })
      ws.on('upgrade', (response: IncomingMessage) => {
        if (answer !== null && !answer.isProof(response.headers[proofHeader])) {
          fail('what listens there does not know the cluster secret')
          return
        }
        ws.on('open', () => {
          timer.cancel()
          ws.removeAllListeners()
          const socket = new WsSocket(ws, response.socket, 'client')
          socket.listen(events)
          resolve({ kind: 'open', socket, subprotocol: ws.protocol })
        })
      })
    })
  }
}

// What the worker keeps: for each server one socket, and the pages that use it.
import type { Clock } from '../../core/clock.js'
import type { WebSocketConstructor } from '../transports/web-socket.js'
import type { FromPage, PagePort, ToPage } from './port.js'
import { type Member, Trunk } from './trunk.js'

export interface SharedSocketsOptions {
  readonly WebSocket: WebSocketConstructor
  readonly clock: Clock
  /** Resolves when the page that holds this lock is gone; null where that cannot be known. */
  readonly gone: ((lock: string) => Promise<void>) | null
}

/** Pages on one socket: over one connection a server lets a document be opened 8 times. */
const membersMax = 8

export class SharedSockets {
  readonly #options: SharedSocketsOptions
  readonly #trunks = new Map<string, Set<Trunk>>()

  constructor(options: SharedSocketsOptions) {
    this.#options = options
  }

  /** A page wants a socket. `lock`: what it holds as long as it lives. */
  connect(url: string, protocols: readonly string[], lock: string, port: PagePort): void {
    const tell = (message: ToPage): void => port.postMessage(message)
    const member: Member = {
      opened: (protocol) => tell({ kind: 'opened', protocol }),
      received: (data) => tell({ kind: 'message', data }),
      closed: (code, reason) => {
        tell({ kind: 'closed', code, reason })
        port.close()
      },
    }
    const trunk = [...(this.#trunks.get(url) ?? [])].find(({ size }) => size < membersMax) ?? this.#open(url, protocols)
    port.onmessage = ({ data }) => {
      const message = data as FromPage
      if (message.kind === 'send') trunk.send(member, message.data)
      else trunk.leave(member)
    }
    this.#options.gone?.(lock).then(
      () => trunk.leave(member),
      () => {},
    )
    trunk.join(member)
  }

  #open(url: string, protocols: readonly string[]): Trunk {
    const { WebSocket, clock } = this.#options
    const trunks = this.#trunks.get(url) ?? new Set()
    this.#trunks.set(url, trunks)
    const trunk: Trunk = new Trunk(new WebSocket(url, [...protocols]), clock, () => void trunks.delete(trunk))
    trunks.add(trunk)
    return trunk
  }
}

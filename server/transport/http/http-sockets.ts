// The connections over HTTP of one process, by their ids. An id names the process that has it, so that any node knows where a request belongs.
import type { Clock } from '../../../core/clock.js'
import type { Limits } from '../../../core/limits.js'
import { type Random, randomId } from '../../../core/random.js'
import type { HttpClosing } from '../../../protocol/http-frames.js'
import { type HttpExchange, type HttpReply, type HttpRequest, refuse } from './exchange.js'
import { HttpSocket } from './http-socket.js'

/** A connection is taken over by whoever knows its id. */
const ID_BYTES = 24
/** Of so many connections that ended it is remembered why, for this long. */
const ENDED_MAX = 10_000
const ENDED_MS_MAX = 60_000

const nobody: HttpExchange = { gone: () => {} }

export interface HttpSocketsOptions {
  readonly clock: Clock
  /** Fit for secrets. */
  readonly random: Random
  readonly limits: Limits
  /** Names this start of the process. */
  readonly boot: string
}

/** Which start of a process has a connection. */
export function homeOf(connection: string): string {
  return connection.slice(0, Math.max(0, connection.indexOf('.')))
}

export class HttpSockets {
  readonly boot: string
  readonly #options: HttpSocketsOptions
  readonly #sockets = new Map<string, HttpSocket>()
  /** Oldest first. */
  readonly #ended = new Map<string, HttpClosing & { readonly at: number }>()

  constructor(options: HttpSocketsOptions) {
    this.#options = options
    this.boot = options.boot
  }

  get size(): number {
    return this.#sockets.size
  }

  /** Whether there is, or was lately, such a connection. */
  remembers(connection: string): boolean {
    return this.#sockets.has(connection) || this.#ended.has(connection)
  }

  /** A further connection; without a stream or a poll it ends after `streamGapMsMax`. */
  open(): { readonly id: string; readonly socket: HttpSocket } {
    const { clock, limits, random } = this.#options
    const id = `${this.boot}.${randomId(random, ID_BYTES)}`
    const socket = new HttpSocket({ clock, limits, ended: (closing) => this.#endedOf(id, closing) })
    this.#sockets.set(id, socket)
    return { id, socket }
  }

  /** Serves a request of a connection that is here, and answers 404 for any other. May throw `malformed`. */
  serve(request: HttpRequest, reply: HttpReply): HttpExchange {
    const socket = this.#sockets.get(request.connection)
    if (socket !== undefined) return socket.serve(request, reply)
    const closing = this.#ended.get(request.connection)
    if (closing === undefined) refuse(reply, 404, 'not-found', 'There is no such connection, or it has ended.')
    else refuse(reply, 410, 'closed', closing.reason, { closeCode: closing.code })
    return nobody
  }

  #endedOf(id: string, closing: HttpClosing): void {
    this.#sockets.delete(id)
    const at = this.#options.clock.monotonic()
    this.#ended.set(id, { ...closing, at })
    for (const [other, one] of this.#ended) {
      if (this.#ended.size <= ENDED_MAX && at - one.at <= ENDED_MS_MAX) return
      this.#ended.delete(other)
    }
  }
}

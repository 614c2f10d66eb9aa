// A TCP proxy that a test puts into any path: it passes bytes on, as fast as they come, late, or at a bounded rate, holds them back without a word (a half-open
// network), or cuts every connection.
import net from 'node:net'

/**
 * What happens to the bytes. `hold-…`: connections stay open and new ones are taken, but nothing passes in the given direction until the path opens
 * again; then it all arrives, as after a network that lost packets for a while. `cut`: connections are reset, new ones too.
 */
export type ProxyPath = 'open' | 'cut' | 'hold-both' | 'hold-requests' | 'hold-answers'

/**
 * In Node 20 to 24, a socket that is reset while its end is on its way is neither reset nor closed: its descriptor stays open, and the process, at its
 * exit, waits for it without end (`reset EINVAL`; uv_tcp_close_reset takes no socket that is shutting down). Such a one is closed instead.
 */
function resetOrDestroy(socket: net.Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}

interface Target {
  readonly host: string
  readonly port: number
}

interface Pair {
  readonly client: net.Socket
  readonly target: net.Socket
}

/** At a bounded rate, bytes leave in steps of this length. */
const STEP_MS = 20

export class TcpProxy {
  readonly port: number
  /** What a connection carries in each direction, from its next bytes on; null: as much as it can. */
  bytesPerSecond: number | null = null
  /** How much later than they come bytes leave, in each direction: from the next ones on. */
  delayMs = 0
  readonly #server: net.Server
  readonly #pairs = new Set<Pair>()
  #target: Target | null
  #path: ProxyPath = 'open'

  private constructor(server: net.Server, port: number, target: Target | null) {
    this.#server = server
    this.port = port
    this.#target = target
  }

  /** Listens on a free port of 127.0.0.1. Without a target yet, connections are reset until `aim` names one. */
  static start(target: { readonly host: string; readonly port: number } | null = null): Promise<TcpProxy> {
    return new Promise((resolve, reject) => {
      const server = net.createServer({ allowHalfOpen: true })
      server.once('error', reject)
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        if (address === null || typeof address !== 'object') return reject(new Error('The proxy has no port.'))
        const proxy = new TcpProxy(server, address.port, target)
        server.on('connection', (socket) => proxy.#connected(socket))
        resolve(proxy)
      })
    })
  }

  /** `127.0.0.1:port`. */
  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  get connections(): number {
    return this.#pairs.size
  }

  aim(port: number, host = '127.0.0.1'): void {
    this.#target = { host, port }
  }

  set path(path: ProxyPath) {
    this.#path = path
    for (const pair of [...this.#pairs]) this.#apply(pair)
  }

  async stop(): Promise<void> {
    this.path = 'cut'
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #connected(client: net.Socket): void {
    if (this.#path === 'cut' || this.#target === null) {
      client.on('error', () => {})
      client.resetAndDestroy()
      return
    }
    const target = net.connect({ ...this.#target, allowHalfOpen: true })
    const pair: Pair = { client, target }
    this.#pairs.add(pair)
    for (const socket of [client, target]) {
      socket.setNoDelay(true)
      socket.on('error', () => this.#reset(pair))
      socket.on('close', () => {
        if (client.destroyed && target.destroyed) this.#pairs.delete(pair)
      })
    }
    this.#forward(client, target, 'requests')
    this.#forward(target, client, 'answers')
    this.#apply(pair)
  }

  /** By hand instead of `pipe`, which resumes a socket whenever it likes. One after the other, also when the delay or the rate changes meanwhile. */
  #forward(from: net.Socket, to: net.Socket, direction: 'requests' | 'answers'): void {
    /** Null: the end. */
    const waiting: { readonly dueMs: number; readonly bytes: Buffer | null }[] = []
    let busy = false
    const next = (): void => {
      busy = false
      pass()
    }
    const pass = (): void => {
      if (busy) return
      const first = waiting[0]
      if (first === undefined) {
        if (!this.#holds(direction)) from.resume()
        return
      }
      busy = true
      const earlyMs = first.dueMs - performance.now()
      if (earlyMs > 0) {
        setTimeout(next, Math.ceil(earlyMs))
        return
      }
      waiting.shift()
      if (first.bytes === null) {
        to.end()
        next()
      } else if (this.bytesPerSecond !== null) {
        from.pause()
        this.#carry(first.bytes, to, next)
      } else if (to.write(first.bytes)) next()
      else {
        from.pause()
        to.once('drain', next)
      }
    }
    const arrived = (bytes: Buffer | null): void => {
      waiting.push({ dueMs: performance.now() + this.delayMs, bytes })
      pass()
    }
    from.on('data', arrived)
    from.on('end', () => arrived(null))
  }

  /** Passes `bytes` on at the bounded rate, and then calls `done`. */
  #carry(bytes: Buffer, to: net.Socket, done: () => void): void {
    if (this.#path === 'cut' || to.destroyed) return
    const count = Math.ceil(((this.bytesPerSecond ?? Number.POSITIVE_INFINITY) * STEP_MS) / 1000)
    to.write(bytes.subarray(0, count))
    const rest = bytes.subarray(count)
    setTimeout(() => (rest.length > 0 ? this.#carry(rest, to, done) : done()), STEP_MS)
  }

  #holds(direction: 'requests' | 'answers'): boolean {
    return this.#path === 'hold-both' || this.#path === `hold-${direction}`
  }

  #apply(pair: Pair): void {
    if (this.#path === 'cut') {
      this.#reset(pair)
      return
    }
    if (this.#holds('requests')) pair.client.pause()
    else pair.client.resume()
    if (this.#holds('answers')) pair.target.pause()
    else pair.target.resume()
  }

  #reset({ client, target }: Pair): void {
    for (const socket of [client, target]) if (!socket.destroyed) resetOrDestroy(socket)
  }
}

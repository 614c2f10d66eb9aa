// An HTTP proxy of the kinds that stand between people and servers: it refuses upgrades, holds answers back until they end, cuts what takes long, and spreads
// requests over several servers, each to the next one.
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface HttpProxyOptions {
  /** Ports of 127.0.0.1. */
  readonly targets: readonly number[]
  /** What becomes of upgrades: refused with HTTP 400 by default. */
  readonly upgrades?: 'refused' | 'passed'
  /** Answers are passed on only once they have ended. */
  readonly buffers?: boolean
  /** Every answer is cut after so long. Default: none is. */
  readonly cutMs?: number
  /** Of each so many POSTs one reaches the server, and its answer is lost. Default: none is. */
  readonly losesOneIn?: number
}

export class HttpProxy {
  /** Requests by path, questions of pages whether they may make them as `preflight`; and how many answers were cut. */
  readonly seen = new Map<string, number>()
  cuts = 0
  lost = 0
  #posts = 0
  upgrades: 'refused' | 'passed'
  buffers: boolean
  readonly #server: http.Server
  readonly #sockets = new Set<Socket>()
  readonly #options: HttpProxyOptions
  #turn = 0

  private constructor(options: HttpProxyOptions) {
    this.#options = options
    this.upgrades = options.upgrades ?? 'refused'
    this.buffers = options.buffers ?? false
    this.#server = http.createServer((request, response) => this.#pass(request, response))
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  static async start(options: HttpProxyOptions): Promise<HttpProxy> {
    const proxy = new HttpProxy(options)
    await new Promise<void>((resolve) => void proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Requests whose path ends so. */
  count(end: string): number {
    return [...this.seen].reduce((sum, [path, count]) => (path.endsWith(end) ? sum + count : sum), 0)
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #next(): number {
    const { targets } = this.#options
    this.#turn += 1
    return targets[this.#turn % targets.length] ?? 0
  }

  #pass(request: http.IncomingMessage, response: http.ServerResponse): void {
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    const { method, url: target, headers } = request
    const what = method === 'OPTIONS' ? 'preflight' : path
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1)
    const { losesOneIn = Number.POSITIVE_INFINITY } = this.#options
    if (method === 'POST') this.#posts += 1
    const loses = method === 'POST' && path.endsWith('/messages') && this.#posts % losesOneIn === 0
    const onward = http.request({ host: '127.0.0.1', port: this.#next(), method, path: target, headers, agent: false })
    const fail = (): void => {
      if (response.headersSent) response.destroy()
      else response.writeHead(502).end()
    }
    onward.on('error', fail)
    onward.on('response', (answer) => {
      answer.on('error', fail)
      answer.on('aborted', fail)
      if (loses) {
        this.lost += 1
        request.socket.destroy()
        return
      }
      if (!this.buffers) {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        response.flushHeaders()
        answer.pipe(response)
        return
      }
      const pieces: Buffer[] = []
      answer.on('data', (piece: Buffer) => pieces.push(piece))
      answer.on('end', () => {
        if (!response.destroyed) response.writeHead(answer.statusCode ?? 502, answer.headers).end(Buffer.concat(pieces))
      })
    })
    request.pipe(onward)
    const { cutMs } = this.#options
    const cut =
      cutMs === undefined
        ? undefined
        : setTimeout(() => {
            this.cuts += 1
            request.socket.destroy()
          }, cutMs)
    response.on('close', () => {
      clearTimeout(cut)
      onward.destroy()
    })
  }

  #upgrade(request: http.IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => {})
    this.seen.set('upgrade', (this.seen.get('upgrade') ?? 0) + 1)
    if (this.upgrades === 'refused') {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return
    }
    const onward = http.request({ host: '127.0.0.1', port: this.#next(), path: request.url, headers: request.headers, agent: false })
    onward.on('error', () => socket.destroy())
    onward.on('response', () => socket.destroy())
    onward.on('upgrade', (answer, target, rest) => {
      const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${String(value)}`)
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`)
      target.on('error', () => socket.destroy())
      socket.on('close', () => target.destroy())
      target.write(head)
      socket.write(rest)
      target.pipe(socket).pipe(target)
    })
    onward.end()
  }
}

// A line that carries a bounded number of bytes a second in each direction, in small steps, and keeps little in between: TCP pushes back on the sender.
import net from 'node:net'

const stepMs = 20
const bufferBytes = 16 * 1024

export class SlowLine {
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  readonly url: string
  connections = 0

  private constructor(server: net.Server, port: number) {
    this.#server = server
    this.url = `ws://127.0.0.1:${port}`
  }

  /** Listens on a free port and passes what comes to `port`. */
  static start(port: number, bytesPerSecond: number): Promise<SlowLine> {
    return new Promise((resolve, reject) => {
      const server = net.createServer()
      server.once('error', reject)
      server.listen(0, '127.0.0.1', () => {
        const line = new SlowLine(server, (server.address() as net.AddressInfo).port)
        server.on('connection', (client) => line.#connected(client, port, bytesPerSecond))
        resolve(line)
      })
    })
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #connected(client: net.Socket, port: number, bytesPerSecond: number): void {
    this.connections += 1
    const target = net.connect({ port, host: '127.0.0.1' })
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      this.#sockets.add(from)
      from.on('error', () => {})
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      carry(from, to, bytesPerSecond)
    }
  }
}

function carry(from: net.Socket, to: net.Socket, bytesPerSecond: number): void {
  let held: Buffer[] = []
  let heldBytes = 0
  from.on('data', (data) => {
    held.push(data)
    heldBytes += data.length
    if (heldBytes >= bufferBytes) from.pause()
  })
  const perStep = Math.ceil((bytesPerSecond * stepMs) / 1000)
  const timer = setInterval(() => {
    if (heldBytes === 0 || to.writableLength > bufferBytes) return
    const all = Buffer.concat(held)
    to.write(all.subarray(0, perStep))
    const rest = all.subarray(perStep)
    held = rest.length > 0 ? [rest] : []
    heldBytes = rest.length
    if (heldBytes < bufferBytes) from.resume()
  }, stepMs)
  from.on('close', () => clearInterval(timer))
}

// A server in the test's own process, on a free port, over a store in memory unless the test brings its own.
import { systemClock } from '../../core/clock.js'
import { silentLogger } from '../../core/log.js'
import { MemoryStore } from '../../persistence/index.js'
import { createServer, type ServerOptions, type WeftServer } from '../../server/index.js'

export interface LocalServer {
  readonly server: WeftServer
  /** `ws://127.0.0.1:port`, without a slash at the end. */
  readonly webSocketUrl: string
  readonly port: number
}

export async function startLocalServer(options: ServerOptions = {}): Promise<LocalServer> {
  const store = options.store ?? new MemoryStore({ clock: systemClock })
  const server = await createServer({ logger: silentLogger, demo: false, ...options, store })
  await server.listen(0)
  return { server, webSocketUrl: server.url.replace('http', 'ws'), port: Number(new URL(server.url).port) }
}

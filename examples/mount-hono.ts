// Weft inside a Hono application on Node, on one port: `node dist/examples/mount-hono.js [port]`. The application's pages are its own; everything under /collab is Weft's.
import type { Server } from 'node:http'
import { type HttpBindings, serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createServer } from '../server/index.js'

const weft = await createServer({ dataDir: process.env['WEFT_DATA'] ?? './data', basePath: '/collab', demo: false })

const app = new Hono<{ Bindings: HttpBindings }>()
app.get('/', (context) => context.text('The application.'))
// Probes, the API, presence. The bindings say whom a request comes from.
app.all('/collab/*', (context) => weft.fetch(context.req.raw, context.env))

const httpServer = serve({ fetch: app.fetch, port: Number(process.argv[2] ?? 3000), hostname: '127.0.0.1' }, ({ port }) =>
  console.log(`http://127.0.0.1:${port}`),
) as Server
// Clients: ws://localhost:3000/collab/my-document for y-websocket, http://localhost:3000/collab for weft-sync/client.
weft.attach(httpServer)

process.once('SIGTERM', async () => {
  await weft.drain()
  httpServer.close(() => process.exit(0))
  // Sockets on which nobody has asked anything would keep it open.
  httpServer.closeAllConnections()
})

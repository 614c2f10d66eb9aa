// Weft inside a Fastify application, on one port: `node dist/examples/mount-fastify.js [port]`. The application's pages are its own; everything under /collab is Weft's.
import Fastify from 'fastify'
import { createServer } from '../server/index.js'

const weft = await createServer({ dataDir: process.env['WEFT_DATA'] ?? './data', basePath: '/collab', demo: false })

// Sockets on which nobody has asked anything would keep it from ending.
const app = Fastify({ forceCloseConnections: true })
app.get('/', async () => 'The application.')
await app.register(async (scope) => {
  // Bodies are for Weft to read.
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
  // Probes, the API, presence.
  scope.all('/collab/*', (request, reply) => {
    reply.hijack()
    weft.handle(request.raw, reply.raw)
  })
})
// Clients: ws://localhost:3000/collab/my-document for y-websocket, http://localhost:3000/collab for weft-sync/client.
weft.attach(app.server)

console.log(await app.listen({ port: Number(process.argv[2] ?? 3000), host: '127.0.0.1' }))

process.once('SIGTERM', async () => {
  await weft.drain()
  await app.close()
  process.exit(0)
})

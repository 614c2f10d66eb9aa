// Weft inside an Express application, on one port: `node dist/examples/mount-express.js [port]`. The application's pages are its own; everything under /collab is Weft's.
import { createServer as createHttpServer } from 'node:http'
import express from 'express'
import { createServer } from '../server/index.js'

const weft = await createServer({ dataDir: process.env['WEFT_DATA'] ?? './data', basePath: '/collab', demo: false })

const app = express()
app.get('/', (_request, response) => {
  response.send('The application.')
})
// Probes, the API, presence.
app.use((request, response, next) => weft.handle(request, response, next))
app.use((_request, response) => {
  response.status(404).send('The application has no such page.')
})

const httpServer = createHttpServer(app)
// Clients: ws://localhost:3000/collab/my-document for y-websocket, http://localhost:3000/collab for weft-sync/client.
weft.attach(httpServer)

httpServer.listen(Number(process.argv[2] ?? 3000), '127.0.0.1', () => {
  const address = httpServer.address()
  console.log(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)
})

process.once('SIGTERM', async () => {
  await weft.drain()
  httpServer.close(() => process.exit(0))
  // Sockets on which nobody has asked anything would keep it open.
  httpServer.closeAllConnections()
})

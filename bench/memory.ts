// What an open document costs in memory, beside its encoded size. Target: at most 2.5 times the encoded size beyond a fixed 30 KB.
// Usage: node dist/bench/memory.js [--documents=200] [--bytes=223000]
import { makeDocument } from './edits.js'
import { option, report, startServer, wait } from './harness.js'
import { connectMany, RawClient } from './raw-client.js'

const documents = option('documents', 200)
const { update } = makeDocument(option('bytes', 223_000))
const server = await startServer()

// First the fixed cost: connections to as many empty documents, kept open throughout.
const warmUp = await connectMany(documents, (index) => RawClient.connect(server.url, `empty-${index}`))
for (const client of warmUp) client.sync()
await wait(1000)
const rssBefore = server.rssBytes()

const uploads = new Map<number, () => void>()
const clients = await connectMany(documents, (index) =>
  RawClient.connect(server.url, `full-${index}`, { update: (_update, isStep2) => !isStep2 && uploads.get(index)?.() }),
)
for (const [index, client] of clients.entries()) {
  await new Promise<void>((resolve) => {
    uploads.set(index, resolve)
    client.sync()
    client.submit(update)
  })
}
// Long enough for the compaction worker to finish and to be let go.
let rssAfter = server.rssBytes()
for (let round = 0; round < option('rounds', 30); round++) {
  await wait(1000)
  rssAfter = Math.min(rssAfter, server.rssBytes())
}
const perDocument = (rssAfter - rssBefore) / documents
report(`memory: ${documents} × ${Math.round(update.length / 1000)} KB`, {
  'RSS KB per open document': perDocument / 1000,
  'times its encoded size beyond 30 KB': (perDocument - 30_000) / update.length,
})
for (const client of [...clients, ...warmUp]) client.close()
await server.stop()

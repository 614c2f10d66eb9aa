// Idle connections, each to a document of its own and all to one. Prints resident memory per connection and CPU per second.
// Usage: node dist/bench/connections.js [--connections=5000]
import { option, report, startServer, wait } from './harness.js'
import { connectMany, RawClient } from './raw-client.js'

const connections = option('connections', 5000)

async function measure(name: string, documentOf: (index: number) => string): Promise<void> {
  const server = await startServer()
  const rssBefore = server.memory().rss
  const clients = await connectMany(connections, (index) => RawClient.connect(server.url, documentOf(index)))
  for (const client of clients) client.sync()
  await wait(3000)
  const cpuBefore = server.cpuSeconds()
  await wait(5000)
  report(`connections: ${connections}, ${name}`, {
    'RSS KB per connection': (server.memory().rss - rssBefore) / connections / 1000,
    'idle CPU ms per second': ((server.cpuSeconds() - cpuBefore) / 5) * 1000,
  })
  for (const client of clients) client.close()
  await server.stop()
}

await measure('a document each', (index) => `doc-${index}`)
await measure('one document', () => 'doc')

// Idle connections, each to a document of its own and all to one. Prints resident memory per connection a few seconds after the last one came, and
// when they have been quiet for half a minute, and CPU per second.
// Usage: node dist/bench/connections.js [--connections=5000]
import { option, report, startServer, wait } from './harness.js'
import { connectMany, RawClient } from './raw-client.js'

const connections = option('connections', 5000)

async function measure(name: string, documentOf: (index: number) => string): Promise<void> {
  const server = await startServer()
  // What the first ones cost, loading and compiling, is no connection's.
  const first = await connectMany(200, (index) => RawClient.connect(server.url, `first-${index}`))
  for (const client of first) client.sync()
  await wait(1_000)
  for (const client of first) client.close()
  await wait(12_000)
  const rssBefore = server.memory().rss
  const clients = await connectMany(connections, (index) => RawClient.connect(server.url, documentOf(index)))
  for (const client of clients) client.sync()
  await wait(3000)
  const cpuBefore = server.cpuSeconds()
  const perConnection = (): number => (server.memory().rss - rssBefore) / connections / 1000
  const atFirst = perConnection()
  await wait(25_000)
  report(`connections: ${connections}, ${name}`, {
    'RSS KB per connection, at first': atFirst,
    'and quiet': perConnection(),
    'idle CPU ms per second': ((server.cpuSeconds() - cpuBefore) / 25) * 1000,
  })
  for (const client of clients) client.close()
  await server.stop()
}

await measure('a document each', (index) => `doc-${index}`)
await measure('one document', () => 'doc')

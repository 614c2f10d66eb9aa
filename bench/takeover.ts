// How long a cluster is without an owner after kill -9: three nodes, 1,000 open documents, the time until each of them takes an edit again.
// Needs PostgreSQL and Redis as the tests do. Usage: node dist/bench/takeover.js [--documents=1000]
import { LocalCluster } from '../test/helpers/local-cluster.js'
import { Typist } from './edits.js'
import { nowMs, option, percentile, report, wait } from './harness.js'
import { connectMany, RawClient } from './raw-client.js'

const documents = option('documents', 1000)
const cluster = await LocalCluster.start({ nodes: 3 })
const [first, second, doomed] = cluster.nodes
if (first === undefined || second === undefined || doomed === undefined) throw new Error('three nodes were asked for')
const survivors = [first.webSocketUrl, second.webSocketUrl]

const echoes = new Map<number, () => void>()
const typists = Array.from({ length: documents }, (_, index) => new Typist(50_000 + index))
const clients = await connectMany(documents, (index) =>
  RawClient.connect(survivors[index % 2] ?? '', `takeover-${index}`, { update: (_update, isStep2) => !isStep2 && echoes.get(index)?.() }),
)
/** Resolves when the edit is committed: its echo leaves after that. */
function edit(index: number): Promise<void> {
  return new Promise((resolve) => {
    echoes.set(index, resolve)
    clients[index]?.submit(typists[index]?.keystroke() ?? new Uint8Array())
  })
}
for (const client of clients) client.sync()
await wait(1000)
await Promise.all(clients.map((_, index) => edit(index)))

const killedAtMs = nowMs()
await doomed.kill()
const resumedMs = await Promise.all(clients.map((_, index) => edit(index).then(() => nowMs() - killedAtMs)))
const moved = resumedMs.filter((ms) => ms > 1000)
report(`takeover: ${documents} open documents, 1 of 3 nodes killed`, {
  'documents that moved': moved.length,
  'p50 ms': percentile(moved, 0.5),
  'p99 ms': percentile(moved, 0.99),
  'longest ms': Math.max(...moved),
})
for (const client of clients) client.close()
await cluster.stop()
process.exit(0)

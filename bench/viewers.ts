// A document with many viewers and one typist: spread over three nodes, and all on the one that owns it. Prints what each node spends.
// Needs PostgreSQL and Redis as the tests do. Usage: node dist/bench/viewers.js [--viewers=2000] [--rate=5] [--seconds=8]
import { LocalCluster } from '../test/helpers/local-cluster.js'
import type { ServerProcess } from '../test/helpers/server-process.js'
import { Typist } from './edits.js'
import { nowMs, option, percentile, report, wait } from './harness.js'
import { cpuSecondsOf } from './processes.js'
import { connectMany, RawClient } from './raw-client.js'

const viewers = option('viewers', 2000)
const rate = option('rate', 5)
const seconds = option('seconds', 8)
const cluster = await LocalCluster.start({ nodes: 3 })

async function measure(name: string, nodes: readonly ServerProcess[]): Promise<void> {
  const documentId = `viewed ${name}`
  const latenciesMs: number[] = []
  let sentMs = 0
  let measuring = false
  const clients = await connectMany(viewers, (index) =>
    RawClient.connect(nodes[index % nodes.length]?.webSocketUrl ?? '', documentId, {
      update: () => measuring && latenciesMs.push(nowMs() - sentMs),
    }),
  )
  for (const client of clients) client.sync()
  await wait(2000)
  const typist = new Typist(9)
  measuring = true
  const before = cluster.nodes.map((node) => cpuSecondsOf(node.pid))
  for (let edit = 0; edit < rate * seconds; edit++) {
    sentMs = nowMs()
    clients[0]?.submit(typist.keystroke())
    await wait(1000 / rate)
  }
  const cpu = cluster.nodes.map((node, index) => (cpuSecondsOf(node.pid) - (before[index] ?? 0)) / seconds)
  report(`viewers: ${viewers}, ${name}`, {
    'CPU s per s, each node': cpu.map((value) => value.toFixed(2)).join(' / '),
    'delivery p50 ms': percentile(latenciesMs, 0.5),
    'p99 ms': percentile(latenciesMs, 0.99),
    'delivered per edit': latenciesMs.length / (rate * seconds),
  })
  for (const client of clients) client.close()
  await wait(500)
}

await measure('on three nodes', cluster.nodes)
await measure('on one node', cluster.nodes.slice(0, 1))
await cluster.stop()
process.exit(0)

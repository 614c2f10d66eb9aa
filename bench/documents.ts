// Many documents of two writers each. Prints server CPU per 1,000 edits and the delivery time to the other writer.
// Usage: node dist/bench/documents.js [--documents=200] [--rate=5] [--seconds=10] [--store=postgres]
import { countCost } from './edit-cost.js'
import { Typist } from './edits.js'
import { nowMs, option, percentile, report, startServer, wait } from './harness.js'
import { connectMany, RawClient } from './raw-client.js'

const documents = option('documents', 200)
const rate = option('rate', 5)
const seconds = option('seconds', 10)

const server = await startServer()
const latenciesMs: number[] = []
const lastSentMs = new Array<number>(documents * 2).fill(0)
let measuring = false
const clients = await connectMany(documents * 2, (index) =>
  RawClient.connect(server.url, `doc-${index >> 1}`, {
    update: () => {
      // The two writers of a document type half a period apart, so the last keystroke of the other one is the one that arrives.
      const sentMs = Math.max(lastSentMs[index] ?? 0, lastSentMs[index ^ 1] ?? 0)
      if (measuring && sentMs === lastSentMs[index ^ 1]) latenciesMs.push(nowMs() - sentMs)
    },
  }),
)
for (const client of clients) client.sync()
await wait(500)

let edits = 0
const periodMs = 1000 / rate
const timers: NodeJS.Timeout[] = []
for (const [index, client] of clients.entries()) {
  const typist = new Typist(10_000 + index)
  const type = (): void => {
    lastSentMs[index] = nowMs()
    client.submit(typist.keystroke())
    if (measuring) edits++
  }
  const offsetMs = (((index >> 1) / documents) * periodMs) / 2 + (index & 1) * (periodMs / 2)
  setTimeout(() => timers.push(setInterval(type, periodMs)), offsetMs)
}
await wait(2000)
const costOf = await countCost(server)
measuring = true
await wait(seconds * 1000)
measuring = false
const cost = await costOf(edits)
for (const timer of timers) clearInterval(timer)

report(`documents: ${documents} × 2 writers × ${rate}/s`, {
  edits,
  ...cost,
  'delivery p50 ms': percentile(latenciesMs, 0.5),
  'p99 ms': percentile(latenciesMs, 0.99),
  'delivered %': (100 * latenciesMs.length) / edits,
})
for (const client of clients) client.close()
await server.stop()

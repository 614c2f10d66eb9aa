// One document, many writers. Target: 250 writers at 5 edits/s, p99 delivery under 60 ms, at most 200 ms of server CPU per 1,000 edits.
// Usage: node dist/bench/room.js [--writers=250] [--typing=250] [--rate=5] [--seconds=10] [--store=postgres]
import { inspectUpdate, storedBounds } from '../protocol/updates/inspect.js'
import { countCost } from './edit-cost.js'
import { Typist } from './edits.js'
import { judge, nowMs, option, percentile, report, startServer, wait } from './harness.js'
import { connectMany, RawClient } from './raw-client.js'

const writers = option('writers', 250)
/** So many of them type, each `rate` times a second. */
const typing = option('typing', writers)
const rate = option('rate', 5)
const seconds = option('seconds', 10)

const server = await startServer()
const sentAtMs = new Map<string, number>()
const latenciesMs: number[] = []
let measuring = false

const observer = await RawClient.connect(server.url, 'room', {
  update: (update) => {
    const receivedMs = nowMs()
    for (const { client, firstClock, endClock } of inspectUpdate(update, storedBounds).blocks) {
      for (let clock = firstClock; clock < endClock; clock++) {
        const sentMs = sentAtMs.get(`${client}:${clock}`)
        if (sentMs !== undefined && measuring) latenciesMs.push(receivedMs - sentMs)
        sentAtMs.delete(`${client}:${clock}`)
      }
    }
  },
})
observer.sync()
const typists = Array.from({ length: writers }, (_, index) => new Typist(10_000 + index))
const clients = await connectMany(writers, () => RawClient.connect(server.url, 'room'))
for (const client of clients) client.sync()
await wait(1000)

let edits = 0
const periodMs = 1000 / rate
const timers: NodeJS.Timeout[] = []
for (const [index, client] of clients.slice(0, typing).entries()) {
  const typist = typists[index] as Typist
  const type = (): void => {
    sentAtMs.set(`${typist.clientId}:${typist.clock}`, nowMs())
    client.submit(typist.keystroke())
    if (measuring) edits++
  }
  setTimeout(() => timers.push(setInterval(type, periodMs)), (periodMs * index) / typing)
}
await wait(2000)
const costOf = await countCost(server)
measuring = true
await wait(seconds * 1000)
measuring = false
const cost = await costOf(edits)
for (const timer of timers) clearInterval(timer)

report(`room: ${writers} people, ${typing} typing × ${rate}/s`, {
  edits,
  ...cost,
  'delivery p50 ms': percentile(latenciesMs, 0.5),
  'p99 ms': percentile(latenciesMs, 0.99),
  'delivered %': (100 * latenciesMs.length) / edits,
})
judge('room: server CPU per 1,000 edits', cost['server CPU ms per 1,000 edits'] ?? Number.NaN, 200, 'ms')
judge('room: delivery p99', percentile(latenciesMs, 0.99), 60, 'ms')
for (const client of [...clients, observer]) client.close()
await server.stop()

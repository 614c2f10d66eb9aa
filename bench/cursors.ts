// 50 cursors moving 10 times a second, from clients that send every received state back, as the stock provider does.
// Target: at most 0.2 s of server CPU per second, p99 under 120 ms. Usage: node dist/bench/cursors.js [--cursors=50] [--rate=10] [--seconds=10] [--echo=1]
import { type AwarenessEntry, decodeAwareness, encodeAwareness } from '../protocol/awareness.js'
import { judge, nowMs, option, percentile, report, startServer, wait } from './harness.js'
import { connectMany, RawClient } from './raw-client.js'

const cursors = option('cursors', 50)
const rate = option('rate', 10)
const seconds = option('seconds', 10)
const echo = option('echo', 1) === 1

const server = await startServer()
const latenciesMs: number[] = []
const sentAtMs = new Map<string, number>()
let measuring = false
const utf8 = new TextEncoder()

const clients: RawClient[] = await connectMany(cursors, (index) => {
  const seen = new Map<number, number>()
  return RawClient.connect(server.url, 'cursors', {
    awareness: (update, frame) => {
      const body = update.subarray(update.length - lengthOf(update))
      const receivedMs = nowMs()
      let news = false
      for (const { clientId, clock } of decodeAwareness(body)) {
        if ((seen.get(clientId) ?? -1) >= clock) continue
        seen.set(clientId, clock)
        news = true
        const sentMs = sentAtMs.get(`${clientId}:${clock}`)
        if (index === 0 && measuring && sentMs !== undefined) latenciesMs.push(receivedMs - sentMs)
      }
      // The stock provider has no origin filter: what it learns from the server it sends to the server.
      if (echo && news) clients[index]?.sendFrame(frame)
    },
  })
})
for (const client of clients) client.sync()

/** The length of the awareness update inside a frame's body: the body less its own length prefix. */
function lengthOf(body: Uint8Array): number {
  let prefix = 1
  while (((body[prefix - 1] ?? 0) & 0x80) !== 0) prefix++
  return body.length - prefix
}

await wait(500)
const clocks = new Array<number>(cursors).fill(0)
const timers: NodeJS.Timeout[] = []
for (const [index, client] of clients.entries()) {
  const move = (): void => {
    const clock = (clocks[index] ?? 0) + 1
    clocks[index] = clock
    const state = {
      user: { name: `User ${index}`, color: '#30bced' },
      cursor: { anchor: { type: null, tname: 'body', item: { client: index, clock }, assoc: 0 } },
    }
    const entry: AwarenessEntry = { clientId: 100 + index, clock, state: utf8.encode(JSON.stringify(state)) }
    sentAtMs.set(`${entry.clientId}:${clock}`, nowMs())
    client.awareness(encodeAwareness([entry]))
  }
  setTimeout(() => timers.push(setInterval(move, 1000 / rate)), (1000 / rate / cursors) * index)
}
await wait(2000)
const cpuBefore = server.cpuSeconds()
measuring = true
await wait(seconds * 1000)
measuring = false
const cpuSeconds = server.cpuSeconds() - cpuBefore
for (const timer of timers) clearInterval(timer)
report(`cursors: ${cursors} × ${rate}/s, ${echo ? 'echoing' : 'silent'}`, {
  'server CPU s per s': cpuSeconds / seconds,
  'delivery p50 ms': percentile(latenciesMs, 0.5),
  'p99 ms': percentile(latenciesMs, 0.99),
})
judge('cursors: server CPU per second', cpuSeconds / seconds, 0.2, 's')
judge('cursors: delivery p99', percentile(latenciesMs, 0.99), 120, 'ms')
for (const client of clients) client.close()
await server.stop()

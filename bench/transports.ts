// The same typing by WebSocket, by server-sent events and POSTs, and by long polls, each with our client: delivery to the other writer, and server CPU. The transports
// take turns in one run, so that they can be compared on a busy machine.
// Usage: node dist/bench/transports.js [--transport=sse] [--documents=20] [--rate=5] [--seconds=5] [--rounds=2]
import * as Y from 'yjs'
import { connect } from '../client/index.js'
import { transportNames } from '../client/transports/negotiation.js'
import { judge, nowMs, option, percentile, report, startServer, wait } from './harness.js'

const documents = option('documents', 20)
const rate = option('rate', 5)
const seconds = option('seconds', 5)
const rounds = option('rounds', 2)
/** What is compared with the WebSocket. */
const asked = process.argv.find((argument) => argument.startsWith('--transport='))?.slice('--transport='.length)
const transports = transportNames.filter((name) => asked === undefined || name === 'websocket' || name === asked)

const server = await startServer()
const results = new Map(transports.map((name) => [name, { latenciesMs: [] as number[], edits: 0, cpuSeconds: 0, clientCpuSeconds: 0 }]))

for (let round = 0; round < rounds; round++)
  for (const name of transports) {
    const result = results.get(name)
    if (result === undefined) continue
    let measuring = false
    const sentMs = new Map<string, number>()
    const writers = await Promise.all(
      Array.from({ length: documents * 2 }, async (_, index) => {
        const connection = connect(server.url, { transports: [name] })
        const doc = new Y.Doc()
        const session = connection.open(`${name}-${round}-${index >> 1}`, doc, { awareness: null })
        await session.synced
        doc.getMap('last').observe((event, transaction) => {
          if (transaction.local || !measuring) return
          for (const key of event.keysChanged) {
            const at = sentMs.get(`${index >> 1} ${key} ${String(doc.getMap('last').get(key))}`)
            if (at !== undefined) result.latenciesMs.push(nowMs() - at)
          }
        })
        return { connection, doc, index, count: 0 }
      }),
    )
    const periodMs = 1000 / rate
    const timers: NodeJS.Timeout[] = []
    for (const writer of writers) {
      const { doc, index } = writer
      const type = (): void => {
        writer.count += 1
        sentMs.set(`${index >> 1} ${index & 1} ${writer.count}`, nowMs())
        doc.getMap('last').set(String(index & 1), writer.count)
        if (measuring) result.edits++
      }
      setTimeout(() => timers.push(setInterval(type, periodMs)), (index / writers.length) * periodMs)
    }
    await wait(1000)
    const cpuBefore = server.cpuSeconds()
    const clientCpuBefore = process.cpuUsage()
    measuring = true
    await wait(seconds * 1000)
    measuring = false
    result.cpuSeconds += server.cpuSeconds() - cpuBefore
    const { user, system } = process.cpuUsage(clientCpuBefore)
    result.clientCpuSeconds += (user + system) / 1_000_000
    for (const timer of timers) clearInterval(timer)
    await Promise.all(writers.map(({ connection }) => connection.close()))
  }

const p50 = (name: (typeof transports)[number]): number => percentile(results.get(name)?.latenciesMs ?? [], 0.5)
for (const [name, { latenciesMs, edits, cpuSeconds, clientCpuSeconds }] of results)
  report(`transports: ${name}, ${documents} × 2 × ${rate}/s`, {
    edits,
    'server CPU ms per 1,000 edits': (cpuSeconds * 1_000_000) / edits,
    'client CPU ms per 1,000 edits': (clientCpuSeconds * 1_000_000) / edits,
    'delivery p50 ms': percentile(latenciesMs, 0.5),
    'p99 ms': percentile(latenciesMs, 0.99),
    'p50 × WebSocket': p50(name) / p50('websocket'),
  })
if (transports.includes('sse')) judge('delivery by events and POSTs, p50', p50('sse') / p50('websocket'), 1.5, '× WebSocket')
await server.stop()

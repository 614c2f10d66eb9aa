// 50 people on 5 pages of one document, each with a cursor that moves 10 times a second: what reaches them when each says which page it looks at, against when nobody does.
// Target: at most a quarter of the bytes. Usage: node dist/bench/scoped-cursors.js [--cursors=50] [--pages=5] [--rate=10] [--seconds=8]
import { type AwarenessEntry, encodeAwareness } from '../protocol/awareness.js'
import { judge, option, report, startServer, wait } from './harness.js'
import { connectMany, RawClient } from './raw-client.js'

const cursors = option('cursors', 50)
const pages = option('pages', 5)
const rate = option('rate', 10)
const seconds = option('seconds', 8)
const utf8 = new TextEncoder()

interface Cost {
  readonly bytesPerSecond: number
  readonly cpuPerSecond: number
}

async function measured(scoped: boolean): Promise<Cost> {
  const server = await startServer()
  const clients = await connectMany(cursors, () => RawClient.connect(server.url, 'pages'))
  for (const client of clients) client.sync()
  await wait(500)
  const timers: NodeJS.Timeout[] = []
  for (const [index, client] of clients.entries()) {
    const page = `page ${index % pages}`
    let clock = 0
    const move = (): void => {
      clock += 1
      const state = {
        user: { name: `User ${index}`, color: '#30bced' },
        cursor: { anchor: { type: null, tname: page, item: { client: index, clock }, assoc: 0 } },
        ...(scoped ? { weft: { at: page } } : { page }),
      }
      const entry: AwarenessEntry = { clientId: 100 + index, clock, state: utf8.encode(JSON.stringify(state)) }
      client.awareness(encodeAwareness([entry]))
    }
    setTimeout(() => timers.push(setInterval(move, 1000 / rate)), (1000 / rate / cursors) * index)
  }
  await wait(2000)
  const bytes = (): number => clients.reduce((sum, { bytesReceived }) => sum + bytesReceived, 0)
  const [bytesBefore, cpuBefore] = [bytes(), server.cpuSeconds()]
  await wait(seconds * 1000)
  const cost = { bytesPerSecond: (bytes() - bytesBefore) / seconds, cpuPerSecond: (server.cpuSeconds() - cpuBefore) / seconds }
  for (const timer of timers) clearInterval(timer)
  for (const client of clients) client.close()
  await server.stop()
  return cost
}

const unscoped = await measured(false)
const scoped = await measured(true)
report(`scoped cursors: ${cursors} × ${rate}/s on ${pages} pages`, {
  'unscoped KB/s': unscoped.bytesPerSecond / 1000,
  'scoped KB/s': scoped.bytesPerSecond / 1000,
  'unscoped server CPU s per s': unscoped.cpuPerSecond,
  'scoped server CPU s per s': scoped.cpuPerSecond,
})
judge('scoped cursors: bytes, share of unscoped', scoped.bytesPerSecond / unscoped.bytesPerSecond, 0.25, '')

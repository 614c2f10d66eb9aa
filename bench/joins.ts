// 100 joins of a large document: with nothing known and with an up-to-date state vector, in a quiet document and while somebody types.
// Target: 100 fresh joins of 3 MB while somebody types in under 0.4 s. Usage: node dist/bench/joins.js [--joins=100] [--bytes=3000000]
import { makeDocument, Typist } from './edits.js'
import { nowMs, option, report, startServer, wait } from './harness.js'
import { RawClient } from './raw-client.js'

const joins = option('joins', 100)
const document = makeDocument(option('bytes', 3_000_000))

const server = await startServer()
let uploaded: () => void = () => {}
const writer = await RawClient.connect(server.url, 'large', { update: (_update, isStep2) => !isStep2 && uploaded() })
writer.sync()
const echoed = new Promise<void>((resolve) => {
  uploaded = resolve
})
writer.submit(document.update)
await echoed
await wait(1500)

async function measure(name: string, stateVector: Uint8Array | undefined, typing: boolean): Promise<void> {
  const typist = new Typist(5_000_000 + Math.floor(nowMs()))
  const timer = typing ? setInterval(() => writer.submit(typist.keystroke()), 20) : undefined
  if (typing) await wait(300)
  const waiting: (() => void)[] = []
  const clients = await Promise.all(
    Array.from({ length: joins }, (_, index) =>
      RawClient.connect(server.url, 'large', { update: (_update, isStep2) => isStep2 && waiting[index]?.() }),
    ),
  )
  const cpuBefore = server.cpuSeconds()
  const startMs = nowMs()
  await Promise.all(
    clients.map(
      (client, index) =>
        new Promise<void>((resolve) => {
          waiting[index] = resolve
          client.sync(stateVector)
        }),
    ),
  )
  report(`joins: ${joins} × ${(document.update.length / 1e6).toFixed(1)} MB, ${name}`, {
    seconds: (nowMs() - startMs) / 1000,
    'server CPU s': server.cpuSeconds() - cpuBefore,
    'MB received': clients.reduce((sum, client) => sum + client.bytesReceived, 0) / 1e6,
  })
  clearInterval(timer)
  for (const client of clients) client.close()
  await wait(300)
}

await measure('fresh', undefined, false)
await measure('fresh, typing', undefined, true)
await measure('up to date', document.stateVector, false)
await measure('up to date, typing', document.stateVector, true)
writer.close()
await server.stop()

// What an open document costs in memory, beside its encoded size. Target: at most 2.5 times the encoded size beyond a fixed 30 KB.
// Counted is the anonymous memory, which the process holds for itself; the whole resident set, with the cached pages of the data file, is printed too.
// Usage: node dist/bench/memory.js [--documents=200] [--bytes=223000] [--warm=50]
import { makeDocument } from './edits.js'
import { judge, type Memory, option, report, startServer, untilQuiet, wait } from './harness.js'
import { RawClient } from './raw-client.js'

const documents = option('documents', 200)
const { update } = makeDocument(option('bytes', 223_000))
const server = await startServer()

const clients: RawClient[] = []
async function open(name: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    let uploaded: () => void = () => {}
    const echoed = new Promise<void>((resolve) => {
      uploaded = resolve
    })
    const client = await RawClient.connect(server.url, `${name}-${index}`, { update: (_update, isStep2) => !isStep2 && uploaded() })
    clients.push(client)
    client.sync()
    client.submit(update)
    await echoed
  }
}

/** The least that is seen once all compactions are over and their worker has been let go, which takes it 10 s. */
async function settledMemory(): Promise<Memory> {
  await untilQuiet(server, 120)
  let { rss, anonymous } = server.memory()
  for (let round = 0; round < 14; round++) {
    await wait(1000)
    const now = server.memory()
    rss = Math.min(rss, now.rss)
    anonymous = Math.min(anonymous, now.anonymous)
  }
  return { rss, anonymous }
}

// The first documents grow the process once: compiled code, the allocator's pools, what the compaction worker leaves behind. That is no cost per document.
const empty = server.memory()
const warm = option('warm', 50)
await open('warm', warm)
const before = await settledMemory()
await open('full', documents)
const after = await settledMemory()

const ratio = (bytes: number): number => (bytes / documents - 30_000) / update.length
report(`memory: ${documents} × ${Math.round(update.length / 1000)} KB`, {
  'anonymous KB per open document': (after.anonymous - before.anonymous) / documents / 1000,
  'times its encoded size beyond 30 KB': ratio(after.anonymous - before.anonymous),
  'RSS KB per open document': (after.rss - before.rss) / documents / 1000,
  'times (RSS)': ratio(after.rss - before.rss),
  [`MB for the first ${warm}`]: (before.anonymous - empty.anonymous) / 1e6,
})
judge('memory of an open document beyond 30 KB', ratio(after.anonymous - before.anonymous), 2.5, '× its encoded size')
for (const client of clients) client.close()
await server.stop()

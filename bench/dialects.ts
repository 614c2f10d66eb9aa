// What clients of Hocuspocus cost beside those of y-websocket: one document with many writers, and many documents with two each, in turns.
// Target: at most 1.1 times as much server CPU. Usage: node dist/bench/dialects.js [--writers=250] [--documents=200] [--rate=5] [--seconds=5] [--rounds=3]
import { Typist } from './edits.js'
import { judge, option, report, startServer, wait } from './harness.js'
import { connectMany, RawClient, type RawDialect } from './raw-client.js'

const writers = option('writers', 250)
const documents = option('documents', 200)
const rate = option('rate', 5)
const seconds = option('seconds', 5)
const rounds = option('rounds', 3)

interface Load {
  readonly name: string
  readonly clients: number
  documentOf(client: number): string
}

const loads: readonly Load[] = [
  { name: 'room', clients: writers, documentOf: () => 'room' },
  { name: 'documents', clients: documents * 2, documentOf: (client) => `doc-${client >> 1}` },
]

/** Milliseconds of the server's CPU for 1,000 edits. */
async function cost({ clients: count, documentOf }: Load, dialect: RawDialect): Promise<number> {
  const server = await startServer()
  const clients = await connectMany(count, (index) => RawClient.connect(server.url, documentOf(index), {}, dialect))
  for (const client of clients) client.sync()
  await wait(1000)
  let edits = 0
  const timers: NodeJS.Timeout[] = []
  for (const [index, client] of clients.entries()) {
    const typist = new Typist(10_000 + index)
    const type = (): void => {
      client.submit(typist.keystroke())
      edits += 1
    }
    setTimeout(() => timers.push(setInterval(type, 1000 / rate)), (1000 / rate / count) * index)
  }
  // The first seconds of a process go into compilation.
  await wait(3000)
  const [cpuBefore, editsBefore] = [server.cpuSeconds(), edits]
  await wait(seconds * 1000)
  const result = ((server.cpuSeconds() - cpuBefore) * 1_000_000) / (edits - editsBefore)
  for (const timer of timers) clearInterval(timer)
  if (clients.some(({ framesReceived }) => framesReceived < rate)) throw new Error(`Clients of ${dialect} were not served.`)
  for (const client of clients) client.close()
  await server.stop()
  return result
}

for (const load of loads) {
  const best = { 'y-websocket': Number.POSITIVE_INFINITY, hocuspocus: Number.POSITIVE_INFINITY }
  for (let round = 0; round < rounds; round++)
    for (const dialect of ['y-websocket', 'hocuspocus'] as const) best[dialect] = Math.min(best[dialect], await cost(load, dialect))
  report(`dialects: ${load.name}, server CPU ms per 1,000 edits`, best)
  judge(`dialects: ${load.name}, hocuspocus of y-websocket`, best.hocuspocus / best['y-websocket'], 1.1, '')
}

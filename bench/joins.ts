// 100 joins of a large document: with nothing known and with an up-to-date state vector, in a quiet document and while two people type.
// Prints also what the typists notice of it. Target: 100 fresh joins of 3 MB while somebody types in under 0.4 s.
// Usage: node dist/bench/joins.js [--joins=100] [--bytes=3000000] [--rounds=3] [--peer=y-websocket]
import { Worker } from 'node:worker_threads'
import { makeDocument } from './edits.js'
import { judge, nowMs, option, percentile, report, startServer, untilQuiet, wait } from './harness.js'
import { RawClient } from './raw-client.js'
import type { TypingTask } from './typing-worker.js'

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
// Until it is compacted, so that only the joins are measured.
await untilQuiet(server)

/** Somebody who types in the large document, in a thread of its own. */
class TypingClient {
  readonly #worker: Worker

  constructor(clientId: number) {
    const task: TypingTask = { url: server.url, documentId: 'large', stateVector: document.stateVector, clientId }
    this.#worker = new Worker(new URL('./typing-worker.js', import.meta.url), { workerData: task })
  }

  /** How long each keystroke since the last call took to come back. */
  latenciesMs(): Promise<readonly number[]> {
    return this.#ask('more')
  }

  stop(): Promise<readonly number[]> {
    return this.#ask('stop')
  }

  #ask(question: 'more' | 'stop'): Promise<readonly number[]> {
    return new Promise((resolve) => {
      this.#worker.once('message', resolve)
      this.#worker.postMessage(question)
    })
  }
}

interface Outcome {
  readonly seconds: number
  readonly cpuSeconds: number
  /** What the joining side took itself: it reads every byte, on one core for all. */
  readonly loadCpuSeconds: number
  readonly megabytes: number
  readonly typistMs: readonly number[]
}

async function measureOnce(stateVector: Uint8Array | undefined, typing: boolean): Promise<Outcome> {
  const typists = typing ? [new TypingClient(typistId()), new TypingClient(typistId())] : []
  if (typing) await wait(1000)
  const waiting: (() => void)[] = []
  const clients = await Promise.all(
    Array.from({ length: joins }, (_, index) => RawClient.connect(server.url, 'large', { synced: () => waiting[index]?.() })),
  )
  await Promise.all(typists.map((typist) => typist.latenciesMs()))
  const cpuBefore = server.cpuSeconds()
  const loadBefore = process.cpuUsage()
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
  const seconds = (nowMs() - startMs) / 1000
  const cpuSeconds = server.cpuSeconds() - cpuBefore
  const { user, system } = process.cpuUsage(loadBefore)
  const loadCpuSeconds = (user + system) / 1e6
  await wait(100)
  const typistMs = (await Promise.all(typists.map((typist) => typist.stop()))).flat()
  for (const client of clients) client.close()
  await untilQuiet(server)
  return { seconds, cpuSeconds, loadCpuSeconds, megabytes: clients.reduce((sum, client) => sum + client.bytesReceived, 0) / 1e6, typistMs }
}

let lastTypistId = 5_000_000
function typistId(): number {
  lastTypistId++
  return lastTypistId
}

async function measure(name: string, stateVector: Uint8Array | undefined, typing: boolean): Promise<Outcome> {
  const outcomes: Outcome[] = []
  for (let round = 0; round < option('rounds', 3); round++) outcomes.push(await measureOnce(stateVector, typing))
  const best = outcomes.reduce((a, b) => (b.seconds < a.seconds ? b : a))
  report(`joins: ${joins} × ${(document.update.length / 1e6).toFixed(1)} MB, ${name}`, {
    'seconds (best)': best.seconds,
    'median s': percentile(
      outcomes.map((one) => one.seconds),
      0.5,
    ),
    'server CPU s': Math.min(...outcomes.map((one) => one.cpuSeconds)),
    'load CPU s': best.loadCpuSeconds,
    'MB received': best.megabytes,
    ...(typing ? { 'typists p50 ms': percentile(best.typistMs, 0.5), 'slowest ms': Math.max(...best.typistMs) } : {}),
  })
  return best
}

await measure('fresh', undefined, false)
const typing = await measure('fresh, typing', undefined, true)
judge('100 joins of 3 MB while somebody types', typing.seconds, 0.4, 's')
await measure('up to date', document.stateVector, false)
await measure('up to date, typing', document.stateVector, true)
writer.close()
await server.stop()

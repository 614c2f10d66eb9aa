// People who come, type 25 characters and leave, again and again, over many documents. Prints what the server holds for itself meanwhile, and once it is idle.
// Usage: node dist/bench/churn.js [--people=40] [--documents=100] [--seconds=100]
import { Typist } from './edits.js'
import { option, report, startServer, wait } from './harness.js'
import { RawClient } from './raw-client.js'

const people = option('people', 40)
const documents = option('documents', 100)
const seconds = option('seconds', 100)
const KEYSTROKES = 25
const KEYSTROKE_MS = 40

const server = await startServer()
const endsAt = performance.now() + seconds * 1000
let visits = 0

async function visit(number: number): Promise<void> {
  const client = await RawClient.connect(server.url, `doc-${(number * 7919) % documents}`)
  client.sync()
  const typist = new Typist(1000 + number)
  for (let typed = 0; typed < KEYSTROKES; typed++) {
    client.submit(typist.keystroke())
    await wait(KEYSTROKE_MS)
  }
  client.close()
}

async function person(): Promise<void> {
  while (performance.now() < endsAt) await visit(visits++)
}

const megabytes = (): number => server.memory().anonymous / 1_000_000
const before = megabytes()
const samples: number[] = []
const sampler = setInterval(() => samples.push(megabytes()), 1_000)
const cpuBefore = server.cpuSeconds()
await Promise.all(Array.from({ length: people }, person))
clearInterval(sampler)
const cpuSeconds = server.cpuSeconds() - cpuBefore
const tenth = Math.ceil(samples.length / 10)
const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
await wait(10_000)
report(`churn: ${people} people over ${documents} documents`, {
  visits,
  'MB at the start': before,
  'MB after a tenth of the time': samples[tenth] ?? Number.NaN,
  'MB in the last tenth': meanOf(samples.slice(-tenth)),
  'MB at its peak': Math.max(...samples),
  'MB 10 s after': megabytes(),
  'server CPU ms a visit': (cpuSeconds * 1000) / visits,
})
await server.stop()

// How long one keystroke takes to be durable, in a quiet document: from the send to the echo, which leaves after the commit.
// Target: p50 under 4 ms. Usage: node dist/bench/latency.js [--keystrokes=300]
import { Typist } from './edits.js'
import { judge, nowMs, option, percentile, report, startServer, wait } from './harness.js'
import { RawClient } from './raw-client.js'

const keystrokes = option('keystrokes', 300)
const server = await startServer()
let echoed: () => void = () => {}
const client = await RawClient.connect(server.url, 'quiet', { update: () => echoed() })
client.sync()
await wait(200)
const typist = new Typist(77)
const latenciesMs: number[] = []
for (let index = 0; index < keystrokes; index++) {
  const startMs = nowMs()
  await new Promise<void>((resolve) => {
    echoed = resolve
    client.submit(typist.keystroke())
  })
  latenciesMs.push(nowMs() - startMs)
  await wait(5)
}
report('latency: durable, quiet', { 'p50 ms': percentile(latenciesMs, 0.5), 'p99 ms': percentile(latenciesMs, 0.99) })
judge('durable acknowledgement when quiet, p50', percentile(latenciesMs, 0.5), 4, 'ms')
client.close()
await server.stop()

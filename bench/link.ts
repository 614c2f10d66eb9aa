// What a node link adds to the time until one keystroke is durable in a quiet document: through another node against at its owner, turn by turn.
// Needs PostgreSQL and Redis as the tests do. Target: 2 ms at p50. Usage: node dist/bench/link.js [--keystrokes=500]
import { shardOf } from '../core/document-id.js'
import { rendezvousWinner } from '../server/cluster/rendezvous.js'
import { LocalCluster, nodeIdOf } from '../test/helpers/local-cluster.js'
import { Typist } from './edits.js'
import { judge, nowMs, option, percentile, report, wait } from './harness.js'
import { RawClient } from './raw-client.js'

const keystrokes = option('keystrokes', 500)
const cluster = await LocalCluster.start({ nodes: 2 })

let documentId = ''
for (let number = 1; documentId === ''; number++)
  if (rendezvousWinner(shardOf(`linked-${number}`), [nodeIdOf(0), nodeIdOf(1)]) === nodeIdOf(0)) documentId = `linked-${number}`

interface Place {
  readonly client: RawClient
  readonly typist: Typist
  readonly latenciesMs: number[]
}

let echoed: (client: RawClient) => void = () => {}
const places: Place[] = []
for (const [index, node] of cluster.nodes.entries()) {
  const client: RawClient = await RawClient.connect(node.webSocketUrl, documentId, { update: () => echoed(client) })
  client.sync()
  places.push({ client, typist: new Typist(77 + index), latenciesMs: [] })
}
await wait(500)

/** Resolves when both clients have got the keystroke; keeps when the one that sent it did. */
async function keystroke({ client, typist, latenciesMs }: Place): Promise<void> {
  const startMs = nowMs()
  const waiting = new Set(places.map((place) => place.client))
  await new Promise<void>((resolve) => {
    echoed = (by) => {
      if (by === client) latenciesMs.push(nowMs() - startMs)
      waiting.delete(by)
      if (waiting.size === 0) resolve()
    }
    client.submit(typist.keystroke())
  })
  await wait(3)
}

for (let index = 0; index < keystrokes; index++) for (const place of places) await keystroke(place)

const [owner, linked] = places.map(({ latenciesMs }) => latenciesMs)
for (const [name, samples] of [
  ['at the owner', owner],
  ['over a link', linked],
] as const)
  report(`link: durable, quiet, ${name}`, { 'p50 ms': percentile(samples ?? [], 0.5), 'p99 ms': percentile(samples ?? [], 0.99) })
judge('added latency of a node link, p50', percentile(linked ?? [], 0.5) - percentile(owner ?? [], 0.5), 2, 'ms')
for (const { client } of places) client.close()
await cluster.stop()

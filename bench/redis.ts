// Redis messages per cursor move: 50 cursors at 10 moves a second, spread over three nodes (hubs in this process) on a real Redis.
// Usage: node dist/bench/redis.js [--cursors=50] [--rate=10] [--seconds=5] [--nodes=3]
import { systemClock } from '../core/clock.js'
import { Counters } from '../core/counters.js'
import { defaultLimits } from '../core/limits.js'
import { silentLogger } from '../core/log.js'
import { randomId, systemRandom } from '../core/random.js'
import { decodeAwareness, encodeAwareness } from '../protocol/awareness.js'
import type { AwarenessSessionPort } from '../server/awareness/contract.js'
import { createRedisBus } from '../server/awareness/exchange/redis-bus.js'
import { DocumentAwarenesses } from '../server/awareness/hub.js'
import { ClusterSeal } from '../server/redis/cluster-seal.js'
import { startRedis } from '../test/helpers/redis.js'
import { nowMs, option, percentile, report, wait } from './harness.js'

const cursors = option('cursors', 50)
const rate = option('rate', 10)
const seconds = option('seconds', 5)
const nodeCount = option('nodes', 3)

const redis = await startRedis()
const clock = systemClock
const nodes = await Promise.all(
  Array.from({ length: nodeCount }, async (_, index) => {
    const counters = new Counters()
    const common = { clock, counters, logger: silentLogger }
    const bus = createRedisBus({
      url: redis.url,
      nodeId: `node-${index}`,
      boot: randomId(systemRandom, 8),
      random: systemRandom,
      seal: new ClusterSeal('a secret of this bench', 'one cluster'),
      ...common,
    })
    await bus.ready()
    return { bus, counters, hub: new DocumentAwarenesses({ limits: defaultLimits, bus, ...common }) }
  }),
)
const sentAtMs = new Map<string, number>()
const latenciesMs: number[] = []
let measuring = false
const utf8 = new TextEncoder()
const clocks = new Map<number, number>()
const memberships: AwarenessSessionPort[] = []
for (let id = 0; id < cursors; id++) {
  const { hub } = nodes[id % nodeCount] ?? (nodes[0] as (typeof nodes)[number])
  const sink = {
    awareness({ update }: { readonly update: Uint8Array }): void {
      // One session of each node looks at what comes from the others.
      if (id >= nodeCount || !measuring) return
      for (const entry of decodeAwareness(update)) {
        const sentMs = sentAtMs.get(`${entry.clientId}:${entry.clock}`)
        if (entry.clientId % nodeCount !== id && sentMs !== undefined) latenciesMs.push(nowMs() - sentMs)
      }
    },
    leftOut: () => {},
    probe: () => Promise.resolve(true),
  }
  memberships.push(hub.join('bench', sink))
}
let moves = 0
const move = (id: number): void => {
  const at = (clocks.get(id) ?? 0) + 1
  clocks.set(id, at)
  const state = {
    user: { name: `User ${id}`, color: '#30bced' },
    cursor: { anchor: { type: null, tname: 'body', item: { client: id, clock: at }, assoc: 0 } },
  }
  sentAtMs.set(`${id}:${at}`, nowMs())
  memberships[id]?.receive(encodeAwareness([{ clientId: id, clock: at, state: utf8.encode(JSON.stringify(state)) }]))
  if (measuring) moves += 1
}
const timers: NodeJS.Timeout[] = []
for (let id = 0; id < cursors; id++) {
  setTimeout(() => timers.push(setInterval(() => move(id), 1000 / rate)), (1000 / rate / cursors) * id)
}
const total = (name: 'awareness_bus_frames_published' | 'awareness_bus_frames_received'): number =>
  nodes.reduce((sum, { counters }) => sum + counters.get(name), 0)

await wait(1_000)
const before = { published: total('awareness_bus_frames_published'), received: total('awareness_bus_frames_received') }
measuring = true
await wait(seconds * 1_000)
measuring = false
const published = total('awareness_bus_frames_published') - before.published
const received = total('awareness_bus_frames_received') - before.received
for (const timer of timers) clearInterval(timer)
report(`redis: ${cursors} cursors × ${rate}/s, ${nodeCount} nodes`, {
  'moves per s': moves / seconds,
  'published per s': published / seconds,
  'published per move': published / moves,
  'delivered per move': received / moves,
  'node to node p50 ms': percentile(latenciesMs, 0.5),
  'p99 ms': percentile(latenciesMs, 0.99),
})
for (const { hub, bus } of nodes) {
  hub.close()
  await bus.close()
}
await redis.stop()

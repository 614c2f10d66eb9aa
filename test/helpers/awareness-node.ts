// A node as far as awareness goes: a hub on a Redis bus, in this process.
import type { TestContext } from 'node:test'
import { systemClock } from '../../core/clock.js'
import { Counters } from '../../core/counters.js'
import { defaultLimits } from '../../core/limits.js'
import { type Logger, silentLogger } from '../../core/log.js'
import { randomId, systemRandom } from '../../core/random.js'
import { createRedisBus, type RedisBus } from '../../server/awareness/exchange/redis-bus.js'
import { DocumentAwarenesses } from '../../server/awareness/hub.js'
import { ClusterSeal } from '../../server/redis/cluster-seal.js'

export interface AwarenessNode {
  readonly nodeId: string
  readonly boot: string
  readonly hub: DocumentAwarenesses
  readonly bus: RedisBus
  readonly counters: Counters
  /** Client ids and states that this node knows for a document, by client id. */
  present(documentId?: string): [number, unknown][]
  close(): Promise<void>
}

const sealOfTests = new ClusterSeal('a secret of these tests', 'one cluster')

interface AwarenessNodeOptions {
  readonly logger?: Logger
  /** Default: wait for Redis, as a server does at its start. */
  readonly ready?: boolean
  /** Default: that of one cluster, which all nodes without one are in. */
  readonly seal?: ClusterSeal
}

/** Closed at the end of the test. */
export async function startAwarenessNode(
  t: Pick<TestContext, 'after'>,
  nodeId: string,
  url: string,
  { logger = silentLogger, ready = true, seal = sealOfTests }: AwarenessNodeOptions = {},
): Promise<AwarenessNode> {
  const counters = new Counters()
  const boot = randomId(systemRandom, 8)
  const clock = systemClock
  const bus = createRedisBus({ url, nodeId, boot, clock, random: systemRandom, logger, counters, seal })
  const hub = new DocumentAwarenesses({ clock, limits: defaultLimits, counters, logger, bus })
  const close = async (): Promise<void> => {
    hub.close()
    await bus.close()
  }
  t.after(close)
  if (ready) await bus.ready()
  return {
    nodeId,
    boot,
    hub,
    bus,
    counters,
    present: (documentId = 'notes/today') =>
      hub
        .presence(documentId)
        .map(({ clientId, state }): [number, unknown] => [clientId, state])
        .sort(([one], [other]) => one - other),
    close,
  }
}

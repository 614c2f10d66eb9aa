// The database of a cluster, for a command that works on it alone: refused while a node lives, whose documents would be taken from it.
import { WeftError } from '../../core/errors.js'
import { randomId, systemRandom } from '../../core/random.js'
import type { DocumentStore } from '../../persistence/store.js'
import { createLogger } from '../logging/logger.js'

/** A node that was killed counts as alive for so long. */
const ALIVE_MS = 10_000

/** Rejects with `invalid-configuration` while a node is alive, and with what opening the database rejects with. */
export async function openStoppedCluster(url: string): Promise<DocumentStore> {
  const { openPostgresStore } = await import('../../persistence/postgres/postgres-store.js')
  const store = await openPostgresStore({ url, logger: createLogger('error', 'auto'), random: systemRandom, migrate: false })
  try {
    // A node that is draining takes no shards, and the others see it leave.
    const self = {
      nodeId: `command-${randomId(systemRandom, 8)}`,
      boot: randomId(systemRandom, 16),
      advertise: '127.0.0.1:0',
      version: 'command',
      draining: true,
    }
    const { nodes } = await store.membership.heartbeat(self)
    await store.membership.leave(self)
    const alive = nodes.find(({ nodeId, ageMs }) => nodeId !== self.nodeId && ageMs < ALIVE_MS)
    if (alive !== undefined)
      throw new WeftError(
        'invalid-configuration',
        `The node ${alive.nodeId} runs on this database: ask it with --url http://${alive.advertise}, or stop all nodes first (one that was killed counts for ${ALIVE_MS / 1000} s).`,
      )
    return store
  } catch (thrown) {
    await store.close()
    throw thrown
  }
}

// Runs seeds of a cluster in a row, and checks that together they reach what they are meant to reach.
import { strict as assert } from 'node:assert'
import { ClusterWorld } from './cluster-world.js'
import { addOutcome } from './world.js'

/** What the seeds together must reach: a simulation in which nothing happens proves nothing. */
const reached = [
  'sessions_moved',
  'shards_lost',
  'shards_released',
  'heartbeats_failed',
  'commit_failures',
  'connections_timed_out',
  'compactions',
  'sessions_lagging',
  'awareness_entries_foreign',
  'awareness_bus_frames_dropped',
  'action kill',
  'action stop-node',
  'action drain-node',
  'action add-node',
  'action remove-node',
  'action part-nodes',
  'action cut-database',
  'action lose-author',
  'action database-away',
  'action redis-away',
  'action redis-wiped',
  'action cut-redis',
  'action set-clock',
  'action cancel-start',
  'action cut-in-release',
  'action drain-in-claim',
  'action misdeed',
]

/** Throws with the seed and how to replay it at the first broken promise. */
export async function runClusterSeeds(first: number, count: number): Promise<void> {
  const totals = new Map<string, number>()
  for (let seed = first; seed < first + count; seed++) {
    try {
      addOutcome(totals, await ClusterWorld.run(seed))
    } catch (cause) {
      throw new Error(`Seed ${seed} failed; replay it with: node dist/test/simulation/run.js --cluster --seed ${seed} --seeds 1`, { cause })
    }
  }
  if (count < 150) return
  for (const name of reached) assert.ok((totals.get(name) ?? 0) > 0, `no seed reached: ${name}`)
}

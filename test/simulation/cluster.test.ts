// A cluster under crashes, pauses, cuts, a database and a Redis that fail: 300 seeds, and controls that show that broken promises are noticed.
// SEED and SEEDS choose others; test/simulation/run.ts does the same without the test runner.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { type ClusterSabotage, ClusterWorld } from './cluster-world.js'
import { addOutcome } from './world.js'

const FIRST = Number(process.env['SEED'] ?? 1)
const COUNT = Number(process.env['SEEDS'] ?? 300)

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
  'action database-away',
  'action redis-away',
  'action redis-wiped',
  'action cut-redis',
  'action set-clock',
]

test(`D1–D8, O1–O5, S1, S3, S4, S6, A1, A2, A3, A4, A5, G2, G4: ${COUNT} seeds of a cluster`, { timeout: 390_000 }, async () => {
  const totals = new Map<string, number>()
  for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
    try {
      addOutcome(totals, await ClusterWorld.run(seed))
    } catch (cause) {
      throw new Error(`Seed ${seed} failed; replay it with: node dist/test/simulation/run.js --cluster --seed ${seed} --seeds 1`, { cause })
    }
  }
  if (COUNT < 300) return
  for (const name of reached) assert.ok((totals.get(name) ?? 0) > 0, `no seed reached: ${name}`)
})

test('a seed of a cluster replays: the same happens, to the byte', async () => {
  for (const seed of [2, 7]) assert.deepEqual(await ClusterWorld.run(seed), await ClusterWorld.run(seed))
})

/** The first seed that fails under a sabotage, and why. */
async function firstCaught(sabotage: ClusterSabotage, seeds: number): Promise<string> {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      await ClusterWorld.run(seed, sabotage)
    } catch (error) {
      return String(error)
    }
  }
  return `not caught in ${seeds} seeds`
}

describe('negative controls', () => {
  test('O1: a database that looks at no fence is caught within 60 seeds', async () => {
    assert.match(await firstCaught('ignores-fences', 60), /O1:/)
  })

  test('D1: an acknowledgement before the commit is caught within 3 seeds', async () => {
    assert.match(await firstCaught('acknowledges-early', 3), /D1:|D2: .* was opened at seq/)
  })

  test('O1: a takeover that reads before its claim is committed is caught within 60 seeds', async () => {
    assert.match(await firstCaught('reads-ahead', 60), /O1:|D2:|S6:|D4:/)
  })
})

// One node under a bad network, a bad disk, crashes and restarts: 120 seeds, and controls that show that broken promises are noticed.
// SEED and SEEDS choose others; test/simulation/run.ts does the same without the test runner.
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { addOutcome, type Sabotage, World } from './world.js'

const FIRST = Number(process.env['SEED'] ?? 1)
const COUNT = Number(process.env['SEEDS'] ?? 120)

/** What the seeds together must reach: a simulation in which nothing happens proves nothing. */
const reached = [
  'updates_already_known',
  'updates_refused',
  'commit_failures',
  'connections_timed_out',
  'documents_evicted',
  'compactions',
  'compactions_failed',
  'sessions_lagging',
  'sessions_too_slow',
  'awareness_entries_known',
  'awareness_entries_foreign',
  'awareness_frames_dropped',
  'awareness_entries_refused',
  'messages_malformed',
  'connections_over_http',
  'action crash',
  'action drain',
  'action silence',
  'action misdeed',
]

test(`D1, D2, D4, D5, D6, S1, S3, S6, A1, A2, A3, A4, G2, G4: ${COUNT} seeds of one node`, { timeout: 300_000 }, async () => {
  const totals = new Map<string, number>()
  for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
    try {
      addOutcome(totals, await World.run(seed))
    } catch (cause) {
      throw new Error(`Seed ${seed} failed; replay it with: node dist/test/simulation/run.js --seed ${seed} --seeds 1`, { cause })
    }
  }
  if (COUNT < 120) return
  for (const name of reached) assert.ok((totals.get(name) ?? 0) > 0, `no seed reached: ${name}`)
})

test('a seed replays: the same happens, to the byte', async () => {
  for (const seed of [3, 14]) assert.deepEqual(await World.run(seed), await World.run(seed))
})

/** How many of some seeds fail under a sabotage, each of them naming one of the rules. */
async function caught(sabotage: Sabotage, seeds: number, rules: RegExp, first = 1): Promise<number> {
  let count = 0
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      await World.run(seed, sabotage)
    } catch (error) {
      assert.match(String(error), rules, `seed ${seed}`)
      count += 1
    }
  }
  return count
}

describe('negative controls', () => {
  test('G5: a server that ends honest connections for what an adversary sends is caught within 40 seeds', async () => {
    let seeds = 1
    while (seeds <= 40 && (await caught('punishes-others', 1, /G5:|not in step/, seeds)) === 0) seeds += 1
    assert.ok(seeds <= 40, 'not caught')
  })

  test('D1: a store that answers before it has written is caught in 5 of 5 seeds', async () => {
    assert.equal(await caught('acknowledges-early', 5, /D1:|D2: .* was opened at seq|S1: .* differs from the log/), 5)
  })

  test('D2: a server that shows edits before they are committed is caught in 5 of 5 seeds', async () => {
    assert.equal(await caught('shows-early', 5, /D2:/), 5)
  })

  test('S1, A4: a server whose messages get lost is caught in at least 5 of 10 seeds', async () => {
    assert.ok((await caught('loses-messages', 10, /S1:|A4:|not in step/)) >= 5)
  })

  test('S1: a server whose streams lose what is in some of their events is caught within 20 seeds', async () => {
    let seeds = 1
    while (seeds <= 20 && (await caught('skips-records', 1, /S1:|A4:|not in step/, seeds)) === 0) seeds += 1
    assert.ok(seeds <= 20, 'not caught')
  })
})

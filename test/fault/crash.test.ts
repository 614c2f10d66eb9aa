// Crashes for real: SIGKILL at random moments, and the disk read before anybody can repair it.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { runCrashes } from './crash-run.js'

const seed = Number(process.env['WEFT_CRASH_SEED'] ?? 20_261)

test('D1 D2 D3 D5 S1: 10 kills lose no acknowledged and no broadcast edit', async () => {
  console.log(`seed ${seed}`)
  const result = await runCrashes({ seed, kills: 10 })
  console.log(JSON.stringify(result))
  assert.deepEqual(result.lost, [])
  assert.ok(result.acknowledged > 100, 'the run must have acknowledged edits to lose')
})

test('D1: the same checker catches a server that acknowledges before it commits', async () => {
  const result = await runCrashes({ seed, kills: 25, lie: true })
  assert.notDeepEqual(result.lost, [])
})

// A short hostile hour: all attacks at once, from 30 connections, against a default server on which ten honest people type. How long they wait is for the long run to
// say (npm run attack -- --hour); here it is whether they stay, and keep what they wrote.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { attacks } from '../attack/attacks.js'
import { playHour } from '../attack/hostile-hour.js'

const seed = Number(process.env['WEFT_FAULT_SEED'] ?? 20_268)
const MINUTES = 0.25

test('D1 D3 G8: in a hostile quarter of a minute the server lives, nobody honest is disconnected, and nothing is lost, also after a restart', async () => {
  console.log(`seed ${seed}`)
  const report = await playHour({ minutes: MINUTES, seed, attacks, connections: 30, editors: 10, documents: 3 })
  assert.ok(report.played.size >= 5, `attacks were played: ${[...report.played.keys()].join(' ')}`)
  assert.ok(report.edits > 50, `${report.edits} edits were acknowledged meanwhile`)
  const lost = report.wrong.filter((what) => !what.startsWith('G7'))
  assert.deepEqual(lost, [])
})

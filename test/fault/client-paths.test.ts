// People reach one node over paths that are slow, narrow or lossy, and the node is killed at the end of each.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { pathFaults } from './client-paths.js'
import { runClientPaths } from './client-paths-run.js'

const seed = Number(process.env['WEFT_FAULT_SEED'] ?? 20_266)

for (const fault of pathFaults)
  test(`D1 D2 S1: over a path that is ${fault} nothing that was acknowledged or shown is lost, and all copies become the same`, async () => {
    const result = await runClientPaths({ seed, fault, times: 1 })
    console.log(JSON.stringify({ seed, fault, ...result }))
    assert.deepEqual(result.wrong, [])
    assert.ok(result.acknowledged > 20, 'the run must have acknowledged edits to lose')
  })

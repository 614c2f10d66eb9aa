// What a process takes for itself where nobody said how much.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultSettingsFor, memoryOfMachine } from '../../server/config/machine-defaults.js'
import { defaultSettings } from '../../server/config/settings.js'

const MiB = 1024 * 1024

test('G8: in a small container the memory budget, and a compaction beside it, fit into what there is', () => {
  for (const memoryMiB of [256, 512, 1024, 2048]) {
    const small = defaultSettingsFor(memoryMiB * MiB)
    const held = small['limits.memoryBytesMax'] + small['limits.compactionBytesMax']
    assert.ok(held <= 0.75 * memoryMiB * MiB, `${held} bytes of ${memoryMiB} MiB`)
    assert.ok(small['limits.memoryBytesMax'] >= memoryMiB * 0.39 * MiB)
  }
  assert.deepEqual(defaultSettingsFor(64 * 1024 * MiB), defaultSettings, 'a large machine has the defaults of the table')
})

test('the memory of this machine is known', () => {
  assert.ok(memoryOfMachine() > 64 * MiB)
  assert.ok(memoryOfMachine() < 2 ** 50)
})

// What the engine is told where a process has one core.
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

/** What a process that was told it has one core says of its young collections. */
function collectionsOnOneCore(): string {
  const module = new URL('../../server/composition/one-core.js', import.meta.url).href
  const kept =
    'const kept = []; for (let round = 0; round < 60; round++) kept.push(Array.from({ length: 20_000 }, (_, index) => ({ index })))'
  const script = `const { fitEngineToCores } = await import('${module}'); fitEngineToCores(1); ${kept}`
  const { stdout, status } = spawnSync(process.execPath, ['--trace-gc-nvp', '--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(status, 0)
  return stdout
}

test('a process with one core collects its young garbage with one thread', () => {
  const collections = collectionsOnOneCore()
  // Where there are more cores, too, other threads need not have come to it: that they did is not looked for.
  assert.match(collections, /background\.scavenge\.parallel=/)
  assert.doesNotMatch(collections, /background\.scavenge\.parallel=[\d.]*[1-9]/)
})

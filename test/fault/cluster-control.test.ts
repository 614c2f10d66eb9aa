// Negative controls: the same faults on nodes whose store breaks its word must be noticed, each within a stated number of them.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type FaultName, faults, prove } from './cluster-faults.js'
import { ClusterScene } from './cluster-scene.js'

const seed = Number(process.env['WEFT_FAULT_SEED'] ?? 20_267)

function sceneWith(broken: 'acknowledge-first' | 'slow' | 'slow-unfenced'): Promise<ClusterScene> {
  console.log(`seed ${seed}`)
  const script = { file: fileURLToPath(new URL('./broken-store.js', import.meta.url)) }
  return ClusterScene.start({ seed, node: () => ({ script, environment: { WEFT_BREAK: broken } }) })
}

/** Plays the fault until the checker names the rule; answers how often it took. */
async function caught(scene: ClusterScene, name: FaultName, rule: RegExp, timesMax: number): Promise<number> {
  const found: string[] = []
  for (let time = 1; time <= timesMax; time++) {
    // What the cluster cannot come back from has been noticed, too, but the checker must say it.
    await faults[name].play(scene, time).then(
      (wrong) => found.push(...wrong),
      (error: unknown) => found.push(String(error)),
    )
    found.push(...(await scene.check()))
    if (found.some((wrong) => rule.test(wrong))) return time
  }
  assert.fail(`${timesMax} times ${name} and nothing was noticed but ${JSON.stringify(found.slice(0, 20))}`)
}

test('D1: a cluster that acknowledges before it commits is caught within 3 kills', async () => {
  const scene = await sceneWith('acknowledge-first')
  try {
    console.log(`caught after ${await caught(scene, 'owner-kill', /^D1 D3: busy lacks/, 3)}`)
  } finally {
    await scene.close()
  }
})

test('O1 O3: a cluster without the fence is caught within 5 pauses of the owner', async () => {
  const scene = await sceneWith('slow-unfenced')
  try {
    console.log(`caught after ${await caught(scene, 'owner-pause', /^O1 O3 D5:/, 5)}`)
  } finally {
    await scene.close()
  }
})

test('O1 O3: with the fence, appends that were under way when the owner was stopped are refused', async () => {
  const scene = await sceneWith('slow')
  try {
    await prove(scene, 'owner-pause', { times: 1 })
  } finally {
    await scene.close()
  }
})

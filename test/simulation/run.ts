// Runs the simulation for a range of seeds: `node dist/test/simulation/run.js --seed 1 --seeds 1000`, of a cluster with `--cluster`. Prints what happened,
// and each failing seed.
import { parseArgs } from 'node:util'
import { ClusterWorld } from './cluster-world.js'
import { addOutcome, World } from './world.js'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '200' },
    cluster: { type: 'boolean', default: false },
    /** No seed is begun after so many seconds. */
    seconds: { type: 'string', default: 'Infinity' },
  },
})
const first = Number(values.seed)
const count = Number(values.seeds)
const secondsMax = Number(values.seconds)
const run = (seed: number) => (values.cluster ? ClusterWorld.run(seed) : World.run(seed))
const command = `node dist/test/simulation/run.js ${values.cluster ? '--cluster ' : ''}--seed`
const totals = new Map<string, number>()
const failures: number[] = []
const startedMs = performance.now()
const seconds = (): number => (performance.now() - startedMs) / 1000
let ran = 0
for (let seed = first; seed < first + count && seconds() < secondsMax; seed++) {
  ran += 1
  try {
    addOutcome(totals, await run(seed))
  } catch (error) {
    failures.push(seed)
    console.error(`seed ${seed} failed; replay it with: ${command} ${seed} --seeds 1`)
    console.error(error)
  }
}
for (const [name, amount] of totals) console.log(`${name}: ${Math.round(amount)}`)
console.log(`${ran} seeds from ${first} in ${seconds().toFixed(1)} s; ${failures.length} failed ${failures.join(' ')}`)
process.exitCode = failures.length === 0 ? 0 : 1

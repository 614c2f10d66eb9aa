// Runs the simulation for a range of seeds: `node dist/test/simulation/run.js --seed 1 --seeds 1000`. Prints what happened, and each failing seed.
import { parseArgs } from 'node:util'
import { addOutcome, World } from './world.js'

const { values } = parseArgs({ options: { seed: { type: 'string', default: '1' }, seeds: { type: 'string', default: '200' } } })
const first = Number(values.seed)
const count = Number(values.seeds)
const totals = new Map<string, number>()
const failures: number[] = []
const startedMs = performance.now()
for (let seed = first; seed < first + count; seed++) {
  try {
    addOutcome(totals, await World.run(seed))
  } catch (error) {
    failures.push(seed)
    console.error(`seed ${seed} failed; replay it with: node dist/test/simulation/run.js --seed ${seed} --seeds 1`)
    console.error(error)
  }
}
for (const [name, amount] of totals) console.log(`${name}: ${Math.round(amount)}`)
console.log(
  `${count} seeds from ${first} in ${((performance.now() - startedMs) / 1000).toFixed(1)} s; ${failures.length} failed ${failures.join(' ')}`,
)
process.exitCode = failures.length === 0 ? 0 : 1

// `npm run fault -- --kills 500 [--seed N]`: the crash loop for as long as one likes.
import { parseArgs } from 'node:util'
import { runCrashes } from './crash-run.js'

const { values } = parseArgs({ options: { kills: { type: 'string', default: '500' }, seed: { type: 'string', default: '1' } } })
const kills = Number(values.kills)
const seed = Number(values.seed)
if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(seed)) {
  console.error('--kills takes a whole number from 1, --seed a whole number.')
  process.exit(2)
}
console.log(`seed ${seed}, ${kills} kills`)
const result = await runCrashes({ seed, kills, progress: (kill) => kill % 25 === 0 && console.log(`${kill} kills`) })
console.log(JSON.stringify(result))
process.exit(result.lost.length === 0 ? 0 : 1)

// The fault runs for as long as one likes. `npm run fault -- --kills 500 [--seed N]`: one node, killed again and again.
// `npm run fault -- --fault owner-kill --times 200 [--seed N]`: a cluster. `npm run fault -- --clients narrow --times 200 [--seed N]`: one node, and what is between it
// and its clients. `npm run fault -- --quiet 65`: stock clients that do nothing, for 65 s. `npm run fault -- --rolling 5000`: a cluster
// behind HAProxy is restarted node by node while so many are connected.
import { parseArgs } from 'node:util'
import { pathFaults } from './client-paths.js'
import { runClientPaths } from './client-paths-run.js'
import { type FaultName, faults, isFaultName, prove } from './cluster-faults.js'
import { ClusterScene } from './cluster-scene.js'
import { runCrashes } from './crash-run.js'
import { runQuiet } from './quiet-run.js'
import { runRollingRestart } from './rolling-restart.js'

// The processes that it started end when this one exits; a signal alone would leave them behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '500' },
    fault: { type: 'string' },
    clients: { type: 'string' },
    quiet: { type: 'string' },
    rolling: { type: 'string' },
    times: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
  },
})
const kills = Number(values.kills)
const times = Number(values.times)
const seed = Number(values.seed)
const quiet = Number(values.quiet ?? 0)
if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(times) || times < 1 || !Number.isInteger(seed) || !(quiet >= 0)) {
  console.error('--kills and --times take a whole number from 1, --seed a whole number, --quiet seconds.')
  process.exit(2)
}
if (values.rolling !== undefined) await restartNodes(Number(values.rolling))
else if (values.quiet !== undefined) await stayQuiet(quiet)
else if (values.clients !== undefined) await breakClientPaths(values.clients)
else if (values.fault === undefined) await killOneNode()
else if (isFaultName(values.fault)) await breakCluster(values.fault)
else {
  console.error(`--fault takes one of: ${Object.keys(faults).join(', ')}.`)
  process.exit(2)
}

async function killOneNode(): Promise<void> {
  console.log(`seed ${seed}, ${kills} kills`)
  const result = await runCrashes({ seed, kills, progress: (kill) => kill % 25 === 0 && console.log(`${kill} kills`) })
  console.log(JSON.stringify(result))
  process.exit(result.lost.length === 0 ? 0 : 1)
}

async function breakClientPaths(name: string): Promise<void> {
  const fault = pathFaults.find((one) => one === name)
  if (fault === undefined) {
    console.error(`--clients takes one of: ${pathFaults.join(', ')}.`)
    process.exit(2)
  }
  console.log(`seed ${seed}, ${fault} paths ${times} times`)
  const result = await runClientPaths({
    seed,
    fault,
    times,
    progress: (time) => time % 10 === 0 && console.log(`${fault} ${time} times`),
  })
  console.log(JSON.stringify(result))
  process.exit(result.wrong.length === 0 ? 0 : 1)
}

async function restartNodes(connections: number): Promise<void> {
  const result = await runRollingRestart(connections, (words) => console.log(words))
  console.log(JSON.stringify({ ...result, lost: result.lost.length }))
  process.exit(result.lost.length === 0 && result.exitCodes.every((code) => code === 0) && result.cameBack.p99 < 3_000 ? 0 : 1)
}

async function stayQuiet(seconds: number): Promise<void> {
  const closes = await runQuiet(seconds)
  console.log(`${seconds} s of silence: ${JSON.stringify(closes)} connections lost`)
  process.exit(closes.present + closes.silent === 0 ? 0 : 1)
}

async function breakCluster(name: FaultName): Promise<void> {
  console.log(`seed ${seed}, ${name} ${times} times`)
  const scene = await ClusterScene.start({ seed, ...faults[name].scene })
  try {
    await prove(scene, name, { times, progress: (time) => time % 10 === 0 && console.log(`${name} ${time} times`) })
  } finally {
    await scene.close()
  }
  // By itself Node waits, and was seen to wait for ever, for what native modules have under way.
  process.exit(0)
}

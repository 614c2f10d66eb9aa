// Every fault that a cluster must survive, by name. `prove` repeats one and checks everything in between.
import { strict as assert } from 'node:assert'
import { joinAndLeave, rollingRestart } from './cluster-moves.js'
import {
  clientPaths,
  cutFromNodes,
  cutFromPostgres,
  lossyPaths,
  ownerKill,
  ownerPause,
  slowPaths,
  wrongClock,
} from './cluster-node-faults.js'
import { type ClusterScene, clockShift, type SceneOptions } from './cluster-scene.js'
import { emptyRedis, redisCut, withoutPostgres, withoutRedis } from './cluster-service-faults.js'

/** How many faults between two comparisons of all copies. */
const convergeEvery = 10

interface Fault {
  readonly scene?: Pick<SceneOptions, 'proxied' | 'node'>
  readonly play: (scene: ClusterScene, time: number) => Promise<readonly string[]>
}

export type FaultName =
  | 'owner-kill'
  | 'owner-pause'
  | 'redis-kill'
  | 'redis-empty'
  | 'redis-cut'
  | 'postgres-restart'
  | 'postgres-kill'
  | 'node-cut-from-postgres'
  | 'node-half-open-postgres'
  | 'node-cut-from-node'
  | 'node-half-open-node'
  | 'slow-link'
  | 'slow-postgres'
  | 'lossy-link'
  | 'slow-clients'
  | 'narrow-clients'
  | 'lossy-clients'
  | 'join-leave'
  | 'rolling-restart'
  | 'clock'
  | 'mixed'

export const faults: Readonly<Record<FaultName, Fault>> = {
  'owner-kill': { play: ownerKill },
  'owner-pause': { play: ownerPause },
  'redis-kill': {
    play: (scene) =>
      withoutRedis(
        scene,
        () => scene.cluster.redis.kill(),
        () => scene.cluster.redis.start(),
      ),
  },
  'redis-empty': {
    play: (scene) =>
      withoutRedis(
        scene,
        () => emptyRedis(scene),
        () => Promise.resolve(),
      ),
  },
  'redis-cut': { scene: { proxied: true }, play: redisCut },
  'postgres-restart': { play: (scene) => withoutPostgres(scene, 'SIGQUIT', 0) },
  'postgres-kill': { play: (scene) => withoutPostgres(scene, 'SIGKILL', 1_000 + scene.random.below(4_000)) },
  'node-cut-from-postgres': { scene: { proxied: true }, play: (scene) => cutFromPostgres(scene, ['cut']) },
  'node-half-open-postgres': {
    scene: { proxied: true },
    play: (scene) => cutFromPostgres(scene, ['hold-requests', 'hold-answers', 'hold-both']),
  },
  'node-cut-from-node': { scene: { proxied: true }, play: (scene) => cutFromNodes(scene, ['cut']) },
  'node-half-open-node': { scene: { proxied: true }, play: (scene) => cutFromNodes(scene, ['hold-both', 'hold-requests', 'hold-answers']) },
  'slow-link': { scene: { proxied: true }, play: (scene) => slowPaths(scene, { incoming: 20_000 }) },
  'slow-postgres': { scene: { proxied: true }, play: (scene) => slowPaths(scene, { postgres: 100_000 }) },
  'lossy-link': { scene: { proxied: true }, play: lossyPaths },
  'slow-clients': { scene: { proxied: true }, play: (scene) => clientPaths(scene, 'slow') },
  'narrow-clients': { scene: { proxied: true }, play: (scene) => clientPaths(scene, 'narrow') },
  'lossy-clients': { scene: { proxied: true }, play: (scene) => clientPaths(scene, 'lossy') },
  'join-leave': { play: joinAndLeave },
  'rolling-restart': { play: rollingRestart },
  clock: {
    scene: { node: (node) => (node === 0 ? clockShift(3_600_000) : node === 1 ? clockShift(-3_600_000) : {}) },
    play: wrongClock,
  },
  // One after the other on the same cluster, so that what one leaves behind meets the next.
  mixed: {
    scene: { proxied: true },
    play: (scene, time) => {
      const name = mixable[scene.random.below(mixable.length)] as FaultName
      console.log(`${time}: ${name}`)
      return faults[name].play(scene, time)
    },
  },
}

/** All that need nothing of the scene but its proxies. */
const mixable = (Object.keys(faults) as FaultName[]).filter((name) => name !== 'clock' && name !== 'mixed')

export function isFaultName(name: string): name is FaultName {
  return Object.hasOwn(faults, name)
}

export interface ProofOptions {
  readonly times: number
  /** Called after each fault with its number. */
  readonly progress?: (time: number) => void
}

/** Plays a fault a number of times. Throws an AssertionError with everything that was wrong; prints what was measured. */
export async function prove(scene: ClusterScene, name: FaultName, { times, progress }: ProofOptions): Promise<void> {
  const startedMs = performance.now()
  scene.times.clear()
  for (let time = 1; time <= times; time++) {
    const wrong = [...(await played(scene, name, time)), ...(await scene.check())]
    if (wrong.length === 0 && (time === times || time % convergeEvery === 0)) wrong.push(...(await scene.converge()))
    assert.deepEqual(wrong.slice(0, 20), [], `${name}, time ${time}\n${scene.outputs()}`)
    progress?.(time)
  }
  const { load, ledger } = scene
  const result = {
    edits: load.edits,
    acknowledged: load.acknowledged(),
    rows: ledger.rows,
    seconds: Math.round((performance.now() - startedMs) / 1_000),
  }
  assert.ok(result.acknowledged > 0, 'the run must have acknowledged edits to lose')
  const times_ = Object.fromEntries([...scene.times].map(([what, values]) => [`${what} ms`, spread(values)]))
  console.log(JSON.stringify({ fault: name, times, ...result, ...times_ }))
}

/** A fault that the cluster does not come back from is told with what every client and node knows. */
async function played(scene: ClusterScene, name: FaultName, time: number): Promise<readonly string[]> {
  try {
    return await faults[name].play(scene, time)
  } catch (error) {
    throw new Error(`${name}, time ${time}: ${String(error)}\n${await scene.situation()}`, { cause: error })
  }
}

function spread(values: readonly number[]): object {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (part: number): number | undefined => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]
  return { samples: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) }
}

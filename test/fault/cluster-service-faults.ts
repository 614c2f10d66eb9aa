// Faults of Redis and PostgreSQL: each goes away while people type, comes back, and answers what was wrong.
import { strict as assert } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../helpers/states.js'
import type { ProxyPath } from '../helpers/tcp-proxy.js'
import type { SdkWriter } from './cluster-load.js'
import { type ClusterScene, resumeMsMax } from './cluster-scene.js'

export async function withoutRedis(
  scene: ClusterScene,
  stop: () => Promise<unknown>,
  start: () => Promise<unknown>,
): Promise<readonly string[]> {
  await scene.observers.cursorsCross(resumeMsMax)
  return scene.ownershipStays(async () => {
    await stop()
    await scene.turns(20 + scene.random.below(60))
    scene.note('edit without Redis', ...(await scene.load.editEverywhere(scene.busiest, performance.now(), resumeMsMax)))
    await start()
    scene.note('cursors back', await scene.observers.cursorsCross())
  })
}

export async function emptyRedis({ cluster: { redis } }: ClusterScene): Promise<void> {
  await redis.run('FLUSHALL')
  await redis.run('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await redis.run('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
}

/** One node, or all, by resets or in silence. */
export async function redisCut(scene: ClusterScene, time: number): Promise<readonly string[]> {
  const { cluster, random } = scene
  const nodes = time % 2 === 1 ? cluster.nodes : cluster.nodes.slice(0, 1)
  const path = (['cut', 'hold-both', 'hold-answers'] as const)[random.below(3)] ?? 'cut'
  const set = (next: ProxyPath): Promise<void> => {
    for (const node of nodes) scene.pathsOf(node).redis.path = next
    return Promise.resolve()
  }
  return withoutRedis(
    scene,
    async () => {
      await set(path)
      await sleep(1_000 + random.below(3_000))
    },
    () => set('open'),
  )
}

export async function withoutPostgres(scene: ClusterScene, signal: 'SIGKILL' | 'SIGQUIT', downMs: number): Promise<readonly string[]> {
  const { load, random } = scene
  const { postgres } = scene.cluster
  const wrong: string[] = []
  const witness = onlineWriter(scene)
  const states: string[] = []
  await postgres.kill(signal)
  const stopListening = witness.session.on('status', ({ state }) => states.push(state))
  // Typed while nothing can be committed.
  const edit = witness.type(random)
  await sleep(Math.max(50, downMs))
  if (edit.acknowledgedAt !== null) wrong.push(`D1: ${edit.token} was acknowledged while PostgreSQL was down`)
  const { state } = witness.session.status
  if (state !== 'saving') wrong.push(`D1: while PostgreSQL was down ${witness.name} showed "${state}" instead of "saving"`)
  states.length = 0
  await postgres.start()
  const backAt = performance.now()
  wrong.push(...(await scene.check()))
  scene.note('resume after return', ...(await load.editEverywhere(scene.busiest, backAt, resumeMsMax)))
  await witness.session.saved()
  // It goes on typing, so "saved" comes at the first moment at which nothing is on its way.
  await eventually(
    `${witness.name} shows "saved" after PostgreSQL is back`,
    () => states.includes('saved') || witness.session.status.state === 'saved',
  )
  stopListening()
  wrong.push(...(await scene.check()))
  await scene.settled()
  return wrong
}

/** A writer of the busiest document that is connected now. */
function onlineWriter(scene: ClusterScene): SdkWriter {
  const writer = scene.load.writers.find(
    ({ documentId, session: { status } }) => documentId === scene.busiest && (status.state === 'saved' || status.state === 'saving'),
  )
  assert.ok(writer !== undefined, 'somebody is online')
  return writer
}

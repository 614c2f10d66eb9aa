// Every fault that a cluster must survive, by name. Each breaks something while people type, repairs it, and answers what was wrong; `prove` repeats
// one and checks everything in between.
import { strict as assert } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { shardOf } from '../../core/document-id.js'
import type { ServerProcess } from '../helpers/server-process.js'
import type { ProxyPath } from '../helpers/tcp-proxy.js'
import type { SdkWriter } from './cluster-load.js'
import { type ClusterScene, clockShift, type SceneOptions } from './cluster-scene.js'

/** Within this time editing goes on after any fault. Far above the promise, which is printed rather than asserted. */
const resumeMsMax = 30_000
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
  | 'join-leave'
  | 'rolling-restart'
  | 'clock'

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
  'join-leave': { play: joinAndLeave },
  'rolling-restart': { play: rollingRestart },
  clock: {
    scene: { node: (node) => (node === 0 ? clockShift(3_600_000) : node === 1 ? clockShift(-3_600_000) : {}) },
    play: wrongClock,
  },
}

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

function busiest(scene: ClusterScene): string {
  const [documentId] = scene.load.documentIds
  assert.ok(documentId !== undefined)
  return documentId
}

async function ownerKill(scene: ClusterScene, time: number): Promise<readonly string[]> {
  const documentId = busiest(scene)
  if (time === 1) await scene.cursorsCross(resumeMsMax)
  const owner = await scene.ownerOf(documentId)
  await scene.turns(5 + scene.random.below(30))
  const killedAt = performance.now()
  await owner.kill()
  const resumed = scene.load.editEverywhere(documentId, killedAt, resumeMsMax)
  resumed.catch(() => {})
  // Before anybody takes over: after that, clients would give back what was lost.
  const wrong = await scene.check()
  scene.note('resume', ...(await resumed))
  wrong.push(...(await scene.check()))
  if (time === 1) scene.note('cursor gone', await scene.cursorGone(owner, killedAt))
  await owner.restart()
  await scene.settled()
  return wrong
}

/** The times are spread over 1 to 15 s, however few there are. */
async function ownerPause(scene: ClusterScene, time: number): Promise<readonly string[]> {
  const documentId = busiest(scene)
  const before = await scene.ledger.ownerOf(documentId)
  const owner = scene.nodeOf(before.nodeId)
  const pauseMs = 1_000 + ((time * 5_000 + scene.random.below(5_000)) % 14_000)
  await scene.turns(5)
  const pausedAt = performance.now()
  owner.signal('SIGSTOP')
  scene.avoided.add(owner)
  const resumed = scene.load.editEverywhere(documentId, pausedAt, resumeMsMax)
  // Looked at below, after the node runs again.
  resumed.catch(() => {})
  // Before anybody takes over: after that, clients would give back what was lost.
  const wrong = await scene.check()
  try {
    await sleep(pauseMs)
  } finally {
    owner.signal('SIGCONT')
    scene.avoided.delete(owner)
  }
  scene.note('resume', ...(await resumed))
  scene.note('paused', pauseMs)
  wrong.push(...(await scene.check()))
  await scene.settled()
  const after = await scene.ledger.ownerOf(documentId)
  // Well past the time after which a silent node is dead: somebody else must have taken over meanwhile.
  if (pauseMs > 6_000 && after.epoch === before.epoch)
    wrong.push(`O2: nobody took ${documentId} over from a node that was stopped for ${pauseMs} ms`)
  return wrong
}

/** Ownership must not move while `during` runs, and nobody's edits may be refused or wait. */
async function ownershipStays(scene: ClusterScene, during: () => Promise<void>): Promise<string[]> {
  const before = await scene.ledger.ownership()
  await during()
  const after = await scene.ledger.ownership()
  const moved = [...after].filter(([shard, { epoch }]) => before.get(shard)?.epoch !== epoch).length
  return moved === 0 ? [] : [`O4: ${moved} shards changed hands`]
}

async function withoutRedis(scene: ClusterScene, stop: () => Promise<unknown>, start: () => Promise<unknown>): Promise<readonly string[]> {
  await scene.cursorsCross(resumeMsMax)
  return ownershipStays(scene, async () => {
    await stop()
    await scene.turns(20 + scene.random.below(60))
    scene.note('edit without Redis', ...(await scene.load.editEverywhere(busiest(scene), performance.now(), resumeMsMax)))
    await start()
    scene.note('cursors back', await scene.cursorsCross())
  })
}

async function emptyRedis({ cluster: { redis } }: ClusterScene): Promise<void> {
  await redis.run('FLUSHALL')
  await redis.run('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await redis.run('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
}

/** One node, or all, by resets or in silence. */
async function redisCut(scene: ClusterScene, time: number): Promise<readonly string[]> {
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

async function withoutPostgres(scene: ClusterScene, signal: 'SIGKILL' | 'SIGQUIT', downMs: number): Promise<readonly string[]> {
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
  scene.note('resume after return', ...(await load.editEverywhere(busiest(scene), backAt, resumeMsMax)))
  await witness.session.saved()
  if (!states.includes('saved')) wrong.push(`D1: ${witness.name} showed ${states.join(', ')} after PostgreSQL was back, and never "saved"`)
  stopListening()
  wrong.push(...(await scene.check()))
  await scene.settled()
  return wrong
}

/** A writer of the busiest document that is connected now. */
function onlineWriter(scene: ClusterScene): SdkWriter {
  const writer = scene.load.writers.find(
    ({ documentId, session: { status } }) => documentId === busiest(scene) && (status.state === 'saved' || status.state === 'saving'),
  )
  assert.ok(writer !== undefined, 'somebody is online')
  return writer
}

async function cutFromPostgres(scene: ClusterScene, modes: readonly ProxyPath[]): Promise<readonly string[]> {
  const { ledger, load, random } = scene
  const before = await ledger.ownership()
  const { nodeId } = await ledger.ownerOf(busiest(scene))
  const owner = scene.nodeOf(nodeId)
  const documents = await scene.documentsOf(String(nodeId))
  const { postgres } = scene.pathsOf(owner)
  const wrong: string[] = []
  const cutAt = performance.now()
  postgres.path = modes[random.below(modes.length)] ?? 'cut'
  scene.avoided.add(owner)
  try {
    // What was committed before the cut may still be on its way to its clients.
    await sleep(300)
    wrong.push(...(await scene.check()))
    const known = new Map(documents.map((documentId) => [documentId, load.acknowledged(documentId)]))
    for (let waiting = [...documents]; waiting.length > 0; ) {
      assert.ok(
        performance.now() - cutAt < resumeMsMax,
        `O2: ${waiting.join(', ')} did not move from a node without PostgreSQL\n${scene.outputs()}`,
      )
      // Counted before the look at the owner: if that has not moved, nothing can have been committed when they were counted.
      const counted = new Map(waiting.map((documentId) => [documentId, load.acknowledged(documentId)]))
      const now = await ledger.ownership()
      waiting = waiting.filter((documentId) => now.get(shardOf(documentId))?.epoch === before.get(shardOf(documentId))?.epoch)
      for (const documentId of waiting)
        if (counted.get(documentId) !== known.get(documentId))
          wrong.push(`D1: an edit of ${documentId} was acknowledged though its owner had no PostgreSQL`)
      await sleep(50)
    }
    scene.note('ownership moved', performance.now() - cutAt)
    // Clients of the node itself too: it cannot read who owns its documents now, and still has to find out.
    scene.note('resume', ...(await load.editEverywhere(busiest(scene), cutAt, resumeMsMax)))
    wrong.push(...(await scene.check()))
  } finally {
    postgres.path = 'open'
    scene.avoided.delete(owner)
  }
  await scene.settled()
  return wrong
}

/** Other nodes cannot reach the owner; both reach PostgreSQL, so ownership stays, and sessions wait until the path is back. */
async function cutFromNodes(scene: ClusterScene, modes: readonly ProxyPath[]): Promise<readonly string[]> {
  const { random, load } = scene
  const owner = await scene.ownerOf(busiest(scene))
  const { incoming } = scene.pathsOf(owner)
  await load.editEverywhere(busiest(scene), performance.now(), resumeMsMax)
  assert.ok(incoming.connections > 0, 'other nodes have links to the owner')
  return ownershipStays(scene, async () => {
    incoming.path = modes[random.below(modes.length)] ?? 'cut'
    await sleep(1_000 + random.below(7_000))
    incoming.path = 'open'
    scene.note('resume after return', ...(await load.editEverywhere(busiest(scene), performance.now(), resumeMsMax)))
  })
}

/** Plays `during` and answers the closes of sockets on all nodes but one. Notes how long the sessions that lost theirs were away. */
async function closesElsewhere(scene: ClusterScene, leaving: ServerProcess | null, during: () => Promise<void>): Promise<string[]> {
  const { load } = scene
  const closesBefore = load.chooser.closes.length
  const reconnectsBefore = new Map(load.writers.map((writer) => [writer, writer.reconnectsMs.length]))
  await during()
  for (const [writer, count] of reconnectsBefore) scene.note('reconnect', ...writer.reconnectsMs.slice(count))
  return load.chooser.closes
    .slice(closesBefore)
    .filter(({ node }) => node !== leaving?.webSocketUrl)
    .map(({ node, code }) => `O5: ${node} closed a socket with ${code} though it stays`)
}

/** A fourth node joins and one of the three leaves; then that one comes back and the fourth leaves. */
async function joinAndLeave(scene: ClusterScene): Promise<readonly string[]> {
  const { cluster, random } = scene
  const leaving = cluster.nodes[random.below(3)]
  assert.ok(leaving !== undefined)
  const fourth = cluster.nodes[3]
  const wrong = await closesElsewhere(scene, null, () =>
    joinAndSettle(scene, () => (fourth === undefined ? cluster.addNode() : fourth.restart())),
  )
  wrong.push(...(await closesElsewhere(scene, leaving, () => stopAndSettle(scene, leaving))))
  wrong.push(...(await closesElsewhere(scene, null, () => joinAndSettle(scene, () => leaving.restart()))))
  const joined = cluster.nodes[3]
  assert.ok(joined !== undefined)
  wrong.push(...(await closesElsewhere(scene, joined, () => stopAndSettle(scene, joined))))
  return wrong
}

async function joinAndSettle(scene: ClusterScene, join: () => Promise<unknown>): Promise<void> {
  const joinedAt = performance.now()
  await join()
  await scene.settled()
  scene.note('joined', performance.now() - joinedAt)
  await scene.turns(20)
}

async function stopAndSettle(scene: ClusterScene, node: ServerProcess): Promise<void> {
  const stoppedAt = performance.now()
  const exitCode = await node.stop()
  assert.equal(exitCode, 0, `a node that is asked to stop ends cleanly\n${node.output.slice(-3_000)}`)
  scene.note('left', performance.now() - stoppedAt)
  scene.note('edit after leaving', ...(await scene.load.editEverywhere(busiest(scene), performance.now(), resumeMsMax)))
  await scene.settled()
}

async function rollingRestart(scene: ClusterScene): Promise<readonly string[]> {
  const wrong: string[] = []
  for (const node of scene.cluster.nodes.slice(0, 3)) {
    wrong.push(
      ...(await closesElsewhere(scene, node, async () => {
        await stopAndSettle(scene, node)
        await node.restart()
        await scene.settled()
      })),
    )
  }
  return wrong
}

/** The clocks are wrong from the start, see the scene: ownership must stay, and a takeover must come neither early nor late. */
async function wrongClock(scene: ClusterScene): Promise<readonly string[]> {
  const stays = await ownershipStays(scene, async () => {
    await scene.cursorsCross(resumeMsMax)
    await sleep(4_000)
    scene.note('edit', ...(await scene.load.editEverywhere(busiest(scene), performance.now(), resumeMsMax)))
  })
  return [...stays, ...(await ownerKill(scene, 1))]
}

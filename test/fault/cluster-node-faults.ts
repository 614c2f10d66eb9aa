// Faults of one node: it is killed, stopped and resumed, cut off, or its clock is wrong. Each breaks something while people type, repairs it, and answers
// what was wrong.
import { strict as assert } from 'node:assert'
import { setTimeout as sleep } from 'node:timers/promises'
import { shardOf } from '../../core/document-id.js'
import type { ProxyPath } from '../helpers/tcp-proxy.js'
import { breakPaths, type PathFault } from './client-paths.js'
import { type ClusterScene, resumeMsMax } from './cluster-scene.js'

const PASTE_CHARACTERS = 40_000

export async function ownerKill(scene: ClusterScene, time: number): Promise<readonly string[]> {
  const documentId = scene.busiest
  if (time === 1) await scene.observers.cursorsCross(resumeMsMax)
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
  if (time === 1) scene.note('cursor gone', await scene.observers.cursorGone(owner, killedAt))
  await owner.restart()
  await scene.settled()
  return wrong
}

/** The times are spread over 1 to 15 s, however few there are. */
export async function ownerPause(scene: ClusterScene, time: number): Promise<readonly string[]> {
  const documentId = scene.busiest
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

export async function cutFromPostgres(scene: ClusterScene, modes: readonly ProxyPath[]): Promise<readonly string[]> {
  const { ledger, load, random } = scene
  const before = await ledger.ownership()
  const { nodeId } = await ledger.ownerOf(scene.busiest)
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
          wrong.push(`D1 O3: an edit of ${documentId} was acknowledged though its owner had no PostgreSQL`)
      await sleep(50)
    }
    scene.note('ownership moved', performance.now() - cutAt)
    // Clients of the node itself too: it cannot read who owns its documents now, and still has to find out.
    scene.note('resume', ...(await load.editEverywhere(scene.busiest, cutAt, resumeMsMax)))
    wrong.push(...(await scene.check()))
  } finally {
    postgres.path = 'open'
    scene.avoided.delete(owner)
  }
  await scene.settled()
  return wrong
}

/** Other nodes cannot reach the owner; both reach PostgreSQL, so ownership stays, and sessions wait until the path is back. */
export async function cutFromNodes(scene: ClusterScene, modes: readonly ProxyPath[]): Promise<readonly string[]> {
  const { random, load } = scene
  const owner = await scene.ownerOf(scene.busiest)
  const { incoming } = scene.pathsOf(owner)
  await load.editEverywhere(scene.busiest, performance.now(), resumeMsMax)
  assert.ok(incoming.connections > 0, 'other nodes have links to the owner')
  return scene.ownershipStays(async () => {
    incoming.path = modes[random.below(modes.length)] ?? 'cut'
    await sleep(1_000 + random.below(7_000))
    incoming.path = 'open'
    scene.note('resume after return', ...(await load.editEverywhere(scene.busiest, performance.now(), resumeMsMax)))
  })
}

/** Links to the owner, or its way to PostgreSQL, carry few bytes a second; people go on meanwhile, and ownership stays. */
export async function slowPaths(
  scene: ClusterScene,
  rates: { readonly incoming?: number; readonly postgres?: number },
): Promise<readonly string[]> {
  const { random, load } = scene
  const { incoming, postgres } = scene.pathsOf(await scene.ownerOf(scene.busiest))
  return scene.ownershipStays(async () => {
    incoming.bytesPerSecond = rates.incoming ?? null
    postgres.bytesPerSecond = rates.postgres ?? null
    try {
      const slowAt = performance.now()
      await sleep(1_000 + random.below(4_000))
      scene.note('edit while slow', ...(await load.editEverywhere(scene.busiest, slowAt, resumeMsMax)))
    } finally {
      incoming.bytesPerSecond = null
      postgres.bytesPerSecond = null
    }
    scene.note('edit afterwards', ...(await load.editEverywhere(scene.busiest, performance.now(), resumeMsMax)))
  })
}

/** Links to the owner, and its way to Redis, stall and are reset at random, as on a network that loses packets; ownership stays. */
export async function lossyPaths(scene: ClusterScene): Promise<readonly string[]> {
  const { random, load } = scene
  const { incoming, redis } = scene.pathsOf(await scene.ownerOf(scene.busiest))
  return scene.ownershipStays(async () => {
    for (let losses = 4 + random.below(8); losses > 0; losses--) {
      const path = random.below(2) === 0 ? incoming : redis
      path.path = random.below(4) === 0 ? 'cut' : 'hold-both'
      await sleep(50 + random.below(700))
      path.path = 'open'
      await sleep(random.below(500))
    }
    scene.note('edit afterwards', ...(await load.editEverywhere(scene.busiest, performance.now(), resumeMsMax)))
  })
}

/** What clients have of a way to all nodes is slow, narrow or lossy; people type and paste over it, and ownership stays. */
export async function clientPaths(scene: ClusterScene, fault: PathFault): Promise<readonly string[]> {
  const { random, load, cluster } = scene
  const paths = cluster.nodes.map((node) => scene.pathsOf(node).clients)
  const lostBefore = load.chooser.closes.length
  const stays = await scene.ownershipStays(async () => {
    await breakPaths(fault, paths, random, async () => {
      scene.note('paste', await load.paste(scene.busiest, PASTE_CHARACTERS, resumeMsMax))
      scene.note('edit meanwhile', ...(await load.editEverywhere(scene.busiest, performance.now(), resumeMsMax)))
    })
    scene.note('edit afterwards', ...(await load.editEverywhere(scene.busiest, performance.now(), resumeMsMax)))
  })
  scene.note('sockets lost', load.chooser.closes.length - lostBefore)
  return stays
}

/** The clocks are wrong from the start, see the scene: ownership must stay, and a takeover must come neither early nor late. */
export async function wrongClock(scene: ClusterScene): Promise<readonly string[]> {
  const stays = await scene.ownershipStays(async () => {
    await scene.observers.cursorsCross(resumeMsMax)
    await sleep(4_000)
    scene.note('edit', ...(await scene.load.editEverywhere(scene.busiest, performance.now(), resumeMsMax)))
  })
  return [...stays, ...(await ownerKill(scene, 1))]
}

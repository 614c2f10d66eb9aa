// Planned moves: nodes join, leave and are restarted while people type. Each answers what was wrong, closed sockets on nodes that stay (O5) among it.
import { strict as assert } from 'node:assert'
import type { ServerProcess } from '../helpers/server-process.js'
import { type ClusterScene, resumeMsMax } from './cluster-scene.js'

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
export async function joinAndLeave(scene: ClusterScene): Promise<readonly string[]> {
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
  scene.note('edit after leaving', ...(await scene.load.editEverywhere(scene.busiest, performance.now(), resumeMsMax)))
  await scene.settled()
}

export async function rollingRestart(scene: ClusterScene): Promise<readonly string[]> {
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

// A node is cut off from PostgreSQL and from the other nodes, by resets and in silence, or reaches them slowly or with losses, and so do the people who type on
// three real nodes.
import { after, before, test } from 'node:test'
import { settlesWithin, systemClock } from '../../core/clock.js'
import { prove } from './cluster-faults.js'
import { ClusterScene } from './cluster-scene.js'

const seed = Number(process.env['WEFT_FAULT_SEED'] ?? 20_265)
const CLOSE_MS_MAX = 90_000
let scene: ClusterScene
let isStarted = false

before(async () => {
  console.log(`seed ${seed}`)
  scene = await ClusterScene.start({ seed, proxied: true })
  isStarted = true
})
after(async () => {
  if (!isStarted) return
  const closing = scene.close()
  const isClosed = await settlesWithin(systemClock, CLOSE_MS_MAX, closing)
  if (isClosed) await closing
  // In one of some fifteen runs the process went on after the last test, for a reason that is not known yet: what was proved stands, and what is left says where to look.
  setTimeout(
    () => {
      console.error(`The scene ${isClosed ? 'closed' : 'did not close'}, and there is left: ${process.getActiveResourcesInfo().join(', ')}`)
      console.error(scene.outputs().slice(-2_000))
      for (const node of scene.cluster.nodes) node.signal('SIGKILL')
      process.exit()
    },
    isClosed ? CLOSE_MS_MAX : 0,
  ).unref()
})

test('D1 O1 O2 O3: a node without PostgreSQL acknowledges nothing, and loses its documents to others', async () => {
  await prove(scene, 'node-cut-from-postgres', { times: 1 })
  await prove(scene, 'node-half-open-postgres', { times: 1 })
})

test('D1 S1: sessions re-attach after a node could not be reached by the others', async () => {
  await prove(scene, 'node-cut-from-node', { times: 1 })
  await prove(scene, 'node-half-open-node', { times: 1 })
})

test('D1 S1: people go on typing over slow and lossy paths between nodes and to PostgreSQL, and ownership stays', async () => {
  for (const fault of ['slow-link', 'slow-postgres', 'lossy-link'] as const) await prove(scene, fault, { times: 1 })
})

test('D1 S1: people go on typing and pasting over slow, narrow and lossy paths between them and the nodes', async () => {
  for (const fault of ['slow-clients', 'narrow-clients', 'lossy-clients'] as const) await prove(scene, fault, { times: 1 })
})

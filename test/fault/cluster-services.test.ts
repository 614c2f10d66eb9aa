// Redis and PostgreSQL go away and come back while people type on three real nodes.
import { after, before, test } from 'node:test'
import { prove } from './cluster-faults.js'
import { ClusterScene } from './cluster-scene.js'

const seed = Number(process.env['WEFT_FAULT_SEED'] ?? 20_264)
let scene: ClusterScene

before(async () => {
  console.log(`seed ${seed}`)
  scene = await ClusterScene.start({ seed, proxied: true })
})
after(() => scene?.close())

test('O4 D3: without Redis no edit is refused and no shard moves, and cursors cross nodes again after its return', async () => {
  await prove(scene, 'redis-kill', { times: 1 })
  await prove(scene, 'redis-empty', { times: 1 })
  await prove(scene, 'redis-cut', { times: 1 })
})

test('D1 D3: PostgreSQL is restarted and killed; nothing acknowledged is lost, and clients show saving, then saved', async () => {
  await prove(scene, 'postgres-restart', { times: 1 })
  await prove(scene, 'postgres-kill', { times: 1 })
})

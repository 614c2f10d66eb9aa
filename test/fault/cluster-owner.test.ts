// The owner of the busiest document is killed, and stopped and resumed, while people type on three real nodes.
import { after, before, test } from 'node:test'
import { prove } from './cluster-faults.js'
import { ClusterScene } from './cluster-scene.js'

const seed = Number(process.env['WEFT_FAULT_SEED'] ?? 20_263)
let scene: ClusterScene

before(async () => {
  console.log(`seed ${seed}`)
  scene = await ClusterScene.start({ seed })
})
after(() => scene?.close())

test('A4 D1 D2 D3 D5 O1 O2 S1: 4 kills of the owner lose no edit, and editing goes on', () => prove(scene, 'owner-kill', { times: 4 }))
test('D1 O1 O3 S1: an owner that is stopped and resumed appends and acknowledges nothing of its own', () =>
  prove(scene, 'owner-pause', { times: 3 }))

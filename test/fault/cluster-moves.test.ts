// Planned moves while people type on real nodes: one joins and leaves, all are restarted one after the other; and two of them have wrong clocks.
import { after, before, test } from 'node:test'
import { faults, prove } from './cluster-faults.js'
import { ClusterScene } from './cluster-scene.js'

const seed = Number(process.env['WEFT_FAULT_SEED'] ?? 20_266)
let scene: ClusterScene

before(async () => {
  console.log(`seed ${seed}`)
  scene = await ClusterScene.start({ seed, ...faults.clock.scene })
})
after(() => scene?.close())

test('O2 O4: clocks that are off by an hour, one ahead and one behind, change nothing', () => prove(scene, 'clock', { times: 1 }))
test('O5 G4: a node joins and leaves, and no socket on the others closes', () => prove(scene, 'join-leave', { times: 1 }))
test('O5 G4 D1: all nodes are restarted in turn, and no edit is lost', () => prove(scene, 'rolling-restart', { times: 1 }))

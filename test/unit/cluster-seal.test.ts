// The seal on what nodes say over Redis: who knows the secret can make it and check it, in one place and one cluster only.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counters } from '../../core/counters.js'
import { silentLogger } from '../../core/log.js'
import { SealedTransport } from '../../server/awareness/exchange/sealed-transport.js'
import { MemoryNetwork } from '../../server/awareness/exchange/transport.js'
import { ClusterSeal } from '../../server/redis/cluster-seal.js'
import { ManualClock } from '../helpers/manual-clock.js'

const secret = 'a secret of sixteen characters or more'
const bytes = Uint8Array.of(1, 2, 3)

test('a seal holds for the bytes as a whole, in its place, under the secret and the cluster that made it', () => {
  const seal = new ClusterSeal(secret, 'cluster')
  const sealed = seal.seal('a', bytes)
  assert.deepEqual([...(seal.open('a', sealed) ?? [])], [...bytes])
  assert.equal(seal.open('b', sealed), null)
  assert.equal(new ClusterSeal(secret, 'other').open('a', sealed), null)
  assert.equal(new ClusterSeal('another secret of the right length', 'cluster').open('a', sealed), null)
  for (let length = 0; length < sealed.length; length++) assert.equal(seal.open('a', sealed.subarray(0, length)), null)
  for (let index = 0; index < sealed.length; index++) {
    const flipped = Uint8Array.from(sealed)
    flipped[index] = (flipped[index] ?? 0) ^ 1
    assert.equal(seal.open('a', flipped), null)
  }
  // What belongs to the place cannot be moved into the bytes.
  assert.equal(seal.open('a\u0001', seal.seal('a', Uint8Array.of(1, ...bytes)).subarray(1)), null)
  assert.equal(seal.openText('a', seal.sealText('a', 'text ü')), 'text ü')
  assert.equal(seal.openText('b', seal.sealText('a', 'text')), null)
  for (const nonsense of ['', 'text', 'zz'.repeat(16), '00'.repeat(16)]) assert.equal(seal.openText('a', nonsense), null)
})

test('clusters with other secrets or other databases have other names, and a name does not show the secret', () => {
  const tags = [new ClusterSeal(secret, 'a'), new ClusterSeal(secret, 'b'), new ClusterSeal(`${secret}!`, 'a')].map(({ tag }) => tag)
  assert.equal(new Set(tags).size, 3)
  for (const tag of tags) assert.match(tag, /^[0-9a-f]{12}$/)
  assert.equal(new ClusterSeal(secret, 'a').tag, tags[0])
})

test('A2: a frame of somebody without the secret is dropped and counted, and those of the cluster arrive', () => {
  const clock = new ManualClock()
  const network = new MemoryNetwork(clock)
  const counters = new Counters()
  const seal = new ClusterSeal(secret, 'cluster')
  const node = (nodeId: string) => new SealedTransport({ inner: network.transport(nodeId), seal, counters, logger: silentLogger })
  const heard: number[][] = []
  const listener = {
    subscribed: () => {},
    received: (_id: string, frame: Uint8Array) => void heard.push([...frame]),
    lost: () => {},
    writable: () => {},
  }
  const [a, b] = [node('a'), node('b')]
  b.listen(listener)
  b.subscribe('document')
  const stranger = network.transport('stranger')
  clock.flush()
  stranger.publish('document', bytes)
  stranger.publish('document', new Uint8Array(100))
  a.publish('document', bytes)
  clock.flush()
  assert.deepEqual(heard, [[...bytes]])
  assert.equal(counters.get('awareness_bus_frames_forged'), 2)
})

// The lazy collections do what Map and Set do, whatever is done to them.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { LazyMap, LazySet } from '../../core/lazy-collections.js'
import { seededRandom } from '../../core/random.js'

test('a lazy map and a lazy set hold what a Map and a Set do, in the same order', () => {
  const random = seededRandom(7)
  const [map, lazyMap] = [new Map<number, number>(), new LazyMap<number, number>()]
  const [set, lazySet] = [new Set<number>(), new LazySet<number>()]
  for (let step = 0; step < 5_000; step++) {
    const key = random.below(8)
    switch (random.below(step % 100 < 50 ? 3 : 4)) {
      case 0:
        map.set(key, step)
        lazyMap.set(key, step)
        set.add(key)
        lazySet.add(key)
        break
      case 1:
        assert.equal(lazyMap.delete(key), map.delete(key))
        assert.equal(lazySet.delete(key), set.delete(key))
        break
      case 2:
        assert.deepEqual([lazyMap.get(key), lazyMap.has(key), lazySet.has(key)], [map.get(key), map.has(key), set.has(key)])
        break
      default:
        map.clear()
        lazyMap.clear()
    }
    assert.deepEqual([...lazyMap], [...map])
    assert.deepEqual([[...lazyMap.keys()], [...lazyMap.values()], [...lazySet]], [[...map.keys()], [...map.values()], [...set]])
    assert.deepEqual([lazyMap.size, lazySet.size], [map.size, set.size])
  }
})

test('what is deleted while a lazy map is gone through is passed over', () => {
  const map = new LazyMap<string, number>()
  for (const key of ['a', 'b', 'c']) map.set(key, 1)
  const seen: string[] = []
  for (const [key] of map) {
    seen.push(key)
    map.delete('b')
  }
  assert.deepEqual(seen, ['a', 'c'])
})

// A server of which the start fails leaves nothing behind, and its program can make another.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { silentLogger } from '../../core/log.js'
import { MemoryStore } from '../../persistence/index.js'
import { createServer } from '../../server/index.js'
import { FaultyStore } from '../helpers/faulty-store.js'
import { ManualClock } from '../helpers/manual-clock.js'

test('a start that fails in the middle leaves no timer and owns nothing, and the program can make another server on the same store', async () => {
  const clock = new ManualClock()
  const store = new FaultyStore(new MemoryStore({ clock }))
  const options = { store, clock, demo: false, logger: silentLogger } as const
  // This store keeps no cursors, which is found out when all shards are claimed.
  const webhooks = { urls: ['http://127.0.0.1:9/'], secret: 'a secret of the right length' }
  await assert.rejects(createServer({ ...options, webhooks }), { code: 'invalid-configuration' })
  assert.equal(clock.timerCount, 0)
  const owned = (await store.readOwnership()).filter(({ owner }) => owner !== null)
  assert.deepEqual(owned, [])
  const server = await createServer(options)
  assert.equal((await server.fetch(new Request('http://localhost/readyz'))).status, 200)
  await server.close()
  assert.equal(clock.timerCount, 0)
})

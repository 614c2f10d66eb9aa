// A drain, as clients see it, and what those show that come back.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { seededRandom } from '../../core/random.js'
import { MemoryKeyedRecords } from '../../persistence/memory/memory-keyed-records.js'
import { Resumptions } from '../../server/access/resumptions.js'
import { gatewayBench } from '../helpers/gateway-bench.js'
import { ManualClock } from '../helpers/manual-clock.js'

const CLIENTS = 2_000
const WINDOW_MS = 8_000

test('G4: a drain tells everybody at once, and closes them evenly over its window, each with 1012', async () => {
  const { clock, gateway, connect, connectWeft, stop } = await gatewayBench()
  const ours = Array.from({ length: 50 }, () => connectWeft())
  const stock = Array.from({ length: CLIENTS - 50 }, (_, number) => connect({ target: `/notes-${number % 20}` }))
  await clock.settle()
  const drained = gateway.drain(WINDOW_MS)
  await clock.settle()
  const open = (): number => [...ours, ...stock].filter(({ closing }) => closing === null).length
  assert.ok(
    ours.slice(1).every((client) => client.closing === null && client.weftOf('drain').length === 1),
    'our clients are told before they are closed',
  )
  assert.deepEqual(ours[7]?.weftOf('drain'), [{ type: 'drain', retryAfterMs: 0 }])
  assert.equal(gateway.admission(null), 'draining')
  for (const quarter of [1, 2, 3]) {
    await clock.advanceAsync(WINDOW_MS / 4)
    const left = open() / CLIENTS
    assert.ok(Math.abs(left - (1 - quarter / 4)) < 0.01, `${left} are left after ${quarter} quarters of the window`)
  }
  await clock.advanceAsync(WINDOW_MS / 4)
  assert.equal(open(), 0)
  assert.ok([...ours, ...stock].every(({ closing }) => closing?.code === 1012))
  await drained
  await stop()
})

test('what a client shows that comes back counts on every node of a store, once on each, for seven days from the sixth second on', async () => {
  const clock = new ManualClock()
  const records = new MemoryKeyedRecords(clock)
  const node = async (seed: number): Promise<Resumptions> => {
    const resumptions = new Resumptions(clock, seededRandom(seed))
    await resumptions.start(records)
    return resumptions
  }
  const first = await node(1)
  const second = await node(2)
  const shown = first.issue()
  assert.match(shown, /^[\w.-]+$/)
  assert.equal(second.redeem(shown), false, 'too soon')
  clock.advance(6_000)
  assert.equal(second.redeem(`${shown}x`), false)
  assert.equal(second.redeem(shown.replace(/^./, '1')), false)
  for (const text of ['', '.', '..', 'a.b.c']) assert.equal(second.redeem(text), false)
  assert.equal(second.redeem(shown), true)
  assert.equal(second.redeem(shown), false, 'used')
  assert.equal(first.redeem(shown), true, 'on another node')
  const stranger = new Resumptions(clock, seededRandom(3)).issue()
  const late = first.issue()
  clock.advance(6_000)
  assert.equal(first.redeem(stranger), false)
  clock.advance(8 * 86_400_000)
  assert.equal(first.redeem(late), false)
})

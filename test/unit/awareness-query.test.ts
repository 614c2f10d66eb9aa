// A client that asks who is here, again and again: it is owed one answer at a time.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { encoded } from '../helpers/awareness.js'
import { gatewayBench } from '../helpers/gateway-bench.js'

test('G1: awarenessQueryMs: a thousand questions get one answer at once and one later, and none after the client has left', async () => {
  const { clock, connect, stop } = await gatewayBench({ limits: { awarenessQueryMs: 1_000 } })
  const ada = connect()
  const eve = connect()
  for (const client of [ada, eve]) client.sendY({ type: 'sync-step-1', stateVector: Uint8Array.of(0) })
  await clock.settle()
  ada.sendY({ type: 'awareness', update: encoded([1, 1, { name: 'Ada' }]) })
  await clock.advanceAsync(100)
  const answers = (): number => eve.yOf('awareness').length
  const before = answers()
  for (let question = 0; question < 1_000; question++) eve.sendY({ type: 'query-awareness' })
  await clock.advanceAsync(500)
  assert.equal(answers(), before + 1)
  await clock.advanceAsync(5_000)
  assert.equal(answers(), before + 2)
  for (let question = 0; question < 10; question++) eve.sendY({ type: 'query-awareness' })
  eve.leave()
  await clock.advanceAsync(100)
  await stop()
  assert.equal(clock.timerCount, 0)
})
